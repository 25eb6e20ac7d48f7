//! gzip with seek points (RFC 1952 around RFC 1951).
//!
//! The decoder stops before a deflate block. If enough output was decoded since the last seek point,
//! a new one is recorded: the offset, the number of unread bits of the byte before, and the window.
//! To decode a span, a decoder is started at its seek point and given the window. When the member
//! ends, the decoder goes on with the next one, since layers may consist of many members (as written
//! by pigz, by estargz, and by `cat a.gz b.gz`).

use std::io;

use super::BlobError;
use super::Codec;
use super::ReadAt;
use super::gzip_member::GzipMember;
use super::inflate::{Stop, Until};
use super::input::PassInput;
use super::span_builder::SpanSink;
use super::spans::SpanOrigin;
use super::stored_buffer::StoredBuffer;

/// Decoded bytes are handed on once there are this many. Otherwise a decoder that stops at each block
/// would hand on small pieces. The buffer has room for twice as many.
const ENOUGH: usize = 112 * 1024;

/// The first pass over gzip bytes.
pub(crate) struct GzipPass {
    member: GzipMember,
    /// No member is open: the next bytes are a header, padding, or the end.
    between: bool,
    members: u64,
    /// Offset of the zeros that follow the last member.
    zeros_after: Option<u64>,
    done: bool,
}

impl GzipPass {
    pub(crate) fn new() -> Self {
        Self {
            member: GzipMember::checked(),
            between: true,
            members: 0,
            zeros_after: None,
            done: false,
        }
    }

    /// Returns the offset of the zeros that follow the last member, if there are any. Known at the
    /// end.
    pub(crate) fn zeros_after(&self) -> Option<u64> {
        self.zeros_after
    }

    /// Returns the decoded bytes that are ready.
    pub(crate) fn ready(&self) -> &[u8] {
        self.member.ready()
    }

    /// Discards the bytes that are ready and decodes the next ones. At the end there are none.
    pub(crate) fn advance(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<(), BlobError> {
        self.member.take(self.ready().len());
        while !self.done && self.ready().len() < ENOUGH {
            self.step(input, spans)?;
        }
        Ok(())
    }

    fn step(&mut self, input: &mut PassInput, spans: &mut impl SpanSink) -> Result<(), BlobError> {
        if self.between && !self.next_member(input, spans)? {
            self.done = true;
            return Ok(());
        }
        let at = input.position();
        let chunk = input.fill()?;
        if chunk.is_empty() {
            return Err(BlobError::Truncated {
                codec: Codec::Gzip,
                at,
            });
        }
        // One step decodes at most as many bytes as there is room for.
        let until = match spans.wants_point_within(self.member.room()) {
            true => Until::Block,
            false => Until::Buffer,
        };
        let step = self.member.step(chunk, until);
        let step = step.map_err(|e| BlobError::corrupt(Codec::Gzip, at, e))?;
        input.consume(step.consumed);
        self.member.account(step.produced, spans);
        match step.stop {
            Stop::End => self.between = true,
            Stop::Block { bits } if spans.wants_point() => {
                let at = input.position();
                spans
                    .point_with(SpanOrigin::GzipBlock { at, bits }, self.member.window())
                    .map_err(BlobError::Spool)?;
            }
            Stop::Block { .. } | Stop::Buffer => {}
        }
        Ok(())
    }

    /// Goes to the next member. Returns false at the end of the data.
    fn next_member(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<bool, BlobError> {
        let at = input.position();
        match input.peek(2)? {
            [0x1f, 0x8b, ..] => {}
            [] if self.members > 0 => return Ok(false),
            // Tapes and some tools pad with zeros. gzip(1) ignores them too; Go's compress/gzip
            // fails.
            [0, ..] if self.members > 0 => {
                self.zeros_after = Some(at);
                return input.only_zeros_left().map(|()| false);
            }
            _ => {
                let error = "the data after a member is not another gzip member";
                return Err(BlobError::corrupt(Codec::Gzip, at, error));
            }
        }
        if self.members > 0 {
            self.member.restart();
            if spans.wants_point() {
                spans.point(SpanOrigin::GzipMember { at });
            }
        }
        self.members += 1;
        self.between = false;
        Ok(true)
    }
}

/// Decodes from a seek point on, as far as bytes are requested.
pub(crate) struct ResumedGzip {
    member: GzipMember,
    stored: StoredBuffer,
}

impl ResumedGzip {
    /// Begins at the start of a member.
    pub(crate) fn at_member(at: u64) -> Self {
        Self {
            member: GzipMember::unchecked(),
            stored: StoredBuffer::new(at),
        }
    }

    /// Begins at a block inside a member: `bits` bits of the byte before it are still unread, and
    /// `window` is the output before it.
    pub(crate) fn at_block(
        source: &dyn ReadAt,
        at: u64,
        bits: u8,
        window: &[u8],
    ) -> io::Result<Self> {
        let mut before = [0];
        if bits > 0 {
            let last = at.checked_sub(1).ok_or(io::ErrorKind::InvalidData)?;
            source.read_exact_at(&mut before, last)?;
        }
        Ok(Self {
            member: GzipMember::resumed(bits, before[0], window),
            stored: StoredBuffer::new(at),
        })
    }

    /// Fills `out` with the next bytes.
    pub(crate) fn fill(&mut self, source: &dyn ReadAt, mut out: &mut [u8]) -> io::Result<()> {
        loop {
            let n = self.member.ready().len().min(out.len());
            let (now, later) = out.split_at_mut(n);
            now.copy_from_slice(self.member.ready().get(..n).unwrap_or_default());
            self.member.take(n);
            if later.is_empty() {
                return Ok(());
            }
            out = later;
            let from = self.stored.fill(source)?;
            if from.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = self.member.step(from, Until::Buffer)?;
            self.stored.consume(step.consumed);
            if step.stop == Stop::End {
                self.member.restart();
            }
        }
    }

    /// Returns the memory that it takes, in bytes.
    pub(crate) fn footprint(&self) -> usize {
        GzipMember::FOOTPRINT + self.stored.footprint()
    }
}
