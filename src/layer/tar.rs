//! Reads a tar stream from front to back and says where in it each file's bytes lie.
//!
//! The `tar` crate reads archives well; layers need more: the offsets of all pieces of a sparse
//! file in any of GNU's four forms, xattrs byte for byte, nanoseconds, what a global PAX header
//! says, and errors with the offset of the header that is wrong. So headers are read here; archives
//! that merely contain blobs are left to the crate.

use std::io::{self, BufRead, Read};

use super::entry::{Data, Extent, Mtime, Xattr};
use super::header::{BLOCK, Header};
use super::pax::{Global, Pax};
use super::problem::printable;
use super::sparse::{self, DataMap, Map};

/// An extended header or a long name is at most this long, as in Go's archive/tar.
const MAX_META: u64 = 1 << 20;

/// A layer has at most so many entries, and so many bytes of names, links, attributes and maps:
/// what is kept of a layer is held in memory, and a hostile one compresses well.
pub(crate) const MAX_ENTRIES: u64 = 16 << 20;
pub(crate) const MAX_WEIGHT: u64 = 2 << 30;

/// No file is longer: off_t is signed. Sums of an offset, a size and padding then fit a u64.
const MAX_SIZE: u64 = i64::MAX as u64;

/// What is wrong with a tar stream. Offsets are bytes of the decoded layer.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The stream could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no header where one should be.
    #[error(
        "there is no tar header at byte {at}; it is not a layer, or damaged: copy or build the \
         image again"
    )]
    NotAHeader {
        /// Where it should be.
        at: u64,
    },
    /// The stream ends inside an entry.
    #[error(
        "the tar stream ends inside {path} (byte {at}); the layer is incomplete: copy or build the \
         image again"
    )]
    Truncated {
        /// The entry, or what is read instead of one.
        path: String,
        /// Where the stream ends.
        at: u64,
    },
    /// There is more in it than any real layer has.
    #[error(
        "it describes more than {} million files, or more than {} GiB of names and attributes; \
         no real layer does",
        MAX_ENTRIES >> 20,
        MAX_WEIGHT >> 30
    )]
    TooMuch,
    /// A field cannot be read.
    #[error(
        "{path}: the {field} in its tar header at byte {at} makes no sense; build the image again"
    )]
    Field {
        /// The entry.
        path: String,
        /// The name of the field.
        field: &'static str,
        /// Where its header is.
        at: u64,
    },
}

/// An entry's header, all that overrides it taken in.
pub(crate) struct Member {
    pub path: Vec<u8>,
    pub type_flag: u8,
    pub link: Vec<u8>,
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Mtime,
    /// Length of the file, holes included.
    pub size: u64,
    pub device: (u32, u32),
    pub xattrs: Vec<Xattr>,
    pub data: Data,
}

impl Member {
    /// Bytes of memory that it takes to keep it, roughly.
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

/// A tar stream.
pub(crate) struct TarReader<R> {
    reader: R,
    offset: u64,
    /// Bytes of the current entry that are not read yet, and padding after them.
    left: u64,
    padding: u64,
    global: Global,
    path: Vec<u8>,
}

impl<R: BufRead> TarReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            offset: 0,
            left: 0,
            padding: 0,
            global: Global::default(),
            path: Vec::new(),
        }
    }

    /// The reader below, to ask for its progress or to finish it.
    pub(crate) fn get_ref(&self) -> &R {
        &self.reader
    }

    pub(crate) fn into_inner(self) -> R {
        self.reader
    }

    /// The next entry, what is left of the one before skipped. `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, TarError> {
        let mut pax = None;
        let mut long_path = None;
        let mut long_link = None;
        let mut first = None;
        loop {
            self.skip()?;
            let mut at = self.offset;
            let Some(mut block) = self.block()? else {
                return match first {
                    None => Ok(None),
                    Some(_) => Err(self.truncated()),
                };
            };
            if is_zero(&block) {
                // Two blocks of zeros end a tar. One alone is passed over, as by GNU tar's
                // --ignore-zeros, so that nothing after it stays hidden.
                at = self.offset;
                match self.block()? {
                    Some(next) if !is_zero(&next) => block = next,
                    _ if first.is_some() => return Err(self.truncated()),
                    _ => return Ok(None),
                }
            }
            let header = Header::new(block).ok_or(TarError::NotAHeader { at })?;
            let at = *first.get_or_insert(at);
            match header.type_flag() {
                b'x' | b'X' => {
                    let bytes = self.meta(&header, at)?;
                    pax = Some(Pax::parse(&bytes).ok_or_else(|| self.field("PAX header", at))?);
                }
                b'g' => {
                    let bytes = self.meta(&header, at)?;
                    let taken = Pax::parse(&bytes).and_then(|global| self.global.add(global));
                    taken.ok_or_else(|| self.field("global PAX header", at))?;
                    first = None;
                }
                b'L' => long_path = Some(until_nul(self.meta(&header, at)?)),
                b'K' => long_link = Some(until_nul(self.meta(&header, at)?)),
                _ => {
                    let pax = pax.unwrap_or_default().over(&self.global);
                    return self
                        .member(&header, at, &pax, long_path, long_link)
                        .map(Some);
                }
            }
        }
    }

    fn member(
        &mut self,
        header: &Header,
        at: u64,
        pax: &Pax,
        long_path: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Member, TarError> {
        // GNU.sparse.name is the real name; `path` then names a directory that never existed.
        let path = pax.get(b"GNU.sparse.name").or(pax.get(b"path"));
        let path = path.map(<[u8]>::to_vec).or(long_path);
        self.path = path.unwrap_or_else(|| header.name());
        if self.path.contains(&0) {
            return Err(self.field("name", at));
        }
        let link = pax.get(b"linkpath").map(<[u8]>::to_vec).or(long_link);
        let link = link.unwrap_or_else(|| header.link_name().to_vec());
        if link.contains(&0) {
            return Err(self.field("link name", at));
        }
        let type_flag = match header.type_flag() {
            // V7 had no type for directories, only a slash after the name.
            0 if self.path.ends_with(b"/") => b'5',
            0 | b'7' => b'0',
            flag => flag,
        };
        let number = |this: &Self, key: &[u8], field: Option<i64>, name: &'static str| {
            let value = match pax.number(key) {
                Some(value) => value,
                None => field.and_then(|n| u64::try_from(n).ok()),
            };
            value.ok_or_else(|| this.field(name, at))
        };
        let id = |this: &Self, key: &[u8], field: Option<i64>, name: &'static str| {
            let value = number(this, key, field, name)?;
            u32::try_from(value).map_err(|_| this.field(name, at))
        };
        let uid = id(self, b"uid", header.uid(), "uid")?;
        let gid = id(self, b"gid", header.gid(), "gid")?;
        let mode = header.mode().ok_or_else(|| self.field("mode", at))?;
        let mtime = match pax.time(b"mtime") {
            Some(time) => time,
            None => header.mtime().map(|sec| Mtime { sec, nsec: 0 }),
        };
        let mtime = mtime.ok_or_else(|| self.field("mtime", at))?;
        let device = match type_flag {
            b'3' | b'4' => header.device().and_then(|(major, minor)| {
                Some((u32::try_from(major).ok()?, u32::try_from(minor).ok()?))
            }),
            _ => Some((0, 0)),
        };
        let device = device.ok_or_else(|| self.field("device number", at))?;

        // Links, devices, directories and pipes have no data, whatever their size field says
        // (POSIX ustar); Go's archive/tar, which writes most layers, reads them so too.
        let stored = match type_flag {
            b'1'..=b'6' => 0,
            _ => number(self, b"size", header.size(), "size")?,
        };
        if stored > MAX_SIZE {
            return Err(self.field("size", at));
        }
        self.left = stored;
        self.padding = stored.wrapping_neg() % BLOCK as u64;
        let (data, size) = match type_flag {
            b'0' | b'S' => self.place(header, pax, type_flag, at)?,
            _ => (Data::None, 0),
        };
        Ok(Member {
            path: self.path.clone(),
            type_flag,
            link,
            // Only the permission bits: the type is in the flag.
            mode: (mode & 0o7777) as u16,
            uid,
            gid,
            mtime,
            size,
            device,
            xattrs: pax.xattrs(),
            data,
        })
    }

    /// Where a regular file's bytes lie, and its size.
    fn place(
        &mut self,
        header: &Header,
        pax: &Pax,
        type_flag: u8,
        at: u64,
    ) -> Result<(Data, u64), TarError> {
        let bad = |this: &Self| this.field("sparse map", at);
        let map = if type_flag == b'S' {
            Some(sparse::from_header(header).ok_or_else(|| bad(self))?)
        } else {
            sparse::from_pax(pax).map_err(|()| bad(self))?
        };
        let Some((map, size)) = map else {
            let data = match self.left {
                0 => Data::None,
                _ => Data::Whole(self.offset),
            };
            return Ok((data, self.left));
        };
        if size > MAX_SIZE {
            return Err(bad(self));
        }
        let pieces = match map {
            Map::Known(pieces) => pieces,
            Map::Blocks(mut pieces) => {
                // Extension blocks are not counted in the size field.
                loop {
                    let block = self.block()?.ok_or_else(|| self.truncated())?;
                    if !sparse::from_block(&block, &mut pieces).ok_or_else(|| bad(self))? {
                        break pieces;
                    }
                }
            }
            Map::Data => {
                let mut map = DataMap::default();
                loop {
                    // The map is part of the data, and counted in the size field.
                    self.left = self
                        .left
                        .checked_sub(BLOCK as u64)
                        .ok_or_else(|| bad(self))?;
                    let block = self.block()?.ok_or_else(|| self.truncated())?;
                    if map.block(&block).map_err(|()| bad(self))? {
                        break map.pieces();
                    }
                }
            }
        };
        let extents = sparse::extents(&pieces, size, self.left, self.offset);
        let extents: Box<[Extent]> = extents.ok_or_else(|| bad(self))?;
        Ok((Data::Sparse(extents), size))
    }

    /// The data of an extended header or a long name.
    fn meta(&mut self, header: &Header, at: u64) -> Result<Vec<u8>, TarError> {
        self.path = header.name();
        let size = header.size().and_then(|n| u64::try_from(n).ok());
        let size = size
            .filter(|&n| n <= MAX_META)
            .ok_or_else(|| self.field("size", at))?;
        self.left = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
        let mut bytes = Vec::new();
        Read::take(&mut *self, size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(self.truncated());
        }
        Ok(bytes)
    }

    /// Skips what is left of the current entry.
    fn skip(&mut self) -> Result<(), TarError> {
        let mut left = self.left + self.padding;
        while left > 0 {
            let chunk = self.reader.fill_buf()?.len() as u64;
            if chunk == 0 {
                // The last entry's padding may be missing; its data may not.
                if left <= self.padding {
                    break;
                }
                return Err(self.truncated());
            }
            let n = chunk.min(left);
            // `n` is at most the length of a buffer.
            self.reader.consume(n as usize);
            self.offset += n;
            left -= n;
        }
        self.left = 0;
        self.padding = 0;
        Ok(())
    }

    /// The next block; `None` at the end of the stream.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(room) = block.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.reader.read(room)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(self.truncated()),
                n => {
                    filled += n;
                    self.offset += n as u64;
                }
            }
        }
        Ok(Some(block))
    }

    fn truncated(&self) -> TarError {
        TarError::Truncated {
            path: printable(&self.path),
            at: self.offset,
        }
    }

    fn field(&self, field: &'static str, at: u64) -> TarError {
        TarError::Field {
            path: printable(&self.path),
            field,
            at,
        }
    }
}

impl<R: BufRead> TarReader<R> {
    /// Adds stored bytes of the current entry to a buffer, at most `limit`.
    pub(crate) fn append_to(&mut self, buf: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        let mut want = limit.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        while want > 0 {
            let chunk = self.reader.fill_buf()?;
            let chunk = chunk.get(..want).unwrap_or(chunk);
            let n = chunk.len();
            if n == 0 {
                break;
            }
            buf.extend_from_slice(chunk);
            self.reader.consume(n);
            self.left -= n as u64;
            self.offset += n as u64;
            want -= n;
        }
        Ok(())
    }
}

/// Reads the stored bytes of the current entry.
impl<R: BufRead> Read for TarReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = buf
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(room) = buf.get_mut(..want).filter(|room| !room.is_empty()) else {
            return Ok(0);
        };
        let n = self.reader.read(room)?;
        self.left -= n as u64;
        self.offset += n as u64;
        Ok(n)
    }
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|&b| b == 0)
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = memchr::memchr(0, &bytes) {
        bytes.truncate(end);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header block of a type, and its data padded.
    pub(crate) fn raw(name: &str, flag: u8, data: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_entry_type(tar::EntryType::new(flag));
        header.set_size(data.len() as u64);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn read(stream: &[u8]) -> Result<Vec<(Member, Vec<u8>)>, TarError> {
        let mut reader = TarReader::new(stream);
        let mut members = Vec::new();
        while let Some(member) = reader.next()? {
            let mut data = Vec::new();
            reader.read_to_end(&mut data)?;
            members.push((member, data));
        }
        Ok(members)
    }

    #[test]
    fn long_names_and_global_records() {
        let mut stream = raw("pax_global_header", b'g', b"12 uid=1234\n");
        stream.extend(raw("././@LongLink", b'L', b"very/long\0"));
        stream.extend(raw("very", b'0', b"data"));
        stream.extend(raw("x", b'x', b"12 path=own\n9 uid=77\n"));
        stream.extend(raw("own", b'0', b""));
        stream.extend([0; 1024]);
        stream.extend(b"what comes after the end is not read");
        let members = read(&stream).unwrap();
        let seen: Vec<_> = members
            .iter()
            .map(|(m, d)| (m.path.as_slice(), m.uid, d.as_slice()))
            .collect();
        assert_eq!(
            seen,
            [(&b"very/long"[..], 1234, &b"data"[..]), (b"own", 77, b"")]
        );
        assert_eq!(members[0].0.data, Data::Whole(4 * 512 + 512));
    }

    #[test]
    fn a_sparse_file_of_pax_1_0() {
        let mut data = b"2\n0\n3\n4096\n2\n".to_vec();
        data.resize(512, 0);
        data.extend(b"abcde");
        let records = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n\
                       24 GNU.sparse.name=real\n30 GNU.sparse.realsize=100000\n";
        let mut stream = raw("x", b'x', records.as_bytes());
        stream.extend(raw("GNUSparseFile.0/real", b'0', &data));
        let members = read(&stream).unwrap();
        let (member, data) = &members[0];
        assert_eq!(
            (member.path.as_slice(), member.size),
            (&b"real"[..], 100_000)
        );
        assert_eq!(data, b"abcde");
        let at = 512 * 4;
        let extent = |offset, len, at| Extent { offset, len, at };
        let want: Box<[_]> = [extent(0, 3, at), extent(4096, 2, at + 3)].into();
        assert_eq!(member.data, Data::Sparse(want));
    }

    #[test]
    fn damage_names_the_entry_and_the_place() {
        let whole = raw("some/file", b'0', &[7; 2000]);
        let error = read(&whole[..1000]).err().unwrap().to_string();
        assert!(
            error.contains("some/file") && error.contains("1000"),
            "{error}"
        );
        let error = read(&[b'x'; 512]).err().unwrap();
        assert!(matches!(error, TarError::NotAHeader { at: 0 }));
        let bad = raw("x", b'x', b"99999 path=a\n");
        assert!(matches!(read(&bad), Err(TarError::Field { .. })));
    }

    #[test]
    fn sizes_that_no_file_has_are_refused() {
        for records in [
            &b"29 size=18446744073709551615"[..],
            b"29 size=18446744073709551105",
            b"28 size=9223372036854775808",
        ] {
            let mut stream = raw("x", b'x', &[records, b"\n"].concat());
            stream.extend(raw("f", b'0', b"data"));
            let error = read(&stream).err().unwrap();
            assert!(
                matches!(error, TarError::Field { field: "size", .. }),
                "{error}"
            );
        }
        let records = b"26 GNU.sparse.map=0,1,9,0\n40 GNU.sparse.size=18446744073709551615\n";
        let mut stream = raw("x", b'x', records);
        stream.extend(raw("f", b'0', b"d"));
        let error = read(&stream).err().unwrap();
        let sparse = "sparse map";
        assert!(
            matches!(error, TarError::Field { field, .. } if field == sparse),
            "{error}"
        );
    }

    #[test]
    fn sizes_of_what_has_no_data_are_not_believed() {
        let mut header = tar::Header::new_ustar();
        header.set_path("dir").unwrap();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(4096);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        let mut stream = header.as_bytes().to_vec();
        stream.extend(raw("dir/f", b'0', b"x"));
        assert_eq!(read(&stream).unwrap().len(), 2);
    }
}
