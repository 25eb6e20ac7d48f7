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
mod error;
mod filters;
mod header;
mod index;
mod number;

use std::io;

use self::decoder::{Stop, XzDecoder};
pub(super) use self::header::MAGIC;
use super::input::PassInput;
use super::span_builder::SpanSink;
use super::spans::SpanOrigin;
use super::steps::{Output, Resumed, StepDecoder};
use super::{BlobError, Codec};

/// The first pass over xz bytes.
pub(super) struct XzPass {
    decoder: XzDecoder,
    output: Output,
    done: bool,
}

impl XzPass {
    pub(super) fn new() -> Self {
        Self {
            decoder: XzDecoder::checked(),
            output: Output::new(),
            done: false,
        }
    }

    /// Returns the bytes that are ready.
    pub(super) fn ready(&self) -> &[u8] {
        self.output.ready()
    }

    /// Discards the bytes that are ready and decodes the next ones. At the end there are none.
    pub(super) fn advance(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<(), BlobError> {
        self.output.clear();
        while !self.done && !self.output.is_enough() {
            self.step(input, spans)?;
        }
        Ok(())
    }

    fn step(&mut self, input: &mut PassInput, spans: &mut impl SpanSink) -> Result<(), BlobError> {
        let at = input.position();
        let chunk = input.fill()?;
        let ended = chunk.is_empty();
        if ended && self.decoder.may_end().map_err(|e| e.of_blob(at))? {
            self.done = true;
            return Ok(());
        }
        let step = self.decoder.step(chunk, self.output.room());
        let step = step.map_err(|e| e.of_blob(at))?;
        if ended && step.produced == 0 {
            return Err(BlobError::Truncated {
                codec: Codec::Xz,
                at,
            });
        }
        spans.bytes(self.output.add(step.produced), None);
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

/// A decoder that began at a seek point.
pub(super) type ResumedXz = Resumed<XzDecoder>;

/// Begins at the header of a stream.
pub(super) fn resume_at_stream(at: u64) -> ResumedXz {
    Resumed::new(XzDecoder::unchecked(), at)
}

/// Begins at the header of a block, in a stream whose check has that number.
pub(super) fn resume_at_block(at: u64, check: u8) -> io::Result<ResumedXz> {
    Ok(Resumed::new(XzDecoder::at_block(check)?, at))
}

impl StepDecoder for XzDecoder {
    fn decode(&mut self, input: &[u8], out: &mut [u8]) -> io::Result<(usize, usize)> {
        let step = self.step(input, out)?;
        Ok((step.consumed, step.produced))
    }

    /// Mostly the dictionary, whose length the current block chooses.
    fn footprint(&self) -> usize {
        XzDecoder::footprint(self)
    }
}
