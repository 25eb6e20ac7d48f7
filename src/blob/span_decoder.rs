//! Decoders that begin in the middle of a blob, at the start of a span.

use std::io;

use super::gzip::ResumedGzip;
use super::inflate::WINDOW_LEN;
use super::spans::{Span, SpanOrigin, SpanTable};
use super::steps::Resumed;
use super::xz::ResumedXz;
use super::zstd::FrameDecoder;
use super::{ReadAt, plain, xz, zstd};

/// A decoder that has begun at the start of a span, and can go on after its end.
pub(super) enum SpanDecoder {
    /// Plain bytes, which need no decoder: the offset of the next byte.
    Plain(u64),
    Gzip(Box<ResumedGzip>),
    Zstd(Resumed<FrameDecoder>),
    Xz(Box<ResumedXz>),
}

impl SpanDecoder {
    /// Begins at the first byte of a span.
    ///
    /// # Errors
    /// `InvalidInput` if decoding cannot begin at this span.
    pub(super) fn new(source: &dyn ReadAt, table: &SpanTable, span: &Span) -> io::Result<Self> {
        Ok(match span.origin {
            SpanOrigin::Plain { at } => Self::Plain(at),
            SpanOrigin::GzipMember { at } => Self::Gzip(Box::new(ResumedGzip::at_member(at))),
            SpanOrigin::GzipBlock { at, bits } => {
                let window = table.window(span, WINDOW_LEN)?;
                let stream = ResumedGzip::at_block(source, at, bits, &window)?;
                Self::Gzip(Box::new(stream))
            }
            SpanOrigin::ZstdFrame { at } => Self::Zstd(zstd::resume_at_frame(at)?),
            SpanOrigin::XzStream { at } => Self::Xz(Box::new(xz::resume_at_stream(at))),
            SpanOrigin::XzBlock { at, check } => {
                Self::Xz(Box::new(xz::resume_at_block(at, check)?))
            }
            SpanOrigin::Within { .. } => return Err(io::ErrorKind::InvalidInput.into()),
        })
    }

    /// Fills `out` with the next bytes.
    pub(super) fn fill(&mut self, source: &dyn ReadAt, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Plain(at) => {
                plain::decode(source, *at, out)?;
                *at += out.len() as u64;
                Ok(())
            }
            Self::Gzip(stream) => stream.fill(source, out),
            Self::Zstd(stream) => stream.fill(source, out),
            Self::Xz(stream) => stream.fill(source, out),
        }
    }

    /// Returns the memory that it takes, in bytes.
    pub(super) fn footprint(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Gzip(stream) => stream.footprint(),
            Self::Zstd(stream) => stream.footprint(),
            Self::Xz(stream) => stream.footprint(),
        }
    }
}
