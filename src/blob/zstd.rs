//! zstd by frames (RFC 8878). A frame can be decoded alone, so its start is a seek point; small
//! frames are gathered into one span. Skippable frames decode to nothing.

use std::io;

use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective, get_error_name};

use super::BlobError;
use super::Codec;
use super::ReadAt;
use super::cut::SpanBuilder;
use super::input::Input;
use super::spans::Origin;

/// The first pass over zstd bytes.
pub(crate) struct ZstdPass {
    context: DCtx<'static>,
    /// No frame is open.
    between: bool,
}

impl ZstdPass {
    pub(crate) fn new() -> Self {
        Self {
            context: DCtx::create(),
            between: true,
        }
    }

    /// Fills `out`, or as much of it as belongs to one span.
    pub(crate) fn step(
        &mut self,
        input: &mut Input,
        out: &mut [u8],
        spans: &mut SpanBuilder,
    ) -> Result<usize, BlobError> {
        let mut filled = 0;
        loop {
            let at = input.position();
            let chunk = input.fill()?;
            // With the input at its end the decoder may still hold output of an open frame.
            let ended = chunk.is_empty();
            if ended && self.between {
                break;
            }
            if self.between && filled > 0 {
                // What was decoded must reach the spans before it is asked for the next point.
                break;
            }
            if self.between && spans.wants_point() {
                spans
                    .point(Origin::ZstdFrame { at })
                    .map_err(BlobError::Spool)?;
            }
            let room = out.get_mut(filled..).unwrap_or_default();
            let (consumed, produced, left) = advance(&mut self.context, chunk, room)
                .map_err(|e| BlobError::corrupt(Codec::Zstd, at, &e))?;
            if ended && produced == 0 && left > 0 {
                return Err(BlobError::Truncated {
                    codec: Codec::Zstd,
                    at,
                });
            }
            self.between = left == 0;
            input.consume(consumed);
            filled += produced;
            if filled == out.len() {
                break;
            }
        }
        spans
            .bytes(out.get(..filled).unwrap_or_default())
            .map_err(BlobError::Spool)?;
        Ok(filled)
    }
}

/// One call of the decoder: bytes consumed, bytes produced, and 0 where a frame has ended.
fn advance(
    context: &mut DCtx<'static>,
    input: &[u8],
    out: &mut [u8],
) -> io::Result<(usize, usize, usize)> {
    let mut from = InBuffer::around(input);
    let mut to = OutBuffer::around(out);
    let left = context
        .decompress_stream(&mut to, &mut from)
        .map_err(|code| io::Error::new(io::ErrorKind::InvalidData, get_error_name(code)))?;
    Ok((from.pos(), to.pos(), left))
}

/// Decodes the bytes that follow the start of a frame until `out` is full.
pub(crate) fn decode(source: &dyn ReadAt, mut at: u64, out: &mut [u8]) -> io::Result<()> {
    let mut context = DCtx::create();
    context
        .reset(ResetDirective::SessionOnly)
        .map_err(|code| io::Error::other(get_error_name(code)))?;
    let mut input = vec![0; 128 * 1024];
    let (mut filled, mut used, mut done) = (0, 0, 0);
    while done < out.len() {
        if used == filled {
            filled = source.read_at(&mut input, at)?;
            used = 0;
            at += filled as u64;
        }
        let from = input.get(used..filled).unwrap_or_default();
        let to = out.get_mut(done..).unwrap_or_default();
        let ended = from.is_empty();
        let (consumed, produced, _) = advance(&mut context, from, to)?;
        if ended && produced == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        used += consumed;
        done += produced;
    }
    Ok(())
}
