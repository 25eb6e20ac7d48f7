//! The origin of an image: provides documents and blobs by digest.

use std::io;

use oci_spec::image::Descriptor;

use super::error::TransferError;
use crate::blob::{Digest, Hasher};
use crate::oci::{self, MAX_DOCUMENT};

/// The maximum number of times to fetch an object whose bytes do not match its digest.
pub(super) const TIMES: u32 = 3;

/// A callback that receives bytes in order.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// The origin of an image. It is used by several threads.
pub(super) trait BlobOrigin: Sync {
    /// The name of the image, for messages.
    fn name(&self) -> &str;

    /// Returns the bytes of a manifest or an index, or `None` if it does not exist. The caller has
    /// to check the digest.
    fn manifest(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TransferError>;

    /// Passes the bytes of a blob to `sink`, in order, from offset `from` to the end. An error of
    /// `sink` ends the transfer, which then fails.
    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        from: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), TransferError>;

    /// Called when a blob did not match its digest and is about to be fetched again.
    fn was_wrong(&self) {}
}

/// Returns a manifest or an index after checking its digest.
pub(super) fn manifest(
    origin: &dyn BlobOrigin,
    digest: &Digest,
) -> Result<Option<Vec<u8>>, TransferError> {
    let Some(bytes) = origin.manifest(digest)? else {
        return Ok(None);
    };
    check(origin, &format!("manifest {digest}"), digest, &bytes)?;
    Ok(Some(bytes))
}

/// Returns a config after checking its digest.
pub(super) fn config(
    origin: &dyn BlobOrigin,
    digest: &Digest,
    size: u64,
) -> Result<Vec<u8>, TransferError> {
    let what = format!("config {digest}");
    if size > MAX_DOCUMENT {
        let detail = format!("has {size} bytes, and at most {MAX_DOCUMENT} are allowed");
        return Err(bad_document(origin, &what, detail));
    }
    let mut actual = None;
    for _ in 0..TIMES {
        let mut bytes = Vec::new();
        origin.blob(digest, size, 0, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        if digest.matches(&bytes) {
            return Ok(bytes);
        }
        origin.was_wrong();
        actual = Some(hash(digest, &bytes));
    }
    Err(TransferError::Digest {
        image: origin.name().to_owned(),
        what: "config".to_owned(),
        expected: digest.clone(),
        actual: actual.unwrap_or_else(|| digest.clone()),
        times: TIMES,
    })
}

fn check(
    origin: &dyn BlobOrigin,
    what: &str,
    expected: &Digest,
    bytes: &[u8],
) -> Result<(), TransferError> {
    if expected.matches(bytes) {
        return Ok(());
    }
    let actual = hash(expected, bytes);
    Err(bad_document(
        origin,
        what,
        format!("does not match its digest: the bytes hash to {actual}"),
    ))
}

/// Hashes bytes with the algorithm of another digest.
fn hash(like: &Digest, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::like(like);
    hasher.update(bytes);
    hasher.finish()
}

/// Returns the digest in a descriptor.
pub(super) fn digest_of(
    origin: &dyn BlobOrigin,
    descriptor: &Descriptor,
) -> Result<Digest, TransferError> {
    oci::digest_of(descriptor).map_err(|detail| bad_document(origin, "a descriptor", detail))
}

pub(super) fn bad_document(
    origin: &dyn BlobOrigin,
    document: &str,
    detail: impl Into<String>,
) -> TransferError {
    TransferError::Document {
        image: origin.name().to_owned(),
        document: document.to_owned(),
        detail: detail.into(),
    }
}
