//! The byte source of an executable: never a path, always something that can be read at any offset.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The bytes of one file.
pub trait Source {
    /// The length in bytes.
    fn len(&self) -> u64;

    /// Fills `buf` with the bytes at `offset`.
    ///
    /// # Errors
    /// If the file is shorter, or the read fails.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Whether the length is zero.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of bytes that can be read from `offset` on without a gap, at most
    /// `wanted`. `None` if `offset` is beyond the end.
    fn available(&self, offset: u64, wanted: u64) -> Option<u64> {
        Some(self.len().checked_sub(offset)?.min(wanted))
    }

    /// Reads `len` bytes at `offset`. Sizes inside a file are unverified claims, so nothing is
    /// allocated before the file is known to be that long, and never more than `limit` bytes.
    ///
    /// # Errors
    /// If the file is shorter, `len` exceeds `limit`, or the read fails.
    fn piece(&self, offset: u64, len: u64, limit: u64) -> io::Result<Vec<u8>> {
        let end = offset.checked_add(len).ok_or(io::ErrorKind::InvalidData)?;
        if end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if len > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; len];
        self.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

impl Source for [u8] {
    fn len(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset)
            .ok()
            .and_then(|from| self.get(from..from.checked_add(buf.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(from);
        Ok(())
    }
}

impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        Source::len(self.as_slice())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        Source::read_exact_at(self.as_slice(), buf, offset)
    }
}

/// Allows a slice, which is unsized, to be used as a `&dyn Source`.
impl<S: Source + ?Sized> Source for &S {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buf, offset)
    }
}

/// A part of a file, read as a separate file: a slice of a universal binary, or a member of an
/// archive.
pub(super) struct Window<'a> {
    source: &'a dyn Source,
    offset: u64,
    len: u64,
}

impl<'a> Window<'a> {
    /// Creates a window of `len` bytes at `offset`, cut off at the end of the file.
    pub(super) fn new(source: &'a dyn Source, offset: u64, len: u64) -> Self {
        let there = source.len().saturating_sub(offset);
        let len = len.min(there);
        Self {
            source,
            offset,
            len,
        }
    }
}

impl Source for Window<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let at = self.offset.checked_add(offset);
        self.source
            .read_exact_at(buf, at.ok_or(io::ErrorKind::InvalidData)?)
    }
}

/// The maximum number of bytes read from one file. Only sparse files are large enough to reach it,
/// and the length of their holes is an unverified claim.
const BUDGET_LIMIT: u64 = 8 << 30;

/// A source with a limit on the bytes read from it. The contents of a file determine which parts
/// are read and how often, so a hostile file could otherwise cause unbounded reads.
pub(super) struct Budget<'a> {
    source: &'a dyn Source,
    len: u64,
    left: Cell<u64>,
}

impl<'a> Budget<'a> {
    /// Sets the limit to three times the length plus 16 MiB. Valid files are read at most once
    /// where their names and strings are.
    pub(super) fn new(source: &'a dyn Source) -> Self {
        // Read only once, because for a file it is a system call.
        let len = source.len();
        let left = len.saturating_mul(3).saturating_add(16 << 20);
        let left = Cell::new(left.min(BUDGET_LIMIT));
        Self { source, len, left }
    }
}

impl Source for Budget<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        // Each read has a fixed cost as well.
        let price = (buf.len() as u64).saturating_add(64);
        let left = self.left.get().checked_sub(price);
        self.left.set(left.unwrap_or_default());
        left.ok_or(io::ErrorKind::QuotaExceeded)?;
        self.source.read_exact_at(buf, offset)
    }
}

impl Source for File {
    fn len(&self) -> u64 {
        self.metadata().map_or(0, |m| m.len())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buf, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that consists of one hole.
    struct Hole;

    impl Source for Hole {
        fn len(&self) -> u64 {
            u64::MAX
        }

        fn read_exact_at(&self, _: &mut [u8], _: u64) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_file_is_read_without_end() {
        let budget = Budget::new(&Hole);
        // The buffer is never touched, so it takes no memory.
        let mut buf = vec![0; 1 << 30];
        let reads = (0..100).take_while(|_| budget.read_exact_at(&mut buf, 0).is_ok());
        assert_eq!(reads.count(), 7, "8 GiB, less the fixed cost of each read");
    }
}
