//! What an OCI image layout is made of (OCI image-spec, image-layout.md), for who reads one and for who
//! writes one: the names of images in it, how documents are told apart, and how much of them makes sense.

/// The name of an image in a layout (annotations.md).
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The name that containerd and Docker take an image's full name from.
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// A document larger than this, in bytes, is none: real manifests and configs have some kilobytes.
pub(crate) const MAX_DOCUMENT: u64 = 16 << 20;
/// Indexes may name indexes; real ones do so once.
pub(crate) const MAX_DEPTH: usize = 4;
/// More manifests than this in all indexes together are a trick.
pub(crate) const MAX_MANIFESTS: usize = 4096;

/// Whether a media type is that of an index.
pub(crate) fn is_index(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

/// Whether a media type is that of the manifest of one platform.
pub(crate) fn is_manifest(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json"
    )
}
