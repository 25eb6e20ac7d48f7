//! The one pass over a blob: decode, hash, cut into spans.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use super::codec_pass::CodecPass;
use super::cut::SpanBuilder;
use super::input::Input;
use super::spans::Origin;
use super::{BlobError, Codec, Digest, Hasher, ReadAt};
use crate::cache::Writer;

/// The first reading of a blob, from front to back. Read the decoded bytes, then call
/// [`Pass::finish`], which checks what the descriptor said.
pub struct Pass {
    codec: Codec,
    input: Input,
    decoder: CodecPass,
    spans: SpanBuilder,
    /// How many of the decoder's bytes are used.
    used: usize,
    /// What the digest of the stored bytes must be.
    expected: Option<Digest>,
    /// What that of the decoded bytes must be, and what computes it unless they are the same bytes.
    decoded: Option<(Digest, Option<Hasher>)>,
}

/// What a pass has learned.
pub struct PassResult {
    /// The compression that the bytes had.
    pub codec: Codec,
    /// The file, with the sections of the spans in it; more may be added.
    pub writer: Writer,
    /// Length of the blob as stored, in bytes.
    pub stored_size: u64,
    /// Digest of the blob as stored, unless the pass was one over an archive.
    pub digest: Option<Digest>,
    /// Digest of the decoded bytes, if it is known.
    pub diff_id: Option<Digest>,
    /// Where zeros begin that follow the last gzip member, in bytes of the blob as stored.
    pub zeros_after_gzip: Option<u64>,
}

impl Pass {
    /// Begins to read `source` and to write its spans. `expected` is the digest of the bytes as
    /// stored, `decoded` that of the decoded ones; each is checked if it is given.
    ///
    /// # Errors
    /// If the first bytes cannot be read or belong to an unsupported compression.
    pub fn new(
        source: Arc<dyn ReadAt>,
        expected: Option<Digest>,
        decoded: Option<Digest>,
        writer: Writer,
    ) -> Result<Self, BlobError> {
        let named = expected.as_ref().or(decoded.as_ref());
        let hasher = named.map_or_else(Hasher::sha256, Hasher::like);
        let mut pass = Self::begin(source, Some(hasher), writer)?;
        pass.decoded = decoded.map(|digest| {
            // Bytes that are not compressed are hashed once.
            let same = pass.codec == Codec::Plain
                && expected
                    .as_ref()
                    .is_none_or(|e| e.algorithm() == digest.algorithm());
            let hasher = (!same).then(|| Hasher::like(&digest));
            (digest, hasher)
        });
        pass.expected = expected;
        Ok(pass)
    }

    /// The same for an archive, which has no digest.
    ///
    /// # Errors
    /// As [`Pass::new`].
    pub fn over_archive(source: Arc<dyn ReadAt>, writer: Writer) -> Result<Self, BlobError> {
        Self::begin(source, None, writer)
    }

    fn begin(
        source: Arc<dyn ReadAt>,
        hasher: Option<Hasher>,
        writer: Writer,
    ) -> Result<Self, BlobError> {
        let mut input = Input::new(source, hasher);
        let head = input.peek(super::codec::MAGIC_LEN)?;
        let codec = Codec::sniff(head).map_err(BlobError::Unsupported)?;
        let origin = match codec {
            Codec::Plain => Origin::Plain { at: 0 },
            Codec::Gzip => Origin::GzipMember { at: 0 },
            Codec::Zstd => Origin::ZstdFrame { at: 0 },
            Codec::Xz => Origin::XzStream { at: 0 },
        };
        Ok(Self {
            codec,
            input,
            decoder: CodecPass::new(codec),
            spans: SpanBuilder::new(origin, writer).map_err(BlobError::Spool)?,
            used: 0,
            expected: None,
            decoded: None,
        })
    }

    /// Offset in the stored bytes up to which the pass has read: its progress.
    pub fn stored_position(&self) -> u64 {
        self.input.position()
    }

    /// Makes the next decoded bytes; none at the end.
    fn refill(&mut self) -> Result<(), BlobError> {
        self.used = 0;
        self.decoder.advance(&mut self.input, &mut self.spans)?;
        if let Some((_, Some(hasher))) = &mut self.decoded {
            hasher.update(self.decoder.ready(&self.input));
        }
        Ok(())
    }

    /// The decoded bytes that are ready.
    fn ready(&self) -> &[u8] {
        let ready = self.decoder.ready(&self.input);
        ready.get(self.used..).unwrap_or_default()
    }

    /// Reads what is left and checks the digests.
    ///
    /// # Errors
    /// If the rest cannot be decoded, or a digest is not the one expected.
    pub fn finish(mut self) -> Result<PassResult, BlobError> {
        let mut decode_rest = || {
            loop {
                self.refill()?;
                if self.ready().is_empty() {
                    return Ok(());
                }
            }
        };
        let rest: Result<(), BlobError> = decode_rest();
        self.input.drain(&mut |_| ())?;
        let stored_size = self.input.position();
        let digest = self.input.digest();
        check(self.expected.as_ref(), digest.as_ref())?;
        rest?;
        let mut diff_id = match self.codec {
            Codec::Plain => digest.clone(),
            Codec::Gzip | Codec::Zstd | Codec::Xz => None,
        };
        if let Some((expected, hasher)) = self.decoded {
            diff_id = hasher.map(Hasher::finish).or(diff_id);
            check(Some(&expected), diff_id.as_ref())?;
        }
        Ok(PassResult {
            codec: self.codec,
            writer: self.spans.finish().map_err(BlobError::Spool)?,
            stored_size,
            digest,
            diff_id,
            zeros_after_gzip: self.decoder.zeros_after_gzip(),
        })
    }

    /// After a failure: reads the rest of the stored bytes to tell a damaged blob from one that was
    /// broken when the image was built. The digest decides, so it is the better message.
    pub fn explain(mut self, error: BlobError) -> BlobError {
        let drained = self.input.drain(&mut |_| ());
        let digest = self.input.digest();
        match drained.and_then(|()| check(self.expected.as_ref(), digest.as_ref())) {
            Err(cause @ BlobError::Digest { .. }) => cause,
            _ => error,
        }
    }
}

/// Compares a digest with the one that was expected, if one was.
fn check(expected: Option<&Digest>, actual: Option<&Digest>) -> Result<(), BlobError> {
    match (expected, actual) {
        (Some(expected), Some(actual)) if expected != actual => Err(BlobError::Digest {
            expected: expected.clone(),
            actual: actual.clone(),
        }),
        _ => Ok(()),
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
        if self.ready().is_empty() {
            self.refill()?;
        }
        Ok(self.ready())
    }

    fn consume(&mut self, n: usize) {
        self.used += n.min(self.ready().len());
    }
}
