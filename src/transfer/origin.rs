//! Where an image comes from: it can be asked for documents and blobs by their digests.

use std::io;

use oci_spec::image::Descriptor;

use super::TransferError;
use crate::blob::{Digest, Hasher};
use crate::oci::{self, MAX_DOCUMENT};

/// So often something is brought that comes with other bytes than its digest's.
pub(super) const TIMES: u32 = 3;

/// Takes bytes in as they come.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// Where an image comes from. It is asked by several threads.
pub(super) trait Origin: Sync {
    /// The image, for messages.
    fn name(&self) -> &str;

    /// The bytes of a manifest or an index; `None` if it is not there. They are checked by who asks.
    fn manifest(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TransferError>;

    /// Hands a blob over, from an offset on to its end, in order. An error of `sink` ends it and is
    /// handed back.
    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        from: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), TransferError>;

    /// A blob came with other bytes than its digest's, and is asked for again.
    fn was_wrong(&self) {}
}

/// A manifest or an index that a descriptor names, checked.
pub(super) fn manifest(
    origin: &dyn Origin,
    digest: &Digest,
) -> Result<Option<Vec<u8>>, TransferError> {
    let Some(bytes) = origin.manifest(digest)? else {
        return Ok(None);
    };
    check(origin, &format!("manifest {digest}"), digest, &bytes)?;
    Ok(Some(bytes))
}

/// A config that a descriptor names, checked.
pub(super) fn config(
    origin: &dyn Origin,
    digest: &Digest,
    size: u64,
) -> Result<Vec<u8>, TransferError> {
    let what = format!("config {digest}");
    if size > MAX_DOCUMENT {
        let detail = format!("has {size} bytes, where at most {MAX_DOCUMENT} make sense");
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
    origin: &dyn Origin,
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
        format!("arrived with other bytes, those of {actual}"),
    ))
}

/// What bytes hash to by the algorithm of another digest.
fn hash(like: &Digest, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::like(like);
    hasher.update(bytes);
    hasher.finish()
}

/// The digest of a descriptor.
pub(super) fn digest_of(
    origin: &dyn Origin,
    descriptor: &Descriptor,
) -> Result<Digest, TransferError> {
    oci::digest_of(descriptor).map_err(|detail| bad_document(origin, "a descriptor", detail))
}

pub(super) fn bad_document(
    origin: &dyn Origin,
    document: &str,
    detail: impl Into<String>,
) -> TransferError {
    TransferError::Document {
        image: origin.name().to_owned(),
        document: document.to_owned(),
        detail: detail.into(),
    }
}
