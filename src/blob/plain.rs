//! A blob that is not compressed. It is cut into spans too, so that every read goes through the same
//! checksums and the same cache.

use std::io;

use super::BlobError;
use super::input::PassInput;
use super::span_builder::SpanSink;
use super::spans::{PIECE_LEN, SpanOrigin};

/// The first pass over plain bytes.
#[derive(Default)]
pub(crate) struct PlainPass {
    /// The number of bytes that were handed out last. They are still in the input's buffer.
    lent: usize,
    /// The number of bytes that were handed out in all.
    at: u64,
}

impl PlainPass {
    /// Returns the bytes that are ready.
    pub(crate) fn ready<'a>(&self, input: &'a PassInput) -> &'a [u8] {
        input.buffered().get(..self.lent).unwrap_or_default()
    }

    /// Discards the bytes that are ready and takes the next ones, which stay in the input's buffer
    /// until the next call. At the end there are none.
    pub(crate) fn advance(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<(), BlobError> {
        input.consume(self.lent);
        self.lent = 0;
        let at = self.at;
        let inside = at % u64::from(PIECE_LEN);
        if inside == 0 && at > 0 {
            spans.point(SpanOrigin::Plain { at });
        }
        let chunk = input.fill()?;
        // A chunk never crosses the end of a span. The length of a span fits a `usize`.
        let room = (u64::from(PIECE_LEN) - inside) as usize;
        let chunk = chunk.get(..room).unwrap_or(chunk);
        spans.bytes(chunk, None);
        self.lent = chunk.len();
        self.at += chunk.len() as u64;
        Ok(())
    }
}

/// Reads the bytes of a span that begins at offset `at`.
pub(crate) fn decode(source: &dyn super::ReadAt, at: u64, out: &mut [u8]) -> io::Result<()> {
    source.read_exact_at(out, at)
}
