//! The documents of the OCI image-spec: descriptors, indexes and manifests. Images, the store and
//! transfers read them with this module. Docker's schema 2 has the same documents with other media
//! types.
//!
//! [`walk()`] follows an index to the manifests that it lists, [`Nature`] distinguishes container images
//! from other objects, [`Platform`] chooses between images, and [`parse_name`] reads the name of an image in
//! a registry. This module opens no files: the caller
//! provides the bytes of the documents.

mod descriptor;
mod json;
mod media_type;
mod nature;
mod platform;
mod registry_name;
mod walk;

pub(crate) use descriptor::{
    about, annotation, declared_platform, digest_of, is_attestation, names,
};
pub(crate) use json::{parse, read_into};
pub(crate) use media_type::{LayerFormat, is_config, is_general, is_index, is_manifest};
pub(crate) use nature::Nature;
pub use platform::Platform;
pub(crate) use platform::PlatformError;
pub(crate) use registry_name::parse_name;
pub(crate) use walk::{Listed, WalkError, walk};

/// The name of an image in a layout (annotations.md, "Pre-Defined Annotation Keys").
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation with an image's full name that containerd and Docker use.
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// The annotation that marks an attestation manifest (BuildKit, attestation-storage.md).
pub(crate) const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// The annotation with the digest of the manifest that an attestation is about (same document).
pub(crate) const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// The maximum length of a document, in bytes. Real manifests and configs have some kilobytes.
pub(crate) const MAX_DOCUMENT: u64 = 16 << 20;
/// The maximum nesting depth of indexes. Real images have one nested level.
pub(crate) const MAX_DEPTH: usize = 4;
/// The maximum number of manifests in all indexes of an image together.
pub(crate) const MAX_MANIFESTS: usize = 4096;
