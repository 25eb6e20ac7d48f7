//! gzip with seek points (RFC 1952 around RFC 1951).
//!
//! The decoder stops before each deflate block. Where enough output has gathered since the last
//! seek point, the place is noted: offset, unread bits of the byte before, and the window. To
//! decode a span, a raw decoder is started there and fed the window; when it runs into the end of
//! its member it steps over the trailer and goes on with the next one, since layers may consist
//! of many members (pigz, `cat a.gz b.gz`, estargz).

use std::io;

use super::BlobError;
use super::Codec;
use super::ReadAt;
use super::cut::SpanBuilder;
use super::inflate::{Inflater, Stop, Wrapper};
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
        spans: &mut SpanBuilder,
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
            let step = self
                .inflater
                .step(chunk, out)
                .map_err(|e| BlobError::corrupt(Codec::Gzip, at, &e))?;
            input.consume(step.consumed);
            let produced = out.get(..step.produced).unwrap_or_default();
            spans.bytes(produced).map_err(BlobError::Spool)?;
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
    fn next_member(
        &mut self,
        input: &mut Input,
        spans: &mut SpanBuilder,
    ) -> Result<bool, BlobError> {
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
                spans
                    .point(Origin::GzipMember { at })
                    .map_err(BlobError::Spool)?;
            }
        }
        self.members += 1;
        self.between = false;
        Ok(true)
    }
}

/// Decodes the bytes that follow a seek point until `out` is full.
pub(crate) fn decode(
    source: &dyn ReadAt,
    mut at: u64,
    block: Option<(u8, &[u8])>,
    out: &mut [u8],
) -> io::Result<()> {
    let mut wrapper = Wrapper::Gzip;
    let mut inflater = match block {
        None => Inflater::new(Wrapper::Gzip)?,
        Some((bits, window)) => {
            wrapper = Wrapper::Raw;
            let mut inflater = Inflater::new(Wrapper::Raw)?;
            let mut before = [0];
            if bits > 0 {
                let last = at.checked_sub(1).ok_or(io::ErrorKind::InvalidData)?;
                source.read_exact_at(&mut before, last)?;
            }
            inflater.resume(bits, before[0], window)?;
            inflater
        }
    };
    let mut input = vec![0; 64 * 1024];
    let mut filled = 0;
    let mut used = 0;
    let mut done = 0;
    while done < out.len() {
        if used == filled {
            filled = source.read_at(&mut input, at)?;
            used = 0;
            at += filled as u64;
            if filled == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let from = input.get(used..filled).unwrap_or_default();
        let to = out.get_mut(done..).unwrap_or_default();
        let step = inflater.step(from, to)?;
        used += step.consumed;
        done += step.produced;
        if step.stop == Stop::End && done < out.len() {
            let mut next = at - (filled - used) as u64;
            if wrapper == Wrapper::Raw {
                next += TRAILER_LEN;
            }
            at = next;
            used = filled;
            wrapper = Wrapper::Gzip;
            inflater.reset(Wrapper::Gzip)?;
        }
    }
    Ok(())
}
