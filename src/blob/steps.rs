//! The frame around decoders that take and give bytes in memory, one step at a time (zstd and xz).
//!
//! [`Output`] collects what the first pass decodes. [`Resumed`] reads stored bytes for a decoder that
//! begins in the middle of a blob, until as many decoded bytes are there as a read needs.

use std::io;

use super::ReadAt;
use super::stored_buffer::StoredBuffer;

/// The maximum length of the pieces in which decoded bytes are handed on, in bytes. It is the length
/// of a span within another span.
const OUTPUT_LEN: usize = 256 * 1024;

/// The decoded bytes of a first pass that are ready to be read.
pub(super) struct Output {
    buf: Box<[u8]>,
    /// The number of bytes of `buf` that are ready.
    filled: usize,
}

impl Output {
    pub(super) fn new() -> Self {
        Self {
            buf: vec![0; OUTPUT_LEN].into_boxed_slice(),
            filled: 0,
        }
    }

    /// Returns the bytes that are ready.
    pub(super) fn ready(&self) -> &[u8] {
        self.buf.get(..self.filled).unwrap_or_default()
    }

    /// Discards the bytes that are ready.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Returns whether enough bytes are ready to be handed on. Half of the buffer is enough. With
    /// less, small frames and blocks would be handed on in small pieces.
    pub(super) fn is_enough(&self) -> bool {
        self.filled >= OUTPUT_LEN / 2
    }

    /// Returns where the next bytes are written.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.buf.get_mut(self.filled..).unwrap_or_default()
    }

    /// Makes the first `n` bytes of the room ready, and returns them.
    pub(super) fn add(&mut self, n: usize) -> &[u8] {
        let from = self.filled;
        self.filled = from.saturating_add(n).min(OUTPUT_LEN);
        self.buf.get(from..self.filled).unwrap_or_default()
    }
}

/// A decoder that takes input in pieces of any size.
pub(super) trait StepDecoder {
    /// Decodes until the input or the room in `out` runs out, or earlier. Returns the number of bytes
    /// of `input` that were used and the number of bytes that were written to `out`. An empty `input`
    /// means that the data has ended.
    ///
    /// # Errors
    /// `InvalidData` if the input cannot be decoded.
    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> io::Result<(usize, usize)>;

    /// Returns the maximum memory that the decoder takes, in bytes.
    fn footprint(&self) -> usize;
}

/// A decoder that begins at a seek point, and decodes as far as bytes are requested.
pub(super) struct Resumed<D> {
    decoder: D,
    stored: StoredBuffer,
}

impl<D: StepDecoder> Resumed<D> {
    /// Begins at the offset `at` of the stored blob, where `decoder` begins.
    pub(super) fn new(decoder: D, at: u64) -> Self {
        let stored = StoredBuffer::new(at);
        Self { decoder, stored }
    }

    /// Fills `out` with the next bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` if the data ends before, otherwise the error of the source or the decoder.
    pub(super) fn fill(&mut self, source: &dyn ReadAt, out: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < out.len() {
            let input = self.stored.fill(source)?;
            let ended = input.is_empty();
            let room = out.get_mut(done..).unwrap_or_default();
            let (consumed, produced) = self.decoder.decode(input, room)?;
            // After the input has ended, the decoder may still hold output.
            if ended && produced == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.stored.consume(consumed);
            done += produced;
        }
        Ok(())
    }

    /// Returns the maximum memory that it takes, in bytes.
    pub(super) fn footprint(&self) -> usize {
        self.decoder.footprint() + self.stored.footprint()
    }
}
