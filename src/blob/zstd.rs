//! zstd by frames (RFC 8878).
//!
//! A frame can be decoded on its own, so its start is a seek point. Small frames are gathered into
//! one span. Skippable frames decode to nothing.

use std::io;

use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective, get_error_name};

use super::BlobError;
use super::Codec;
use super::error::invalid;
use super::input::PassInput;
use super::limits::MAX_ZSTD_WINDOW;
use super::span_builder::SpanSink;
use super::spans::SpanOrigin;
use super::steps::{Output, Resumed, StepDecoder};

/// Magic number, frame header descriptor, window descriptor, and a content size of at most 8 bytes after
/// a dictionary id of at most 4 (RFC 8878, 3.1.1).
const FRAME_HEADER_LEN: usize = 4 + 1 + 1 + 4 + 8;

/// The first pass over zstd bytes.
pub(crate) struct ZstdPass {
    context: DCtx<'static>,
    output: Output,
    /// No frame is open.
    between: bool,
}

impl ZstdPass {
    pub(crate) fn new() -> Self {
        Self {
            context: DCtx::create(),
            output: Output::new(),
            between: true,
        }
    }

    /// Returns the bytes that are ready.
    pub(crate) fn ready(&self) -> &[u8] {
        self.output.ready()
    }

    /// Discards the bytes that are ready and decodes the next ones. At the end there are none.
    pub(crate) fn advance(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<(), BlobError> {
        self.output.clear();
        while !self.output.is_enough() {
            if !self.step(input, spans)? {
                break;
            }
        }
        Ok(())
    }

    /// Calls the decoder once. Returns false at the end of the data.
    fn step(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<bool, BlobError> {
        let at = input.position();
        // After the input has ended, the decoder may still hold output of an open frame.
        let ended = input.fill()?.is_empty();
        if ended && self.between {
            return Ok(false);
        }
        if self.between {
            check_window(input.peek(FRAME_HEADER_LEN)?, at)?;
            if spans.wants_point() {
                spans.point(SpanOrigin::ZstdFrame { at });
            }
        }
        let step = advance(&mut self.context, input.fill()?, self.output.room());
        let (consumed, produced, left) =
            step.map_err(|e| BlobError::corrupt(Codec::Zstd, at, e))?;
        if ended && produced == 0 && left > 0 {
            return Err(BlobError::Truncated {
                codec: Codec::Zstd,
                at,
            });
        }
        self.between = left == 0;
        input.consume(consumed);
        spans.bytes(self.output.add(produced), None);
        Ok(true)
    }
}

/// Rejects a frame whose window is too large for imgfs.
fn check_window(head: &[u8], at: u64) -> Result<(), BlobError> {
    match window(head) {
        Some(window) if window > MAX_ZSTD_WINDOW => Err(BlobError::Window { window, at }),
        _ => Ok(()),
    }
}

/// Returns the window size that the header of a frame asks for, in bytes (RFC 8878, 3.1.1.1). `None`
/// if `head` is not such a header.
fn window(head: &[u8]) -> Option<u64> {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, rest @ ..] = head else {
        return None;
    };
    if descriptor & (1 << 5) == 0 {
        let window = *rest.first()?;
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // A single segment: the window is as large as the content, whose size follows the dictionary id.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let (len, add) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(descriptor >> 6)];
    let mut size = [0; 8];
    let field = rest.get(dictionary..dictionary + len)?;
    size.get_mut(..len)?.copy_from_slice(field);
    u64::from_le_bytes(size).checked_add(add)
}

/// Calls the decoder once. Returns the bytes consumed, the bytes produced, and 0 if a frame has
/// ended.
fn advance(
    context: &mut DCtx<'static>,
    input: &[u8],
    out: &mut [u8],
) -> io::Result<(usize, usize, usize)> {
    let mut from = InBuffer::around(input);
    let mut to = OutBuffer::around(out);
    let left = context
        .decompress_stream(&mut to, &mut from)
        .map_err(|code| invalid(get_error_name(code)))?;
    Ok((from.pos(), to.pos(), left))
}

/// The decoder of a frame, and of the frames that follow it.
pub(crate) struct FrameDecoder(DCtx<'static>);

/// Begins at the start of a frame.
pub(super) fn resume_at_frame(at: u64) -> io::Result<Resumed<FrameDecoder>> {
    let mut context = DCtx::create();
    context
        .reset(ResetDirective::SessionOnly)
        .map_err(|code| io::Error::other(get_error_name(code)))?;
    Ok(Resumed::new(FrameDecoder(context), at))
}

impl StepDecoder for FrameDecoder {
    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> io::Result<(usize, usize)> {
        let (consumed, produced, _) = advance(&mut self.0, input, out)?;
        Ok((consumed, produced))
    }

    /// Mostly the window, whose length the frame chooses.
    fn footprint(&self) -> usize {
        self.0.sizeof()
    }
}
