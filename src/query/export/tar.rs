//! Writes a tar archive with ustar headers, PAX records, GNU's long names and sparse files. GNU tar
//! unpacks it to the same files that a mount shows.

use std::io::Write;
use std::ops::Range;

use super::acl;
use super::error::{ExportError, read};
use super::format_writer::{ExportItem, FormatWriter};
use super::header::{NAME, Pax, TarHeader, pad};
use super::links::FirstNames;
use super::sparse::Map;
use crate::view::{FileType, ImageFs, View, ViewError};

/// The number of bytes of a file that are read at a time.
const STEP: usize = 1 << 20;

pub(super) struct TarWriter<'a> {
    view: &'a ImageFs,
    out: &'a mut dyn Write,
    names: FirstNames,
}

impl<'a> TarWriter<'a> {
    pub(super) fn new(view: &'a ImageFs, out: &'a mut dyn Write) -> Self {
        let names = FirstNames::default();
        Self { view, out, names }
    }

    /// Writes a range of a file's bytes.
    fn bytes(&mut self, item: &ExportItem<'_>, range: Range<u64>) -> Result<(), ExportError> {
        let mut at = range.start;
        while at < range.end {
            let len = usize::try_from(range.end - at).unwrap_or(STEP).min(STEP);
            let bytes = self.view.read(item.attr.ino, at, len);
            let bytes = bytes.map_err(|error| read(item.path, error))?;
            if bytes.is_empty() {
                let path = crate::layer::printable(item.path);
                let error = std::io::ErrorKind::UnexpectedEof.into();
                return Err(read(item.path, ViewError::Io { path, error }));
            }
            self.out.write_all(&bytes)?;
            // At most `len`, so this does not overflow.
            at += bytes.len() as u64;
        }
        Ok(())
    }

    /// Writes a regular file.
    fn file(
        &mut self,
        item: &ExportItem<'_>,
        header: TarHeader<'_>,
        mut pax: Pax,
    ) -> Result<(), ExportError> {
        let size = item.attr.size;
        let Some(map) = Map::of(item.stored.data, size) else {
            TarHeader { size, ..header }.write(&pax, self.out)?;
            self.bytes(item, 0..size)?;
            pad(self.out, size)?;
            return Ok(());
        };
        // A reader that does not support sparse files unpacks the map and the pieces under another name,
        // as for archives by GNU tar, and does not take them for the file itself.
        let name = sparse_name(header.name);
        if !header.name.is_ascii() {
            pax.add(b"hdrcharset", b"BINARY");
        }
        pax.add(b"GNU.sparse.major", b"1");
        pax.add(b"GNU.sparse.minor", b"0");
        pax.add(b"GNU.sparse.name", header.name);
        pax.add(b"GNU.sparse.realsize", size.to_string().as_bytes());
        let stored = map.stored();
        let header = TarHeader {
            name: &name,
            size: stored,
            ..header
        };
        header.write(&pax, self.out)?;
        map.write(self.out)?;
        for piece in map.pieces() {
            self.bytes(item, piece)?;
        }
        pad(self.out, stored)?;
        Ok(())
    }
}

/// The name that GNU tar gives a sparse file in its header, truncated to the field's length.
fn sparse_name(name: &[u8]) -> Vec<u8> {
    let at = name.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    let (dir, base) = name.split_at_checked(at).unwrap_or((b"", name));
    let middle: &[u8] = b"GNUSparseFile.0/";
    let dir = if dir.len() + middle.len() + base.len() > NAME {
        b"./"
    } else {
        dir
    };
    let mut name = [dir, middle, base].concat();
    name.truncate(NAME);
    name
}

/// The name of a file in an archive: `./` and its path, with a final slash for a directory.
fn name_of(path: &[u8], kind: FileType) -> Vec<u8> {
    let mut name = [b".", path].concat();
    if kind == FileType::Directory && !name.ends_with(b"/") {
        name.push(b'/');
    }
    name
}

impl FormatWriter for TarWriter<'_> {
    fn item(&mut self, item: &ExportItem<'_>) -> Result<(), ExportError> {
        if item.implied {
            return Ok(());
        }
        let attr = &item.attr;
        let name = name_of(item.path, attr.kind);
        let mut header = TarHeader {
            type_flag: match attr.kind {
                FileType::Regular => b'0',
                FileType::Symlink => b'2',
                FileType::CharDevice => b'3',
                FileType::BlockDevice => b'4',
                FileType::Directory => b'5',
                FileType::Fifo => b'6',
            },
            name: &name,
            link: b"",
            mode: attr.mode,
            uid: attr.uid,
            gid: attr.gid,
            size: 0,
            mtime: attr.mtime,
            device: attr.device,
        };
        if let Some(first) = self.names.before(item.path, attr) {
            let first = name_of(&first, attr.kind);
            header.type_flag = b'1';
            header.link = &first;
            header.device = (0, 0);
            header.write(&Pax::default(), self.out)?;
            return Ok(());
        }
        let mut pax = Pax::default();
        let mut xattrs = item.stored.xattrs.clone();
        xattrs.sort_by_key(|xattr| xattr.name);
        for xattr in &xattrs {
            pax.xattr(xattr.name, xattr.value);
            if let Some((key, text)) = acl::record(xattr.name, xattr.value) {
                pax.add(key, text.as_bytes());
            }
        }
        match attr.kind {
            FileType::Regular => self.file(item, header, pax),
            FileType::Symlink => {
                let target = self.view.readlink(attr.ino);
                header.link = target.map_err(|error| read(item.path, error))?;
                Ok(header.write(&pax, self.out)?)
            }
            _ => Ok(header.write(&pax, self.out)?),
        }
    }

    /// Writes the end of the archive: two empty blocks.
    fn finish(&mut self) -> Result<(), ExportError> {
        Ok(self.out.write_all(&[0; 1024])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_an_archive() {
        assert_eq!(name_of(b"/", FileType::Directory), b"./");
        assert_eq!(name_of(b"/a", FileType::Directory), b"./a/");
        assert_eq!(name_of(b"/a/b", FileType::Regular), b"./a/b");
    }

    #[test]
    fn names_of_sparse_files() {
        assert_eq!(sparse_name(b"./d/f"), b"./d/GNUSparseFile.0/f");
        let long = [b"./", &[b'd'; 90][..], b"/f"].concat();
        assert_eq!(sparse_name(&long), b"./GNUSparseFile.0/f");
        assert_eq!(sparse_name(&[b'f'; 200]).len(), NAME);
    }
}
