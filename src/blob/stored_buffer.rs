//! A buffer of stored bytes for a decoder that begins at any place in a blob.
//!
//! Unlike [`PassInput`](super::input::PassInput), which serves the first pass, it can begin at any offset,
//! hashes nothing, and can be used again after the source has returned an error.

use std::io;

use super::ReadAt;

/// Stored bytes are read in pieces of this size.
const LEN: usize = 64 * 1024;

/// A buffer of stored bytes that are read from a source.
pub(super) struct StoredBuffer {
    buf: Box<[u8]>,
    used: usize,
    filled: usize,
    /// Offset in the source of the byte after those in `buf`.
    at: u64,
}

impl StoredBuffer {
    /// Begins at offset `at`.
    pub(super) fn new(at: u64) -> Self {
        Self {
            buf: vec![0; LEN].into_boxed_slice(),
            used: 0,
            filled: 0,
            at,
        }
    }

    /// Returns the bytes that are not used yet: at least one unless the source has ended.
    pub(super) fn fill(&mut self, source: &dyn ReadAt) -> io::Result<&[u8]> {
        if self.used == self.filled {
            self.used = 0;
            self.filled = 0;
            self.filled = source.read_at(&mut self.buf, self.at)?;
            self.at = self.at.saturating_add(self.filled as u64);
        }
        Ok(self.buf.get(self.used..self.filled).unwrap_or_default())
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.used = (self.used + n).min(self.filled);
    }

    /// Returns the memory that it takes, in bytes.
    pub(super) fn footprint(&self) -> usize {
        self.buf.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::Memory;
    use super::*;

    #[test]
    fn bytes_come_from_where_it_began_to_the_end() {
        let source = Memory((0..200_000_u32).map(|n| (n / 1000) as u8).collect());
        let mut stored = StoredBuffer::new(1000);
        assert_eq!(stored.fill(&source).unwrap().len(), LEN);
        stored.consume(1000);
        assert_eq!(stored.fill(&source).unwrap()[0], 2);
        assert_eq!(stored.fill(&source).unwrap().len(), LEN - 1000);
        stored.consume(usize::MAX / 2);
        assert_eq!(stored.fill(&source).unwrap()[0], 66);
        let mut rest = 1000 + LEN;
        while let n @ 1.. = stored.fill(&source).unwrap().len() {
            rest += n;
            stored.consume(n);
        }
        assert_eq!(rest, 200_000);
    }
}
