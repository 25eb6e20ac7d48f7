//! The stored bytes of a blob on their way into a decoder, hashed as they pass.

use std::io;
use std::sync::Arc;

use super::{BlobError, Codec, Digest, Hasher, ReadAt};

/// Stored bytes are read in pieces of this size.
const INPUT_LEN: usize = 256 * 1024;

/// The compressed bytes of a pass, hashed as they are read.
pub(crate) struct Input {
    source: Arc<dyn ReadAt>,
    buf: Box<[u8]>,
    used: usize,
    filled: usize,
    /// Offset in the source of the next byte to be read into `buf`.
    read: u64,
    hasher: Option<Hasher>,
}

impl Input {
    /// Starts at the first byte. With a hasher, all bytes go through it.
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

    /// The bytes that are not used yet, at least one unless the source has ended.
    pub(crate) fn fill(&mut self) -> Result<&[u8], BlobError> {
        self.peek(1)
    }

    /// Like [`Input::fill`], but at least `n` bytes (at most [`INPUT_LEN`]) if there are as many.
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

    /// What of the source is in memory and not used yet.
    pub(crate) fn buffered(&self) -> &[u8] {
        self.buf.get(self.used..self.filled).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.used = (self.used + n).min(self.filled);
    }

    /// Offset in the source of the next byte that is not used.
    pub(crate) fn position(&self) -> u64 {
        self.read - (self.filled - self.used) as u64
    }

    /// Reads to the end, which must be zeros.
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

    /// The digest of all bytes, which must have been read to their end.
    pub(crate) fn digest(&mut self) -> Option<Digest> {
        self.hasher.take().map(Hasher::finish)
    }

    /// Reads to the end, for the digest. `progress` is told how far that is.
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
