//! Random access to blobs. A blob is a sequence of bytes with a digest: a layer, a manifest, an
//! archive.
//!
//! This layer handles every supported compression, and knows nothing of a blob's contents. It works
//! in two steps:
//!
//! 1. [`Pass`] reads the blob once, from front to back. While it decodes the bytes, it hashes them,
//!    checks the digest, and cuts the output into [`Span`]s: pieces that can be decoded again on
//!    their own, each with a checksum of its decoded bytes. The spans are written to a file of the
//!    cache, to which other layers may add what they learned from the bytes.
//! 2. [`SpanReader`] answers random reads from the spans. Decoded spans are kept in a [`SpanCache`]
//!    that all blobs share. If the checksum of a span does not match the one from the pass, the read
//!    fails with an I/O error, and the bytes are never shown. During sequential reads the next spans
//!    are decoded ahead.
//!
//! No other layer decompresses blobs. Bytes come from a [`ReadAt`], which may itself be a
//! [`SpanReader`]: that is how a gzip layer in a gzip archive is read.

mod access_pattern;
mod buffer;
mod codec;
mod codec_pass;
mod digest;
mod error;
mod examine;
mod gzip;
mod gzip_header;
mod gzip_member;
mod inflate;
mod input;
mod limits;
mod pass;
mod plain;
mod prefetch;
mod publish;
mod reader;
mod run_decoder;
mod side_file;
mod source;
mod span_builder;
mod span_cache;
mod span_decoder;
mod spans;
mod steps;
mod stored_buffer;
mod unpack;
mod verify;
mod xz;
mod zstd;

pub use codec::Codec;
pub(crate) use codec::{TAR, program};
pub(crate) use digest::DigestError;
pub use digest::{Digest, Hasher};
pub use error::BlobError;
pub(crate) use examine::Examined;
pub use examine::examine;
pub use pass::Pass;
pub(crate) use pass::PassResult;
pub use reader::SpanReader;
pub(crate) use reader::SpanSlice;
pub use source::{Bytes, ReadAt};
pub(crate) use source::{FileRange, FileSource, SequentialReader, SourcePart, read_all};
pub(crate) use span_cache::CacheStats;
pub use span_cache::SpanCache;
pub(crate) use spans::Span;
pub use spans::SpanTable;
pub(crate) use unpack::unpack;
pub(crate) use verify::verify;
