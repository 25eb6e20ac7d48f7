//! The stored bytes of a blob, read for a decoder and hashed as they are read.

use std::io;
use std::sync::Arc;

use super::{BlobError, Codec, Digest, Hasher, ReadAt};

/// Stored bytes are read in pieces of this size.
const INPUT_LEN: usize = 256 * 1024;

/// A buffer of the stored bytes of a blob, which are hashed as they are read.
pub(crate) struct PassInput {
    source: Arc<dyn ReadAt>,
    buf: Box<[u8]>,
    used: usize,
    filled: usize,
    /// Offset in the source of the next byte to be read into `buf`.
    read: u64,
    hasher: Option<Hasher>,
}

impl PassInput {
    /// Starts at the first byte. If there is a hasher, it is given all bytes.
    pub(crate) fn new(source: Arc<dyn ReadAt>, hasher: Option<Hasher>) -> Self {
        Self {
            source,
            buf: vec![0; INPUT_LEN].into_boxed_slice(),
            used: 0,
            filled: 0,
            read: 0,
            hasher,
        }
    }

    /// Returns the bytes that are not used yet: at least one unless the source has ended.
    pub(crate) fn fill(&mut self) -> Result<&[u8], BlobError> {
        self.peek(1)
    }

    /// Like [`PassInput::fill`], but returns at least `n` bytes (at most [`INPUT_LEN`]) unless the source
    /// ends before.
    pub(crate) fn peek(&mut self, n: usize) -> Result<&[u8], BlobError> {
        if self.filled - self.used < n {
            self.buf.copy_within(self.used..self.filled, 0);
            self.filled -= self.used;
            self.used = 0;
            while self.filled < n {
                let room = self.buf.get_mut(self.filled..).unwrap_or_default();
                let got = match self.source.read_at(room, self.read) {
                    Ok(0) => break,
                    Ok(got) => got,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(BlobError::Io(e)),
                };
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(room.get(..got).unwrap_or_default());
                }
                self.filled += got;
                self.read += got as u64;
            }
        }
        Ok(self.buf.get(self.used..self.filled).unwrap_or_default())
    }

    /// Returns the bytes that are in memory and not used yet.
    pub(crate) fn buffered(&self) -> &[u8] {
        self.buf.get(self.used..self.filled).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.used = (self.used + n).min(self.filled);
    }

    /// Returns the offset in the source of the next byte that is not used.
    pub(crate) fn position(&self) -> u64 {
        self.read - (self.filled - self.used) as u64
    }

    /// Reads to the end of the source. Fails if there is a byte that is not zero.
    pub(crate) fn only_zeros_left(&mut self) -> Result<(), BlobError> {
        loop {
            let at = self.position();
            let chunk = self.fill()?;
            if chunk.is_empty() {
                return Ok(());
            }
            if chunk.iter().any(|&b| b != 0) {
                let error = "garbage after the last member";
                return Err(BlobError::corrupt(Codec::Gzip, at, error));
            }
            let n = chunk.len();
            self.consume(n);
        }
    }

    /// Returns the digest of all bytes, which must have been read to their end. `None` without a
    /// hasher.
    pub(crate) fn digest(&mut self) -> Option<Digest> {
        self.hasher.take().map(Hasher::finish)
    }

    /// Reads to the end of the source, so that all bytes are hashed. `progress` is called with the
    /// number of bytes read so far.
    pub(crate) fn drain(&mut self, progress: &mut dyn FnMut(u64)) -> Result<(), BlobError> {
        loop {
            let n = self.fill()?.len();
            if n == 0 {
                return Ok(());
            }
            self.consume(n);
            progress(self.position());
        }
    }
}
