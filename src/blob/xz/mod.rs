//! xz by blocks ([The .xz File Format](https://tukaani.org/xz/xz-file-format.txt), version 1.2.1).
//!
//! An xz file is one or several streams, with zeros between them. A stream is a header, blocks, an
//! index of the blocks, and a footer. A block can be decoded on its own, so its start is a seek
//! point. Small blocks are gathered into one span. `xz` with one thread writes a single block, which
//! can only be decoded from its start, like a zstd file of one frame.
//!
//! The container is read here. LZMA2 and the filters are those of the `lzma-rust2` crate, which is
//! pure Rust without `unsafe`, and takes and returns bytes in memory. liblzma's bindings do not
//! report where a block begins. The stream's own checks are verified in the first pass. Later reads
//! are verified by the checksums of the spans.

mod block;
mod check;
mod crc64;
mod decoder;
mod filters;
mod header;
mod index;
mod number;

use std::io;

use self::decoder::{Decoder, Stop};
use self::header::Fault;
pub(super) use self::header::{MAGIC, MAX_DICTIONARY};
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

/// The first pass over xz bytes.
pub(super) struct XzPass {
    decoder: Decoder,
    out: Box<[u8]>,
    /// The number of bytes of `out` that are ready.
    filled: usize,
    done: bool,
}

impl XzPass {
    pub(super) fn new() -> Self {
        Self {
            decoder: Decoder::checked(),
            out: vec![0; OUTPUT_LEN].into_boxed_slice(),
            filled: 0,
            done: false,
        }
    }

    /// Returns the bytes that are ready.
    pub(super) fn ready(&self) -> &[u8] {
        self.out.get(..self.filled).unwrap_or_default()
    }

    /// Discards the bytes that are ready and decodes the next ones. At the end there are none.
    pub(super) fn advance(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<(), BlobError> {
        self.filled = 0;
        // Half full is enough. Without this loop, small blocks would be handed on in small pieces.
        while !self.done && self.filled < OUTPUT_LEN / 2 {
            self.step(input, spans)?;
        }
        Ok(())
    }

    fn step(&mut self, input: &mut PassInput, spans: &mut impl SpanSink) -> Result<(), BlobError> {
        let at = input.position();
        let fault = |fault| match fault {
            Fault::Damaged(detail) => BlobError::corrupt(Codec::Xz, at, detail),
            Fault::Dictionary(needed) => BlobError::Dictionary { needed },
        };
        let chunk = input.fill()?;
        let ended = chunk.is_empty();
        if ended && self.decoder.may_end().map_err(fault)? {
            self.done = true;
            return Ok(());
        }
        let room = self.out.get_mut(self.filled..).unwrap_or_default();
        let step = self.decoder.step(chunk, room).map_err(fault)?;
        if ended && step.produced == 0 {
            return Err(BlobError::Truncated {
                codec: Codec::Xz,
                at,
            });
        }
        let new = room.get(..step.produced).unwrap_or_default();
        spans.bytes(new, None);
        self.filled += new.len();
        input.consume(step.consumed);
        if let Stop::Block { check } = step.stop
            && spans.wants_point()
        {
            let at = input.position();
            spans.point(SpanOrigin::XzBlock { at, check });
        }
        Ok(())
    }
}

/// Decodes from the start of a stream or a block on, as far as bytes are requested.
pub(super) struct XzStream {
    decoder: Decoder,
    stored: StoredBuffer,
}

impl XzStream {
    /// Begins at the header of a stream.
    pub(super) fn at_stream(at: u64) -> Self {
        Self {
            decoder: Decoder::unchecked(),
            stored: StoredBuffer::new(at),
        }
    }

    /// Begins at the header of a block, in a stream whose check has that number.
    pub(super) fn at_block(at: u64, check: u8) -> io::Result<Self> {
        let decoder = Decoder::at_block(check).map_err(io_error)?;
        let stored = StoredBuffer::new(at);
        Ok(Self { decoder, stored })
    }

    /// Fills `out` with the next bytes.
    pub(super) fn fill(&mut self, source: &dyn ReadAt, out: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < out.len() {
            let from = self.stored.fill(source)?;
            let ended = from.is_empty();
            let to = out.get_mut(done..).unwrap_or_default();
            let step = self.decoder.step(from, to).map_err(io_error)?;
            if ended && step.produced == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.stored.consume(step.consumed);
            done += step.produced;
        }
        Ok(())
    }

    /// Returns the maximum memory that it takes in the current block, in bytes: mostly the
    /// dictionary, whose length the block chooses.
    pub(super) fn footprint(&self) -> usize {
        self.decoder.footprint() + self.stored.footprint()
    }
}

fn io_error(fault: Fault) -> io::Error {
    match fault {
        Fault::Damaged(detail) => invalid(&detail),
        Fault::Dictionary(_) => invalid("its dictionary is larger than when the layer was indexed"),
    }
}
