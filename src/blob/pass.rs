//! The first pass over a blob, which decodes it, hashes it, and cuts it into spans.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use super::codec_pass::CodecPass;
use super::input::PassInput;
use super::span_builder::SpanBuilder;
use super::spans::SpanOrigin;
use super::{BlobError, Codec, Digest, Hasher, ReadAt};
use crate::cache::Writer;

/// The first read of a blob, from front to back.
///
/// Read the decoded bytes, then call [`Pass::finish`], which checks the digests.
pub struct Pass<'w> {
    codec: Codec,
    input: PassInput,
    decoder: CodecPass,
    spans: SpanBuilder<'w>,
    /// The number of the decoder's ready bytes that are used.
    used: usize,
    /// The expected digest of the stored bytes.
    expected: Option<Digest>,
    /// The expected digest of the decoded bytes, and their hasher. There is no hasher if the decoded
    /// bytes are the stored bytes.
    decoded: Option<(Digest, Option<Hasher>)>,
    /// The error of the last read, until it is taken.
    error: Option<BlobError>,
}

/// What a pass has learned about a blob.
pub struct PassResult {
    /// The compression of the bytes.
    pub codec: Codec,
    /// Length of the blob as stored, in bytes.
    pub stored_size: u64,
    /// Digest of the blob as stored, unless it is an archive.
    pub digest: Option<Digest>,
    /// Digest of the decoded bytes, if it is known.
    pub diff_id: Option<Digest>,
    /// Offset of the zeros that follow the last gzip member, in bytes of the blob as stored.
    pub zeros_after_gzip: Option<u64>,
}

impl<'w> Pass<'w> {
    /// Begins to read `source` and to write its spans to `writer`, as two sections. After
    /// [`Pass::finish`], other sections can be added.
    ///
    /// `expected` is the digest of the stored bytes, and `decoded` is the digest of the decoded
    /// bytes. Each is checked if it is given.
    ///
    /// # Errors
    /// If the first bytes cannot be read or belong to an unsupported compression.
    pub fn new(
        source: Arc<dyn ReadAt>,
        expected: Option<Digest>,
        decoded: Option<Digest>,
        writer: &'w mut Writer,
    ) -> Result<Self, BlobError> {
        let named = expected.as_ref().or(decoded.as_ref());
        let hasher = named.map_or_else(Hasher::sha256, Hasher::like);
        let mut pass = Self::begin(source, Some(hasher), writer)?;
        pass.decoded = decoded.map(|digest| {
            // Uncompressed bytes are hashed only once.
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

    /// Like [`Pass::new`], but for an archive, which has no digest.
    ///
    /// # Errors
    /// As [`Pass::new`].
    pub fn over_archive(
        source: Arc<dyn ReadAt>,
        writer: &'w mut Writer,
    ) -> Result<Self, BlobError> {
        Self::begin(source, None, writer)
    }

    fn begin(
        source: Arc<dyn ReadAt>,
        hasher: Option<Hasher>,
        writer: &'w mut Writer,
    ) -> Result<Self, BlobError> {
        let mut input = PassInput::new(source, hasher);
        let head = input.peek(super::codec::MAGIC_LEN)?;
        let codec = Codec::sniff(head).map_err(BlobError::Unsupported)?;
        let origin = SpanOrigin::first(codec);
        Ok(Self {
            codec,
            input,
            decoder: CodecPass::new(codec),
            spans: SpanBuilder::new(origin, writer).map_err(BlobError::Spool)?,
            used: 0,
            expected: None,
            decoded: None,
            error: None,
        })
    }

    /// Returns how many stored bytes were used so far, as a measure of progress.
    pub fn stored_position(&self) -> u64 {
        self.input.position()
    }

    /// Decodes the next bytes. At the end there are none.
    fn refill(&mut self) -> Result<(), BlobError> {
        self.used = 0;
        self.decoder.advance(&mut self.input, &mut self.spans)?;
        if let Some((_, Some(hasher))) = &mut self.decoded {
            hasher.update(self.decoder.ready(&self.input));
        }
        Ok(())
    }

    /// Returns the decoded bytes that are ready.
    fn ready(&self) -> &[u8] {
        let ready = self.decoder.ready(&self.input);
        ready.get(self.used..).unwrap_or_default()
    }

    /// Reads the rest of the blob and checks the digests.
    ///
    /// # Errors
    /// If the rest cannot be decoded, or a digest is not the expected one.
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
            _ => None,
        };
        if let Some((expected, hasher)) = self.decoded {
            diff_id = hasher.map(Hasher::finish).or(diff_id);
            check(Some(&expected), diff_id.as_ref())?;
        }
        self.spans.finish().map_err(BlobError::Spool)?;
        Ok(PassResult {
            codec: self.codec,
            stored_size,
            digest,
            diff_id,
            zeros_after_gzip: self.decoder.zeros_after_gzip(),
        })
    }

    /// Takes the error because of which the last read through [`Read`] or [`BufRead`] failed. The
    /// [`io::Error`] that the read returned has only its kind and its text.
    pub fn take_error(&mut self) -> Option<BlobError> {
        self.error.take()
    }

    /// Finds the cause of a failure.
    ///
    /// Reads the rest of the stored bytes, to distinguish a blob that was damaged from one that was
    /// built broken. If the digest does not match, returns that error instead of `error`, since it
    /// explains more.
    pub fn explain(mut self, error: BlobError) -> BlobError {
        let drained = self.input.drain(&mut |_| ());
        let digest = self.input.digest();
        match drained.and_then(|()| check(self.expected.as_ref(), digest.as_ref())) {
            Err(cause @ BlobError::Digest { .. }) => cause,
            _ => error,
        }
    }
}

/// Compares a digest with the expected one, if there is one.
fn check(expected: Option<&Digest>, actual: Option<&Digest>) -> Result<(), BlobError> {
    match (expected, actual) {
        (Some(expected), Some(actual)) if expected != actual => Err(BlobError::Digest {
            expected: expected.clone(),
            actual: actual.clone(),
        }),
        _ => Ok(()),
    }
}

impl Read for Pass<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut chunk = self.fill_buf()?;
        let n = chunk.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Pass<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ready().is_empty()
            && let Err(error) = self.refill()
        {
            let shown = io::Error::new(error.kind(), error.to_string());
            self.error = Some(error);
            return Err(shown);
        }
        Ok(self.ready())
    }

    fn consume(&mut self, n: usize) {
        self.used += n.min(self.ready().len());
    }
}
