//! A blob that is not compressed. It is still cut into spans, so that every read goes through the
//! same checksums and the same cache.

use std::io;

use super::BlobError;
use super::cut::SpanBuilder;
use super::input::Input;
use super::spans::{Origin, PIECE_LEN};

/// The first pass over plain bytes.
pub(crate) struct PlainPass;

impl PlainPass {
    pub(crate) fn step(
        &mut self,
        input: &mut Input,
        out: &mut [u8],
        spans: &mut SpanBuilder,
    ) -> Result<usize, BlobError> {
        let at = spans.size();
        let inside = at % u64::from(PIECE_LEN);
        if inside == 0 && at > 0 {
            spans
                .point(Origin::Plain { at })
                .map_err(BlobError::Spool)?;
        }
        let chunk = input.fill()?;
        // A chunk never crosses the end of a span; both fit a usize, being at most PIECE_LEN.
        let room = (u64::from(PIECE_LEN) - inside) as usize;
        let n = chunk.len().min(out.len()).min(room);
        if let (Some(to), Some(from)) = (out.get_mut(..n), chunk.get(..n)) {
            to.copy_from_slice(from);
            spans.bytes(to).map_err(BlobError::Spool)?;
        }
        input.consume(n);
        Ok(n)
    }
}

/// Reads the span that begins at `at`.
pub(crate) fn decode(source: &dyn super::ReadAt, at: u64, out: &mut [u8]) -> io::Result<()> {
    source.read_exact_at(out, at)
}
