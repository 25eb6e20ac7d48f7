//! An entry of a tar stream, assembled from its header and the extended headers before it.
//!
//! The precedence of the headers is that of Go's `archive/tar` (`reader.go`, `next` and `mergePAX`),
//! which reads layers for Docker, containerd, Podman and BuildKit.

use super::ambiguity::Ambiguity;
use super::entry::{Data, Mtime, Xattr};
use super::header::TarHeader;
use super::pax::Pax;
use super::sparse;

/// An entry of a tar stream, with all its headers applied.
pub(crate) struct TarMember {
    pub path: Vec<u8>,
    pub type_flag: u8,
    pub link: Vec<u8>,
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Mtime,
    /// Length of the file, including holes.
    pub size: u64,
    pub device: (u32, u32),
    pub xattrs: Vec<Xattr>,
    pub data: Data,
}

impl TarMember {
    /// Returns roughly how many bytes of memory this entry takes.
    pub(crate) fn weight(&self) -> u64 {
        let xattrs = self
            .xattrs
            .iter()
            .map(|x| x.name.len() + x.value.len() + 64);
        let map = match &self.data {
            Data::Sparse(extents) => size_of_val(&**extents),
            Data::None | Data::Whole(_) => 0,
        };
        (256 + self.path.len() + self.link.len() + xattrs.sum::<usize>() + map) as u64
    }
}

/// The header of an entry, and the extended headers that belong to it.
pub(crate) struct Headers {
    pub header: TarHeader,
    pub pax: Pax,
    /// The GNU long name. An empty one is ignored.
    pub long_path: Option<Vec<u8>>,
    /// The GNU long link name. An empty one is ignored.
    pub long_link: Option<Vec<u8>>,
    /// Set if a PAX header was found before this entry, for this entry or an earlier one.
    pub is_pax_archive: bool,
}

impl Headers {
    /// Returns the name, the link target and the type of the entry.
    fn names(&self) -> (Vec<u8>, Vec<u8>, u8) {
        let choose = |long: &Option<Vec<u8>>, key: &[u8], own: &dyn Fn() -> Vec<u8>| match long {
            Some(long) if !long.is_empty() => long.clone(),
            _ => self.pax.get(key).map_or_else(own, <[u8]>::to_vec),
        };
        let mut path = choose(&self.long_path, b"path", &|| self.header.name());
        let link = choose(&self.long_link, b"linkpath", &|| {
            self.header.link_name().to_vec()
        });
        let type_flag = match self.header.type_flag() {
            // V7 has no type flag for directories, only a slash at the end of the name.
            0 if path.ends_with(b"/") => b'5',
            // POSIX allows contiguous files to be read as regular ones.
            0 | b'7' => b'0',
            flag => flag,
        };
        // This is the real name; `path` names a directory that never existed.
        if let Some(name) = self.pax.get(b"GNU.sparse.name")
            && type_flag != b'S'
            && matches!(sparse::from_pax(&self.pax), Ok(Some(_)))
        {
            path = name.to_vec();
        }
        (path, link, type_flag)
    }

    /// Returns the path of the entry, for error messages.
    pub(crate) fn path(&self) -> Vec<u8> {
        self.names().0
    }

    /// Returns the entry without its data, and the length of its data as stored.
    ///
    /// # Errors
    /// Returns the name of a malformed field.
    pub(crate) fn member(&self) -> Result<(TarMember, u64), &'static str> {
        let header = &self.header;
        let (path, link, type_flag) = self.names();
        if path.contains(&0) {
            return Err("name");
        }
        for key in [&b"atime"[..], b"ctime"] {
            if self.pax.time(key) == Some(None) {
                return Err("PAX time");
            }
        }
        let mtime = self.pax.time(b"mtime").unwrap_or(Some(Mtime {
            sec: header.mtime,
            nsec: 0,
        }));
        let number =
            |key: &[u8], field: i64, name| self.pax.number(key).unwrap_or(Some(field)).ok_or(name);
        let uid = number(b"uid", header.uid, "uid")?;
        let gid = number(b"gid", header.gid, "gid")?;
        let size = number(b"size", header.size, "size")?;
        let has_data = !matches!(type_flag, b'1'..=b'6');
        if has_data && (size < 0 || header.size < 0) {
            return Err("size");
        }
        let (major, minor) = match type_flag {
            b'3' | b'4' => header.device,
            _ => (0, 0),
        };
        // Links, devices, directories and pipes have no data, even if their size field is not 0 (POSIX,
        // ustar).
        let stored = if has_data { size } else { 0 };
        let member = TarMember {
            path,
            type_flag,
            link,
            // Only the permission bits. The type is in the type flag.
            mode: (header.mode & 0o7777) as u16,
            uid: id(uid),
            gid: id(gid),
            mtime: mtime.ok_or("mtime")?,
            size: 0,
            // The lower 32 bits, as in the programs that unpack layers (moby, system.Mkdev).
            device: (major as u32, minor as u32),
            xattrs: self.pax.xattrs(),
            data: Data::None,
        };
        Ok((member, stored.try_into().unwrap_or_default()))
    }

    /// Returns the first record that GNU tar or libarchive applies to this entry and Go's `archive/tar`
    /// does not.
    fn partial_record(&self, member: &TarMember) -> Option<Ambiguity> {
        let pax = &self.pax;
        let is_sparse = || match member.type_flag {
            b'S' => true,
            _ => !matches!(sparse::from_pax(pax), Ok(None)),
        };
        let differs = |key: &[u8], value: i64| pax.number(key).is_some_and(|n| n != Some(value));
        let applies = |key: &&[u8]| match *key {
            b"SCHILY.devmajor" => differs(key, self.header.device.0),
            b"SCHILY.devminor" => differs(key, self.header.device.1),
            b"SCHILY.realsize" => differs(key, i64::try_from(member.size).unwrap_or(i64::MAX)),
            b"GNU.sparse.name" | b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                pax.get(key).is_some() && !is_sparse()
            }
            _ => false,
        };
        let keys: &[&[u8]] = match member.type_flag {
            b'3' | b'4' => &[b"SCHILY.devmajor", b"SCHILY.devminor"],
            b'0' => &[
                b"SCHILY.realsize",
                b"GNU.sparse.name",
                b"GNU.sparse.size",
                b"GNU.sparse.realsize",
            ],
            _ => &[],
        };
        let key = keys.iter().copied().find(|key| applies(key))?.into();
        Some(Ambiguity::PartialRecord { key })
    }

    /// Adds everything that other readers interpret differently to `ambiguities`. `member` is the result of
    /// [`Self::member`].
    pub(crate) fn ambiguities(&self, member: &TarMember, ambiguities: &mut Vec<Ambiguity>) {
        ambiguities.extend(self.header.ambiguity());
        for (long, key) in [
            (&self.long_path, &b"path"[..]),
            (&self.long_link, b"linkpath"),
        ] {
            let Some(long) = long else {
                continue;
            };
            match self.pax.get(key) {
                Some(pax) if !long.is_empty() && pax != long => {
                    ambiguities.push(Ambiguity::TwoNames { pax: pax.into() });
                }
                None if long.is_empty() => ambiguities.push(Ambiguity::EmptyLongName),
                _ => {}
            }
        }
        ambiguities.extend(self.pax.ambiguity());
        ambiguities.extend(self.partial_record(member));
        match member.type_flag {
            b'0' if member.path.ends_with(b"/") && member.path.iter().any(|&b| b != b'/') => {
                ambiguities.push(Ambiguity::SlashAfterFile)
            }
            b'D' => ambiguities.push(Ambiguity::DumpDirectory),
            // No reader expects data after a directory. libarchive expects data after a hard link in PAX
            // archives.
            b'1' if !self.is_pax_archive => {}
            b'1'..=b'4' | b'6' => {
                let size = self.pax.number(b"size").flatten();
                let size = size.unwrap_or(self.header.size).try_into().unwrap_or(0);
                if size > 0 {
                    ambiguities.push(Ambiguity::SizeWithoutData { size });
                }
            }
            _ => {}
        }
        ambiguities.extend(self.pax.libarchive_xattr());
        let wide = |key: &[u8], field, name: &str| {
            let value = self.pax.number(key).flatten().unwrap_or(field);
            let field = name.to_owned();
            u32::try_from(value)
                .is_err()
                .then_some(Ambiguity::WideNumber { field, value })
        };
        ambiguities.extend(wide(b"uid", self.header.uid, "uid"));
        ambiguities.extend(wide(b"gid", self.header.gid, "gid"));
        if matches!(member.type_flag, b'3' | b'4') {
            ambiguities.extend(wide(b"", self.header.device.0, "major device number"));
            ambiguities.extend(wide(b"", self.header.device.1, "minor device number"));
        }
    }
}

/// Converts a user or group id to what Go's programs pass to lchown(2): the lower 32 bits. For -1,
/// lchown does not change the owner, so the file belongs to root, which unpacks the layer.
fn id(value: i64) -> u32 {
    match value as u32 {
        u32::MAX => 0,
        id => id,
    }
}
