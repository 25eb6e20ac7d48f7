//! Random access to bytes that exist already: a file, or a part of another source.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::cache::Identity;

/// Bytes that can be read at any offset, from several threads at the same time.
pub trait ReadAt: Send + Sync {
    /// Returns the length in bytes.
    fn size(&self) -> u64;

    /// Reads into `buf` from `offset`. Returns how many bytes were read, which is 0 only at the end
    /// or for an empty `buf`. May read less than asked, like `pread(2)`.
    ///
    /// # Errors
    /// The error of the storage, or `InvalidData` if the bytes are not those that were verified.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Returns where the bytes are on disk, with the current state of the file. `None` if they are
    /// not in a file.
    fn file_range(&self) -> Option<FileRange> {
        None
    }

    /// Fills `buf` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` if the bytes end before `buf` is full, otherwise as [`ReadAt::read_at`].
    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buf = buf.get_mut(n..).unwrap_or_default();
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// A range of bytes of a file on disk, in one state of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRange {
    /// The file and its state.
    pub file: Identity,
    /// The number of times that the file is decoded to get the bytes: 0 for bytes of the file itself.
    pub depth: u8,
    /// Offset of the first byte.
    pub at: u64,
    /// Length in bytes.
    pub len: u64,
}

/// A regular file. Its length is read once, when it is opened.
#[derive(Debug)]
pub(crate) struct FileSource {
    file: File,
    size: u64,
}

impl FileSource {
    /// Wraps an open file.
    ///
    /// # Errors
    /// If the length of the file cannot be read.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn file_range(&self) -> Option<FileRange> {
        Some(FileRange {
            file: Identity::of(&self.file).ok()?,
            depth: 0,
            at: 0,
            len: self.size,
        })
    }
}

/// Bytes in memory.
#[derive(Clone, Debug)]
pub struct Bytes(pub Arc<[u8]>);

impl ReadAt for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut rest = self.0.get(from..).unwrap_or_default();
        rest.read(buf)
    }
}

/// A part of another source, for example one member of an archive.
#[derive(Clone)]
pub(crate) struct SourcePart {
    inner: Arc<dyn ReadAt>,
    start: u64,
    size: u64,
}

impl SourcePart {
    /// Returns the `size` bytes of `inner` from `start` on, cut off at the end of `inner`.
    pub(crate) fn new(inner: Arc<dyn ReadAt>, start: u64, size: u64) -> Self {
        let size = size.min(inner.size().saturating_sub(start));
        Self { inner, start, size }
    }
}

impl ReadAt for SourcePart {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.size.saturating_sub(offset);
        let n = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match buf.get_mut(..n) {
            Some(buf) if n > 0 => self.inner.read_at(buf, self.start + offset),
            _ => Ok(0),
        }
    }

    fn file_range(&self) -> Option<FileRange> {
        let range = self.inner.file_range()?;
        Some(FileRange {
            at: range.at.checked_add(self.start)?,
            len: self.size,
            ..range
        })
    }
}

/// Reads a source from front to back.
pub(crate) struct SequentialReader {
    inner: Arc<dyn ReadAt>,
    offset: u64,
}

impl SequentialReader {
    /// Starts at the first byte.
    pub(crate) fn new(inner: Arc<dyn ReadAt>) -> Self {
        Self { inner, offset: 0 }
    }
}

impl Read for SequentialReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read_at(buf, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

impl io::Seek for SequentialReader {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let target = match to {
            io::SeekFrom::Start(n) => Some(n),
            io::SeekFrom::End(n) => self.inner.size().checked_add_signed(n),
            io::SeekFrom::Current(n) => self.offset.checked_add_signed(n),
        };
        self.offset = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.offset)
    }
}

/// Reads a whole source, which must not be longer than `limit` bytes.
///
/// # Errors
/// `FileTooLarge` above the limit, otherwise as [`ReadAt::read_at`].
pub(crate) fn read_all(source: &dyn ReadAt, limit: u64) -> io::Result<Vec<u8>> {
    let size = source.size();
    if size > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has {size} bytes, and at most {limit} are allowed"),
        ));
    }
    let mut bytes = vec![0; usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?];
    source.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A source of bytes in memory, for tests.
    pub(crate) struct Memory(pub Vec<u8>);

    impl ReadAt for Memory {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            let from = usize::try_from(offset).unwrap().min(self.0.len());
            let n = buf.len().min(self.0.len() - from);
            buf[..n].copy_from_slice(&self.0[from..from + n]);
            Ok(n)
        }
    }

    #[test]
    fn a_section_ends_where_its_source_ends() {
        let whole: Arc<dyn ReadAt> = Arc::new(Memory(b"0123456789".to_vec()));
        let section = SourcePart::new(whole, 6, 100);
        assert_eq!(section.size(), 4);
        let mut buf = [0; 8];
        assert_eq!(section.read_at(&mut buf, 1).unwrap(), 3);
        assert_eq!(&buf[..3], b"789");
        assert_eq!(section.read_at(&mut buf, 4).unwrap(), 0);
    }

    #[test]
    fn reading_past_the_end_is_an_error_only_when_all_is_wanted() {
        let source = Memory(b"abc".to_vec());
        let mut buf = [0; 4];
        let error = source.read_exact_at(&mut buf, 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(
            read_all(&source, 2).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }
}
