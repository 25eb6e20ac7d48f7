//! gzip with seek points (RFC 1952 around RFC 1951).
//!
//! The decoder stops before a deflate block. Where enough output has gathered since the last
//! seek point, the place is noted: offset, unread bits of the byte before, and the window. To
//! decode a span, a raw decoder is started there and fed the window; when it runs into the end of
//! its member it steps over the trailer and goes on with the next one, since layers may consist
//! of many members (pigz, `cat a.gz b.gz`, estargz).

use std::io;

use super::BlobError;
use super::Codec;
use super::ReadAt;
use super::ahead::Ahead;
use super::cut::Cut;
use super::inflate::{Inflater, Stop, Until, Wrapper};
use super::input::Input;
use super::spans::Origin;

/// CRC-32 and length at the end of a member (RFC 1952, 2.3.1).
const TRAILER_LEN: u64 = 8;

/// The first pass over gzip bytes.
pub(crate) struct GzipPass {
    inflater: Inflater,
    /// No member is open: the next bytes are a header, padding, or the end.
    between: bool,
    members: u64,
    done: bool,
}

impl GzipPass {
    pub(crate) fn new() -> Result<Self, BlobError> {
        Ok(Self {
            inflater: Inflater::new(Wrapper::Gzip).map_err(BlobError::Spool)?,
            between: true,
            members: 0,
            done: false,
        })
    }

    pub(crate) fn step(
        &mut self,
        input: &mut Input,
        out: &mut [u8],
        spans: &mut impl Cut,
    ) -> Result<usize, BlobError> {
        while !self.done {
            if self.between && !self.next_member(input, spans)? {
                self.done = true;
                break;
            }
            let at = input.position();
            let chunk = input.fill()?;
            if chunk.is_empty() {
                return Err(BlobError::Truncated {
                    codec: Codec::Gzip,
                    at,
                });
            }
            // To stop costs a copy of the window, so it is done only where a point may be wanted.
            let until = match spans.wants_point_within(out.len()) {
                true => Until::Block,
                false => Until::Buffer,
            };
            let step = self
                .inflater
                .step(chunk, out, until)
                .map_err(|e| BlobError::corrupt(Codec::Gzip, at, &e))?;
            input.consume(step.consumed);
            let produced = out.get(..step.produced).unwrap_or_default();
            spans.bytes(produced);
            match step.stop {
                Stop::End => self.between = true,
                Stop::Block { bits } if spans.wants_point() => {
                    let window = self
                        .inflater
                        .window()
                        .map_err(|e| BlobError::corrupt(Codec::Gzip, at, &e))?;
                    let at = input.position();
                    spans
                        .point_with(Origin::GzipBlock { at, bits }, &window)
                        .map_err(BlobError::Spool)?;
                }
                Stop::Block { .. } | Stop::Buffer => {}
            }
            if step.produced > 0 {
                return Ok(step.produced);
            }
        }
        Ok(0)
    }

    /// Steps to the next member; false at the end of the data.
    fn next_member(&mut self, input: &mut Input, spans: &mut impl Cut) -> Result<bool, BlobError> {
        let at = input.position();
        match input.peek(2)? {
            [0x1f, 0x8b, ..] => {}
            [] if self.members > 0 => return Ok(false),
            // Tapes and some tools pad with zeros, which gzip(1) ignores too.
            [0, ..] if self.members > 0 => return input.only_zeros_left().map(|()| false),
            _ => {
                let error = io::Error::other("what follows a member is not another gzip member");
                return Err(BlobError::corrupt(Codec::Gzip, at, &error));
            }
        }
        if self.members > 0 {
            self.inflater
                .reset(Wrapper::Gzip)
                .map_err(|e| BlobError::corrupt(Codec::Gzip, at, &e))?;
            if spans.wants_point() {
                spans.point(Origin::GzipMember { at });
            }
        }
        self.members += 1;
        self.between = false;
        Ok(true)
    }
}

/// Decodes what follows a seek point, as far as it is asked to.
pub(crate) struct GzipStream {
    inflater: Inflater,
    wrapper: Wrapper,
    ahead: Ahead,
}

impl GzipStream {
    /// Begins at the start of a member.
    pub(crate) fn at_member(at: u64) -> io::Result<Self> {
        Ok(Self {
            inflater: Inflater::new(Wrapper::Gzip)?,
            wrapper: Wrapper::Gzip,
            ahead: Ahead::new(at),
        })
    }

    /// Begins at a block inside a member: `bits` of the byte before it are still unread, and `window`
    /// is the output before it.
    pub(crate) fn at_block(
        source: &dyn ReadAt,
        at: u64,
        bits: u8,
        window: &[u8],
    ) -> io::Result<Self> {
        let mut inflater = Inflater::new(Wrapper::Raw)?;
        let mut before = [0];
        if bits > 0 {
            let last = at.checked_sub(1).ok_or(io::ErrorKind::InvalidData)?;
            source.read_exact_at(&mut before, last)?;
        }
        inflater.resume(bits, before[0], window)?;
        Ok(Self {
            inflater,
            wrapper: Wrapper::Raw,
            ahead: Ahead::new(at),
        })
    }

    /// Fills `out` with the bytes that come next.
    pub(crate) fn fill(&mut self, source: &dyn ReadAt, out: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < out.len() {
            let from = self.ahead.fill(source)?;
            if from.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step =
                self.inflater
                    .step(from, out.get_mut(done..).unwrap_or_default(), Until::Buffer)?;
            self.ahead.consume(step.consumed);
            done += step.produced;
            if step.stop == Stop::End && done < out.len() {
                if self.wrapper == Wrapper::Raw {
                    self.ahead.skip(TRAILER_LEN);
                }
                self.wrapper = Wrapper::Gzip;
                self.inflater.reset(Wrapper::Gzip)?;
            }
        }
        Ok(())
    }
}
