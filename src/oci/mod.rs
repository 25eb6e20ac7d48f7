//! The documents of the OCI image-spec: descriptors, indexes and manifests, as images, the store and
//! transfers read them. Docker's schema 2 has the same documents under other media types.
//!
//! [`walk`] follows an index to the manifests that it lists, [`Nature`] tells a container image from what
//! accompanies one, and [`Platform`] chooses between images. Nothing here opens a file: the documents'
//! bytes come from the caller.

mod descriptor;
mod json;
mod media_type;
mod nature;
mod platform;
mod walk;

pub(crate) use descriptor::{
    about, annotation, declared_platform, digest_of, is_attestation, names,
};
pub(crate) use json::{parse, read_into};
pub(crate) use media_type::{LayerFormat, is_config, is_index, is_manifest};
pub(crate) use nature::Nature;
pub use platform::{Platform, PlatformError};
pub(crate) use walk::{Listed, WalkError, walk};

/// The name of an image in a layout (annotations.md, "Pre-Defined Annotation Keys").
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation that containerd and Docker take an image's full name from.
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// The annotation that marks an attestation manifest (BuildKit, attestation-storage.md).
pub(crate) const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// The annotation of an attestation that names the manifest it is about (same document).
pub(crate) const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// The longest document that is read, in bytes. Real manifests and configs have some kilobytes.
pub(crate) const MAX_DOCUMENT: u64 = 16 << 20;
/// How deeply indexes may be nested. Real images nest them once.
pub(crate) const MAX_DEPTH: usize = 4;
/// How many manifests all indexes of an image together may list.
pub(crate) const MAX_MANIFESTS: usize = 4096;
