//! A blob is a sequence of bytes with a digest: a layer, a manifest, an archive. This room gives
//! random access into one, whatever it is compressed with, and knows nothing of what it holds.
//!
//! It works in two steps:
//!
//! 1. [`Pass`] reads the blob once, from front to back. While the decoded bytes stream by, it
//!    hashes them, checks the digest, and cuts the output into [`Span`]s: pieces that can be
//!    decoded again alone, each with a checksum of its decoded bytes. They are written into a file
//!    of the cache, to which others may add what they learned from the bytes.
//! 2. [`SpanReader`] answers random reads from those spans. A decoded span goes into a
//!    [`SpanCache`] that all blobs share; a span whose checksum has changed since the pass is an
//!    I/O error and its bytes are never shown. For who reads forward the next spans are decoded
//!    ahead.
//!
//! Only this room decompresses. Bytes come from a [`ReadAt`], which may itself be a
//! [`SpanReader`]: that is how a gzip layer in a gzip archive is read.

mod ahead;
mod aside;
mod buffer;
mod cache;
mod codec;
mod codec_pass;
mod cut;
mod decoders;
mod digest;
mod error;
mod examine;
mod gzip;
mod gzip_header;
mod inflate;
mod input;
mod member;
mod pass;
mod plain;
mod prefetch;
mod publish;
mod reader;
mod restart;
mod source;
mod spans;
mod stream;
mod unpack;
mod verify;
mod xz;
mod zstd;

pub use cache::{CacheStats, SpanCache};
pub use codec::Codec;
pub(crate) use codec::program;
pub use digest::{Digest, DigestError, Hasher};
pub use error::BlobError;
pub use examine::{Examined, examine};
pub use pass::{Pass, PassResult};
pub use reader::{SpanReader, SpanSlice};
pub use source::{Bytes, FileSource, Place, ReadAt, Section, SequentialReader, read_all};
pub use spans::{Span, SpanTable};
pub use unpack::unpack;
pub use verify::verify;
