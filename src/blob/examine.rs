//! Computes the digests of a blob, of its stored and its decoded bytes, in one read.
//!
//! No decoded bytes are kept, so memory use is limited to a decoder's window. A decompression bomb
//! only costs time.

use std::sync::Arc;

use super::codec_pass::CodecPass;
use super::input::PassInput;
use super::span_builder::NoSpans;
use super::{BlobError, Codec, Digest, Hasher, ReadAt};

/// The digests and the compression of a blob.
#[derive(Debug)]
pub struct Examined {
    /// Length as stored, in bytes.
    pub size: u64,
    /// Digest of the stored bytes.
    pub digest: Digest,
    /// The compression of the bytes, or the name of one that imgfs does not read.
    pub codec: Result<Codec, &'static str>,
    /// Digests of the decoded bytes, one for each algorithm that was asked for, or the reason why the
    /// bytes cannot be decoded.
    pub decoded: Result<Vec<Digest>, BlobError>,
}

/// Reads a blob to its end and computes its digests.
///
/// The digest of the stored bytes has the algorithm of `named`, or SHA-256 if that is `None`. The
/// decoded bytes are hashed with the algorithm of each of `diff_ids`. If there are none, the blob is
/// not decoded. `progress` is called with the number of stored bytes read so far.
///
/// # Errors
/// If the blob cannot be read. Errors in its bytes are part of the result.
pub fn examine(
    source: Arc<dyn ReadAt>,
    named: Option<&Digest>,
    diff_ids: &[Digest],
    progress: &mut dyn FnMut(u64),
) -> Result<Examined, BlobError> {
    let hasher = named.map_or_else(Hasher::sha256, Hasher::like);
    let mut input = PassInput::new(source, Some(hasher));
    let codec = Codec::sniff(input.peek(super::codec::MAGIC_LEN)?);
    let stored = named.map_or("sha256", Digest::algorithm);
    let mut hashers = Hashers::like(diff_ids);
    let plain = codec == Ok(Codec::Plain);
    if plain {
        // The decoded bytes are the stored bytes, which are hashed with this algorithm as they are
        // read.
        hashers.0.retain(|(algorithm, _)| *algorithm != stored);
    }
    let decoded = match codec {
        _ if diff_ids.is_empty() => Ok(()),
        Ok(codec) => decode(codec, &mut input, &mut hashers, progress),
        Err(name) => Err(BlobError::Unsupported(name)),
    };
    if let Err(BlobError::Io(error)) = decoded {
        return Err(BlobError::Io(error));
    }
    input.drain(progress)?;
    let size = input.position();
    // The input has a hasher, and its digest has not been taken before.
    let digest = input.digest().unwrap_or_else(|| Hasher::sha256().finish());
    let decoded = decoded.map(|()| {
        let mut digests = hashers.finish();
        if plain && diff_ids.iter().any(|d| d.algorithm() == stored) {
            digests.push(digest.clone());
        }
        digests
    });
    Ok(Examined {
        size,
        digest,
        codec,
        decoded,
    })
}

/// Hashers of different algorithms that are given the same bytes.
struct Hashers(Vec<(&'static str, Hasher)>);

impl Hashers {
    fn like(digests: &[Digest]) -> Self {
        let mut hashers: Vec<(&'static str, Hasher)> = Vec::new();
        for digest in digests {
            if hashers.iter().all(|(name, _)| *name != digest.algorithm()) {
                hashers.push((digest.algorithm(), Hasher::like(digest)));
            }
        }
        Self(hashers)
    }

    fn update(&mut self, bytes: &[u8]) {
        for (_, hasher) in &mut self.0 {
            hasher.update(bytes);
        }
    }

    fn finish(self) -> Vec<Digest> {
        self.0.into_iter().map(|(_, h)| h.finish()).collect()
    }
}

/// Decodes the whole blob.
fn decode(
    codec: Codec,
    input: &mut PassInput,
    hashers: &mut Hashers,
    progress: &mut dyn FnMut(u64),
) -> Result<(), BlobError> {
    let mut decoder = CodecPass::new(codec);
    loop {
        decoder.advance(input, &mut NoSpans)?;
        let ready = decoder.ready(input);
        if ready.is_empty() {
            return Ok(());
        }
        hashers.update(ready);
        progress(input.position());
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::Memory;
    use super::*;

    fn digest(bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::sha256();
        hasher.update(bytes);
        hasher.finish()
    }

    /// A digest of another algorithm. Its value does not matter.
    fn sha512() -> Digest {
        format!("sha512:{}", "0".repeat(128)).parse().unwrap()
    }

    fn look(bytes: &[u8], diff_ids: &[Digest]) -> Examined {
        let source = Arc::new(Memory(bytes.to_vec()));
        examine(source, None, diff_ids, &mut |_| ()).unwrap()
    }

    #[test]
    fn both_digests_of_every_codec_and_each_algorithm() {
        let tar: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
        let wanted = [digest(&tar), sha512(), digest(b"")];
        let zstd = zstd::encode_all(tar.as_slice(), 1).unwrap();
        let gzip = gzip(&tar);
        for (bytes, codec) in [
            (&tar, Codec::Plain),
            (&gzip, Codec::Gzip),
            (&zstd, Codec::Zstd),
        ] {
            let found = look(bytes, &wanted);
            assert_eq!((found.codec, found.size), (Ok(codec), bytes.len() as u64));
            assert_eq!(found.digest, digest(bytes));
            let decoded = found.decoded.unwrap();
            assert_eq!(decoded.len(), 2, "{codec}");
            assert!(decoded.contains(&digest(&tar)), "{codec}");
        }
        assert!(look(&gzip, &[]).decoded.unwrap().is_empty());
    }

    #[test]
    fn damage_does_not_keep_it_from_the_digest_of_what_is_stored() {
        let whole = gzip(&[7; 100_000]);
        let cut = &whole[..whole.len() - 9];
        let found = look(cut, &[digest(b"")]);
        assert_eq!(found.digest, digest(cut));
        assert!(matches!(found.decoded, Err(BlobError::Truncated { .. })));
        let mut broken = whole.clone();
        broken[20] ^= 0x55;
        let found = look(&broken, &[digest(b"")]);
        assert_eq!(found.digest, digest(&broken));
        assert!(found.decoded.is_err());
        let found = look(b"BZh9....", &[digest(b"")]);
        assert!(matches!(
            found.decoded,
            Err(BlobError::Unsupported("bzip2"))
        ));
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let level = flate2::Compression::fast();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }
}
