//! The contents of a descriptor, which refers to a blob (OCI image-spec, descriptor.md).

use std::collections::HashMap;

use oci_spec::image::Descriptor;

use super::{CONTAINERD_NAME, Platform, REF_NAME, REFERENCE_DIGEST, REFERENCE_TYPE};
use crate::blob::Digest;

/// Returns the digest of the blob.
///
/// # Errors
/// If the algorithm is not supported or the digest is malformed. The error is a text for messages.
pub(crate) fn digest_of(descriptor: &Descriptor) -> Result<Digest, String> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|e| format!("has a bad digest: {e}"))
}

/// Returns the value of an annotation.
pub(crate) fn annotation<'a>(
    annotations: &'a Option<HashMap<String, String>>,
    key: &str,
) -> Option<&'a str> {
    annotations.as_ref()?.get(key).map(String::as_str)
}

/// Returns the names that annotations give to an image. containerd's name comes first, because the other
/// one may be only a tag, which several images can share.
pub(crate) fn names(descriptor: &Descriptor) -> Vec<String> {
    let named = |key| annotation(descriptor.annotations(), key).map(str::to_owned);
    let names = [CONTAINERD_NAME, REF_NAME].into_iter();
    names.filter_map(named).collect()
}

/// Returns the platform that the descriptor declares. A platform with neither operating system nor
/// architecture counts as missing.
pub(crate) fn declared_platform(descriptor: &Descriptor) -> Option<Platform> {
    let platform = descriptor.platform().as_ref()?;
    let platform = Platform {
        os: platform.os().to_string(),
        arch: platform.architecture().to_string(),
        variant: platform.variant().clone().filter(|v| !v.is_empty()),
    };
    Some(platform).filter(|platform| !platform.is_unknown())
}

/// Returns whether the descriptor refers to an attestation, a statement about an image that BuildKit
/// lists in the same index (attestation-storage.md).
pub(crate) fn is_attestation(descriptor: &Descriptor) -> bool {
    let nowhere = descriptor.platform().as_ref().is_some_and(|platform| {
        platform.os().to_string() == "unknown" && platform.architecture().to_string() == "unknown"
    });
    nowhere || annotation(descriptor.annotations(), REFERENCE_TYPE).is_some()
}

/// Returns the digest of the manifest that an attestation is about, if the descriptor names it.
pub(crate) fn about(descriptor: &Descriptor) -> Option<&str> {
    annotation(descriptor.annotations(), REFERENCE_DIGEST)
}
