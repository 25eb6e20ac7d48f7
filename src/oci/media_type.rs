//! Media types of the OCI image-spec (media-types.md), of Docker's schema 2 (distribution,
//! manifest-v2-2.md), and of other objects that tools store next to images.

/// Returns whether a media type is that of an index, which Docker calls a manifest list.
pub(crate) fn is_index(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

/// Returns whether a media type is that of a manifest for one platform.
pub(crate) fn is_manifest(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json"
    )
}

/// Returns whether a media type is too general to tell an index from a manifest.
pub(crate) fn is_general(media_type: &str) -> bool {
    matches!(
        media_type,
        "" | "application/json" | "application/octet-stream"
    )
}

/// Returns whether a media type may be that of an image's config. Some registries store configs as
/// `application/octet-stream`.
pub(crate) fn is_config(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.config.")
        || media_type.starts_with("application/vnd.docker.container.image.")
        || media_type == "application/octet-stream"
}

/// The format of a layer, according to its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayerFormat {
    /// A tar archive, compressed or not, or a media type so general that it may be one.
    Tar,
    /// A layer encrypted with ocicrypt: the media type ends in `+encrypted`.
    Encrypted,
    /// Another file system format: squashfs, a nydus blob.
    FileSystem,
    /// Not a layer at all: a signature, an SBOM, a chart.
    Other,
}

impl LayerFormat {
    /// Returns the format for a media type.
    pub(crate) fn of(media_type: &str) -> Self {
        if media_type.ends_with("+encrypted") {
            return Self::Encrypted;
        }
        let general = matches!(
            media_type,
            "" | "application/octet-stream" | "application/gzip" | "application/x-gzip"
        );
        // `application/vnd.oci.image.layer.v1.tar+gzip`, `…rootfs.diff.tar.gzip`, `application/x-tar`.
        let mut words = media_type.split(['/', '.', '+', '-']);
        if general || words.any(|word| word == "tar" || word == "tgz") {
            return Self::Tar;
        }
        let is_layer = ["layer", "rootfs", "squashfs", "erofs", "sif"];
        let mut words = media_type.split(['/', '.', '+', '-']);
        match words.any(|word| is_layer.contains(&word)) {
            true => Self::FileSystem,
            false => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_a_layer_by_its_media_type() {
        use LayerFormat::{Encrypted, FileSystem, Other, Tar};
        for (media_type, format) in [
            ("application/vnd.oci.image.layer.v1.tar", Tar),
            ("application/vnd.oci.image.layer.v1.tar+zstd", Tar),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                Tar,
            ),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", Tar),
            (
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                Tar,
            ),
            ("application/x-tar", Tar),
            ("application/octet-stream", Tar),
            (
                "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
                Encrypted,
            ),
            (
                "application/vnd.stacker.image.layer.squashfs+zstd",
                FileSystem,
            ),
            ("application/vnd.sylabs.sif.layer.v1.sif", FileSystem),
            ("application/vnd.oci.image.layer.nydus.blob.v1", FileSystem),
            ("application/vnd.dev.cosign.simplesigning.v1+json", Other),
            ("application/vnd.in-toto+json", Other),
            ("application/spdx+json", Other),
            ("application/vnd.cncf.helm.chart.provenance.v1.prov", Other),
        ] {
            assert_eq!(LayerFormat::of(media_type), format, "{media_type}");
        }
    }
}
