//! The one pass over a blob: decode, hash, cut into spans.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use super::gzip::GzipPass;
use super::plain::PlainPass;
use super::spans::{Origin, SpanBuilder, SpanTable};
use super::zstd::ZstdPass;
use super::{Codec, Digest, Hasher, ReadAt};

/// Compressed bytes are read in pieces of this size.
const INPUT_LEN: usize = 256 * 1024;
/// Decoded bytes are handed on in pieces of at most this size.
const OUTPUT_LEN: usize = 256 * 1024;

/// What is wrong with a blob. Says nothing of which blob: whoever opened it knows.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The storage failed.
    #[error("cannot read it: {0}")]
    Io(#[source] io::Error),
    /// The temporary file failed.
    #[error("cannot write a temporary file: {0}")]
    Spool(#[source] io::Error),
    /// The compressed data ends early.
    #[error("the {codec} data is cut off after {at} bytes; copy or pull the image again")]
    Truncated {
        /// The compression.
        codec: Codec,
        /// Length of what is there, in bytes.
        at: u64,
    },
    /// The compressed data is damaged.
    #[error("the {codec} data is damaged near byte {at}: {detail}")]
    Corrupt {
        /// The compression.
        codec: Codec,
        /// Offset in the blob, in bytes.
        at: u64,
        /// What the decoder says.
        detail: String,
    },
    /// A compression that image formats do not have.
    #[error("it is compressed with {0}, which no image format allows; use gzip, zstd or none")]
    Unsupported(&'static str),
    /// The bytes are not those that the descriptor names.
    #[error(
        "digest mismatch: the bytes hash to {actual}, expected {expected}; the blob is damaged or \
         was changed, copy or pull the image again"
    )]
    Digest {
        /// What the descriptor says.
        expected: Digest,
        /// What the bytes are.
        actual: Digest,
    },
    /// The blob is not as long as its descriptor says.
    #[error(
        "it is {actual} bytes long where its descriptor says {expected}; copy or pull the image \
         again"
    )]
    Size {
        /// Bytes by the descriptor.
        expected: u64,
        /// Bytes that are there.
        actual: u64,
    },
}

impl BlobError {
    pub(crate) fn corrupt(codec: Codec, at: u64, error: &io::Error) -> Self {
        Self::Corrupt {
            codec,
            at,
            detail: error.to_string(),
        }
    }

    /// Finds the blob's error inside an I/O error that went through a reader.
    ///
    /// # Errors
    /// Gives the error back if it is of another kind.
    pub fn from_io(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>()
    }
}

impl From<BlobError> for io::Error {
    fn from(error: BlobError) -> Self {
        let kind = match &error {
            BlobError::Io(e) | BlobError::Spool(e) => e.kind(),
            BlobError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// The compressed bytes of a pass, hashed as they are read.
pub(crate) struct Input {
    source: Arc<dyn ReadAt>,
    buf: Box<[u8]>,
    used: usize,
    filled: usize,
    /// Offset in the source of the next byte to be read into `buf`.
    read: u64,
    hasher: Option<Hasher>,
}

impl Input {
    /// The bytes that are not used yet, at least one unless the source has ended.
    pub(crate) fn fill(&mut self) -> Result<&[u8], BlobError> {
        self.peek(1)
    }

    /// Like [`Input::fill`], but at least `n` bytes (at most [`INPUT_LEN`]) if there are as many.
    pub(crate) fn peek(&mut self, n: usize) -> Result<&[u8], BlobError> {
        if self.filled - self.used < n {
            self.buf.copy_within(self.used..self.filled, 0);
            self.filled -= self.used;
            self.used = 0;
            while self.filled < n {
                let room = self.buf.get_mut(self.filled..).unwrap_or_default();
                let got = match self.source.read_at(room, self.read) {
                    Ok(0) => break,
                    Ok(got) => got,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(BlobError::Io(e)),
                };
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(room.get(..got).unwrap_or_default());
                }
                self.filled += got;
                self.read += got as u64;
            }
        }
        Ok(self.buf.get(self.used..self.filled).unwrap_or_default())
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.used = (self.used + n).min(self.filled);
    }

    /// Offset in the source of the next byte that is not used.
    pub(crate) fn position(&self) -> u64 {
        self.read - (self.filled - self.used) as u64
    }

    /// Reads to the end, which must be zeros.
    pub(crate) fn only_zeros_left(&mut self) -> Result<(), BlobError> {
        loop {
            let at = self.position();
            let chunk = self.fill()?;
            if chunk.is_empty() {
                return Ok(());
            }
            if chunk.iter().any(|&b| b != 0) {
                let error = io::Error::other("garbage after the last member");
                return Err(BlobError::corrupt(Codec::Gzip, at, &error));
            }
            let n = chunk.len();
            self.consume(n);
        }
    }

    fn drain(&mut self) -> Result<(), BlobError> {
        loop {
            let n = self.fill()?.len();
            if n == 0 {
                return Ok(());
            }
            self.consume(n);
        }
    }
}

enum Decoder {
    Plain(PlainPass),
    Gzip(GzipPass),
    Zstd(ZstdPass),
}

/// The first reading of a blob, from front to back. Read the decoded bytes, then call
/// [`Pass::finish`], which checks what the descriptor said.
pub struct Pass {
    codec: Codec,
    input: Input,
    decoder: Decoder,
    spans: SpanBuilder,
    out: Box<[u8]>,
    out_used: usize,
    out_filled: usize,
    expected: Option<Digest>,
    decoded: Option<(Digest, Hasher)>,
}

/// What a pass has learned.
pub struct PassResult {
    /// The compression that the bytes had.
    pub codec: Codec,
    /// Where to read again.
    pub spans: SpanTable,
    /// Length of the blob as stored, in bytes.
    pub stored_size: u64,
}

impl Pass {
    /// Begins to read `source`. `expected` is the digest of the bytes as stored, `decoded` that of
    /// the decoded ones; each is checked if it is given.
    ///
    /// # Errors
    /// If the first bytes cannot be read or belong to an unsupported compression.
    pub fn new(
        source: Arc<dyn ReadAt>,
        expected: Option<Digest>,
        decoded: Option<Digest>,
    ) -> Result<Self, BlobError> {
        let mut input = Input {
            source,
            buf: vec![0; INPUT_LEN].into_boxed_slice(),
            used: 0,
            filled: 0,
            read: 0,
            hasher: expected.as_ref().map(Hasher::like),
        };
        let head = input.peek(super::codec::MAGIC_LEN)?;
        let codec = Codec::sniff(head).map_err(BlobError::Unsupported)?;
        let (decoder, origin) = match codec {
            Codec::Plain => (Decoder::Plain(PlainPass), Origin::Plain { at: 0 }),
            Codec::Gzip => (
                Decoder::Gzip(GzipPass::new()?),
                Origin::GzipMember { at: 0 },
            ),
            Codec::Zstd => (Decoder::Zstd(ZstdPass::new()), Origin::ZstdFrame { at: 0 }),
        };
        Ok(Self {
            codec,
            input,
            decoder,
            spans: SpanBuilder::new(origin),
            out: vec![0; OUTPUT_LEN].into_boxed_slice(),
            out_used: 0,
            out_filled: 0,
            expected,
            decoded: decoded.map(|d| {
                let hasher = Hasher::like(&d);
                (d, hasher)
            }),
        })
    }

    /// Offset in the stored bytes up to which the pass has read: its progress.
    pub fn stored_position(&self) -> u64 {
        self.input.position()
    }

    fn refill(&mut self) -> Result<(), BlobError> {
        self.out_used = 0;
        self.out_filled = 0;
        // Half full is enough: a decoder that stops at each block would else be called for crumbs.
        while self.out_filled < OUTPUT_LEN / 2 {
            let room = self.out.get_mut(self.out_filled..).unwrap_or_default();
            let n = match &mut self.decoder {
                Decoder::Plain(d) => d.step(&mut self.input, room, &mut self.spans),
                Decoder::Gzip(d) => d.step(&mut self.input, room, &mut self.spans),
                Decoder::Zstd(d) => d.step(&mut self.input, room, &mut self.spans),
            }?;
            if n == 0 {
                break;
            }
            self.out_filled += n;
        }
        if let Some((_, hasher)) = &mut self.decoded {
            hasher.update(self.out.get(..self.out_filled).unwrap_or_default());
        }
        Ok(())
    }

    /// Reads what is left and checks the digests.
    ///
    /// # Errors
    /// If the rest cannot be decoded, or a digest is not the one expected.
    pub fn finish(mut self) -> Result<PassResult, BlobError> {
        let mut decode_rest = || {
            loop {
                self.refill()?;
                if self.out_filled == 0 {
                    return Ok(());
                }
            }
        };
        let rest: Result<(), BlobError> = decode_rest();
        self.input.drain()?;
        let stored_size = self.input.position();
        if let (Some(expected), Some(hasher)) = (self.expected, self.input.hasher) {
            let actual = hasher.finish();
            if actual != expected {
                return Err(BlobError::Digest { expected, actual });
            }
        }
        rest?;
        if let Some((expected, hasher)) = self.decoded {
            let actual = hasher.finish();
            if actual != expected {
                return Err(BlobError::Digest { expected, actual });
            }
        }
        Ok(PassResult {
            codec: self.codec,
            spans: self.spans.finish().map_err(BlobError::Spool)?,
            stored_size,
        })
    }

    /// After a failure: reads the rest of the stored bytes to tell a damaged blob from one that was
    /// broken when the image was built. The digest decides, so it is the better message.
    pub fn explain(mut self, error: BlobError) -> BlobError {
        if self.input.drain().is_err() {
            return error;
        }
        if let (Some(expected), Some(hasher)) = (self.expected, self.input.hasher) {
            let actual = hasher.finish();
            if actual != expected {
                return BlobError::Digest { expected, actual };
            }
        }
        error
    }
}

impl Read for Pass {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut chunk = self.fill_buf()?;
        let n = chunk.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Pass {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.out_used == self.out_filled {
            self.refill()?;
        }
        Ok(self
            .out
            .get(self.out_used..self.out_filled)
            .unwrap_or_default())
    }

    fn consume(&mut self, n: usize) {
        self.out_used = (self.out_used + n).min(self.out_filled);
    }
}
