//! The decoder of a first pass, for any codec.

use super::gzip::GzipPass;
use super::input::PassInput;
use super::plain::PlainPass;
use super::span_builder::SpanSink;
use super::xz::XzPass;
use super::zstd::ZstdPass;
use super::{BlobError, Codec};

/// Decodes an [`PassInput`] from front to back.
pub(super) enum CodecPass {
    Plain(PlainPass),
    Gzip(Box<GzipPass>),
    Zstd(ZstdPass),
    Xz(Box<XzPass>),
}

impl CodecPass {
    pub(super) fn new(codec: Codec) -> Self {
        match codec {
            Codec::Plain => Self::Plain(PlainPass::default()),
            Codec::Gzip => Self::Gzip(Box::new(GzipPass::new())),
            Codec::Zstd => Self::Zstd(ZstdPass::new()),
            Codec::Xz => Self::Xz(Box::new(XzPass::new())),
        }
    }

    /// Discards the bytes that are ready and decodes the next ones. At the end there are none.
    pub(super) fn advance(
        &mut self,
        input: &mut PassInput,
        spans: &mut impl SpanSink,
    ) -> Result<(), BlobError> {
        match self {
            Self::Plain(plain) => plain.advance(input, spans),
            Self::Gzip(gzip) => gzip.advance(input, spans),
            Self::Zstd(zstd) => zstd.advance(input, spans),
            Self::Xz(xz) => xz.advance(input, spans),
        }
    }

    /// Returns the offset of the zeros that follow the last gzip member, if there are any. Known at
    /// the end.
    pub(super) fn zeros_after_gzip(&self) -> Option<u64> {
        match self {
            Self::Gzip(gzip) => gzip.zeros_after(),
            _ => None,
        }
    }

    /// Returns the bytes that are ready. Those of an uncompressed blob are borrowed from the input.
    pub(super) fn ready<'a>(&'a self, input: &'a PassInput) -> &'a [u8] {
        match self {
            Self::Plain(plain) => plain.ready(input),
            Self::Gzip(gzip) => gzip.ready(),
            Self::Zstd(zstd) => zstd.ready(),
            Self::Xz(xz) => xz.ready(),
        }
    }
}
