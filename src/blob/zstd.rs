//! zstd by frames (RFC 8878).
//!
//! A frame can be decoded on its own, so its start is a seek point. Small frames are gathered into
//! one span. Skippable frames decode to nothing.

use std::io;

use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective, get_error_name};

use super::BlobError;
use super::Codec;
use super::ReadAt;
use super::error::invalid;
use super::input::PassInput;
use super::span_builder::SpanSink;
use super::spans::SpanOrigin;
use super::stored_buffer::StoredBuffer;

/// The maximum length of the pieces in which decoded bytes are handed on, in bytes. It is the length
/// of a span within another span.
const OUTPUT_LEN: usize = 256 * 1024;

/// The maximum window of a frame, in bytes. It is the default limit of zstd(1) too, and what `--long`
/// (27) uses. Each decoder holds its window in memory, and several decoders run at the same time.
pub(crate) const MAX_WINDOW: u64 = 1 << 27;

/// Magic number, frame header descriptor, window descriptor, and a content size of at most 8 bytes after
/// a dictionary id of at most 4 (RFC 8878, 3.1.1).
const FRAME_HEADER_LEN: usize = 4 + 1 + 1 + 4 + 8;

/// The first pass over zstd bytes.
pub(crate) struct ZstdPass {
    context: DCtx<'static>,
    out: Box<[u8]>,
    /// The number of bytes of `out` that are ready.
    filled: usize,
    /// No frame is open.
    between: bool,
}

impl ZstdPass {
    pub(crate) fn new() -> Self {
        Self {
            context: DCtx::create(),
            out: vec![0; OUTPUT_LEN].into_boxed_slice(),
            filled: 0,
            between: true,
        }
    }

    /// Returns the bytes that are ready.
    pub(crate) fn ready(&self) -> &[u8] {
        self.out.get(..self.filled).unwrap_or_default()
    }

    /// Discards the bytes that are ready and decodes the next ones. At the end there are none.
    pub(crate) fn advance(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<(), BlobError> {
        self.filled = 0;
        // Half full is enough. Without this loop, small frames would be handed on in small pieces.
        while self.filled < OUTPUT_LEN / 2 {
            let before = self.filled;
            self.filled = self.fill(input, spans)?;
            if self.filled == before {
                break;
            }
        }
        Ok(())
    }

    /// Decodes until the buffer is full or a frame ends. Returns the number of bytes in the buffer.
    fn fill(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<usize, BlobError> {
        let before = self.filled;
        let mut filled = before;
        loop {
            let at = input.position();
            let chunk = input.fill()?;
            // After the input has ended, the decoder may still hold output of an open frame.
            let ended = chunk.is_empty();
            if ended && self.between {
                break;
            }
            if self.between && filled > before {
                // The decoded bytes must be passed to `spans` before it is asked for the next seek
                // point.
                break;
            }
            if self.between {
                check_window(input.peek(FRAME_HEADER_LEN)?, at)?;
            }
            let chunk = input.fill()?;
            if self.between && spans.wants_point() {
                spans.point(SpanOrigin::ZstdFrame { at });
            }
            let room = self.out.get_mut(filled..).unwrap_or_default();
            let (consumed, produced, left) = advance(&mut self.context, chunk, room)
                .map_err(|e| BlobError::corrupt(Codec::Zstd, at, e))?;
            if ended && produced == 0 && left > 0 {
                return Err(BlobError::Truncated {
                    codec: Codec::Zstd,
                    at,
                });
            }
            self.between = left == 0;
            input.consume(consumed);
            filled += produced;
            if filled == self.out.len() {
                break;
            }
        }
        spans.bytes(self.out.get(before..filled).unwrap_or_default(), None);
        Ok(filled)
    }
}

/// Rejects a frame whose window is too large for imgfs.
fn check_window(head: &[u8], at: u64) -> Result<(), BlobError> {
    match window(head) {
        Some(window) if window > MAX_WINDOW => Err(BlobError::Window { window, at }),
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

/// Decodes from the start of a frame on, as far as bytes are requested.
pub(crate) struct ZstdStream {
    context: DCtx<'static>,
    stored: StoredBuffer,
}

impl ZstdStream {
    /// Begins at the start of a frame.
    pub(crate) fn at_frame(at: u64) -> io::Result<Self> {
        let mut context = DCtx::create();
        context
            .reset(ResetDirective::SessionOnly)
            .map_err(|code| io::Error::other(get_error_name(code)))?;
        let stored = StoredBuffer::new(at);
        Ok(Self { context, stored })
    }

    /// Fills `out` with the next bytes.
    pub(crate) fn fill(&mut self, source: &dyn ReadAt, out: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < out.len() {
            let from = self.stored.fill(source)?;
            let ended = from.is_empty();
            let to = out.get_mut(done..).unwrap_or_default();
            let (consumed, produced, _) = advance(&mut self.context, from, to)?;
            // After the input has ended, the decoder may still hold output of an open frame.
            if ended && produced == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.stored.consume(consumed);
            done += produced;
        }
        Ok(())
    }

    /// Returns the memory that it takes, in bytes: mostly the window, whose length the frame chooses.
    pub(crate) fn footprint(&self) -> usize {
        self.context.sizeof() + self.stored.footprint()
    }
}
