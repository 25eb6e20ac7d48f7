//! What a descriptor says about the blob that it names (OCI image-spec, descriptor.md).

use std::collections::HashMap;

use oci_spec::image::Descriptor;

use super::{CONTAINERD_NAME, Platform, REF_NAME, REFERENCE_DIGEST, REFERENCE_TYPE};
use crate::blob::Digest;

/// The digest of the blob.
///
/// # Errors
/// If it is not a digest that imgfs knows: why, for people.
pub(crate) fn digest_of(descriptor: &Descriptor) -> Result<Digest, String> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|e| format!("has a bad digest: {e}"))
}

/// An annotation.
pub(crate) fn annotation<'a>(
    annotations: &'a Option<HashMap<String, String>>,
    key: &str,
) -> Option<&'a str> {
    annotations.as_ref()?.get(key).map(String::as_str)
}

/// The names that annotations give to an image. containerd's is the first: the other may be a mere tag,
/// which several images share.
pub(crate) fn names(descriptor: &Descriptor) -> Vec<String> {
    let named = |key| annotation(descriptor.annotations(), key).map(str::to_owned);
    let names = [CONTAINERD_NAME, REF_NAME].into_iter();
    names.filter_map(named).collect()
}

/// The platform that the descriptor names. One without system and machine says nothing.
pub(crate) fn declared_platform(descriptor: &Descriptor) -> Option<Platform> {
    let platform = descriptor.platform().as_ref()?;
    let platform = Platform {
        os: platform.os().to_string(),
        arch: platform.architecture().to_string(),
        variant: platform.variant().clone().filter(|v| !v.is_empty()),
    };
    Some(platform).filter(|platform| !platform.is_unknown())
}

/// Whether the descriptor is of an attestation: a statement about an image, which BuildKit lists beside
/// the image (attestation-storage.md).
pub(crate) fn is_attestation(descriptor: &Descriptor) -> bool {
    let nowhere = descriptor.platform().as_ref().is_some_and(|platform| {
        platform.os().to_string() == "unknown" && platform.architecture().to_string() == "unknown"
    });
    nowhere || annotation(descriptor.annotations(), REFERENCE_TYPE).is_some()
}

/// The digest of the manifest that an attestation is about, if the descriptor names it.
pub(crate) fn about(descriptor: &Descriptor) -> Option<&str> {
    annotation(descriptor.annotations(), REFERENCE_DIGEST)
}
