//! The documents of a layout, with errors that name the image.

use oci_spec::image::Descriptor;
use serde::de::DeserializeOwned;

use crate::blob::Digest;
use crate::image::error::ImageError;
use crate::image::reference::Reference;
use crate::oci;

/// Parses a document of the image, and adds the ambiguous parts of it, which other readers interpret
/// differently, to `ambiguities`.
pub(super) fn parse<T: DeserializeOwned>(
    reference: &Reference,
    name: &str,
    bytes: &[u8],
    ambiguities: &mut Vec<String>,
) -> Result<T, ImageError> {
    oci::read_into(name, bytes, ambiguities).map_err(|detail| ImageError::Document {
        image: reference.to_string(),
        document: name.to_owned(),
        detail,
    })
}

/// Returns the digest in a descriptor.
pub(super) fn digest_of(
    reference: &Reference,
    descriptor: &Descriptor,
) -> Result<Digest, ImageError> {
    oci::digest_of(descriptor).map_err(|detail| ImageError::Document {
        image: reference.to_string(),
        document: "a descriptor".to_owned(),
        detail,
    })
}
