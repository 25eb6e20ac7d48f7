//! The nature of a manifest: a container image, or another object in the same layout, such as a
//! signature, an attestation, an SBOM or a chart. All of them are manifests (OCI image-spec,
//! manifest.md, "Guidelines for Artifact Usage").

use oci_spec::image::{Descriptor, ImageManifest};

use super::{LayerFormat, is_attestation, is_config};

/// The nature of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// A container image.
    Image,
    /// A container image that refers to another one: it has a `subject`.
    Referrer,
    /// A container image with a layer that is not a tar archive. The value is the media type of the
    /// first such layer.
    Unreadable(String),
    /// Anything else, with a description for messages.
    Artifact(String),
}

impl Nature {
    /// Returns the nature if the descriptor alone determines it, or `None` if the manifest has to be
    /// read.
    pub(crate) fn of_descriptor(descriptor: &Descriptor) -> Option<Self> {
        if is_attestation(descriptor) {
            return Some(Self::Artifact("an attestation".to_owned()));
        }
        let artifact_type = descriptor.artifact_type().as_ref();
        artifact_type.and_then(|kind| artifact(kind.as_ref()))
    }

    /// Returns the nature of a manifest, based on its `artifactType`, its config and its layers.
    pub(crate) fn of_manifest(manifest: &ImageManifest) -> Self {
        let artifact_type = manifest.artifact_type().as_ref();
        if let Some(nature) = artifact_type.and_then(|kind| artifact(kind.as_ref())) {
            return nature;
        }
        Self::of_content(manifest)
    }

    /// Returns what the object is, for messages, or `None` if it is an image that can be read.
    pub(crate) fn why_not_shown(&self) -> Option<String> {
        match self {
            Self::Image | Self::Referrer => None,
            Self::Artifact(what) => Some(what.clone()),
            Self::Unreadable(media_type) => Some(format!(
                "an image with layers that imgfs does not read ({media_type})"
            )),
        }
    }

    /// Like [`Nature::of_manifest`], but ignores `artifactType`, because some tools set it in the
    /// manifests of images.
    pub(crate) fn of_content(manifest: &ImageManifest) -> Self {
        if let Some(nature) = artifact(manifest.config().media_type().as_ref()) {
            return nature;
        }
        let layers = manifest.layers().iter();
        let layers = layers.map(|layer| layer.media_type().as_ref());
        let strange = |&media_type: &&str| LayerFormat::of(media_type) != LayerFormat::Tar;
        let strange: Vec<&str> = layers.filter(strange).collect();
        let all = strange.len() == manifest.layers().len();
        match strange.as_slice() {
            [] if manifest.subject().is_some() => Self::Referrer,
            [] => Self::Image,
            // Signatures of cosign have the config media type of an image.
            [first, ..] if all && strange.iter().all(|m| is_other(m)) => {
                Self::Artifact(format!("an artifact ({first})"))
            }
            [first, ..] => Self::Unreadable((*first).to_owned()),
        }
    }
}

/// Returns an artifact of this type, or `None` if the type is that of an image's config: descriptors may
/// have it as their `artifactType` (descriptor.md).
fn artifact(media_type: &str) -> Option<Nature> {
    let is_artifact = !media_type.is_empty() && !is_config(media_type);
    is_artifact.then(|| Nature::Artifact(format!("an artifact ({media_type})")))
}

fn is_other(media_type: &str) -> bool {
    LayerFormat::of(media_type) == LayerFormat::Other
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    const TAR: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn nature(config: &str, layers: &[&str], more: &Value) -> Nature {
        let part = |media_type: &str| json!({"mediaType": media_type, "digest": DIGEST, "size": 1});
        let layers: Vec<Value> = layers.iter().map(|layer| part(layer)).collect();
        let mut manifest = json!({"schemaVersion": 2, "config": part(config), "layers": layers});
        for (key, value) in more.as_object().unwrap() {
            manifest[key] = value.clone();
        }
        Nature::of_manifest(&serde_json::from_value(manifest).unwrap())
    }

    #[test]
    fn images_and_artifacts() {
        let none = json!({});
        assert_eq!(nature(CONFIG, &[TAR], &none), Nature::Image);
        assert_eq!(nature(CONFIG, &[], &none), Nature::Image);
        let subject = json!({"subject": {"mediaType": "x", "digest": DIGEST, "size": 1}});
        assert_eq!(nature(CONFIG, &[TAR], &subject), Nature::Referrer);
        let artifact = |nature: Nature| matches!(nature, Nature::Artifact(_));
        // A chart of Helm, a signature and an attestation of cosign, an artifact of oras.
        let helm = "application/vnd.cncf.helm.config.v1+json";
        assert!(artifact(nature(helm, &[TAR], &none)));
        let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
        assert!(artifact(nature(CONFIG, &[signature], &none)));
        let envelope = "application/vnd.dsse.envelope.v1+json";
        assert!(artifact(nature(CONFIG, &[envelope, envelope], &none)));
        let kind = json!({"artifactType": "application/spdx+json"});
        assert!(artifact(nature(CONFIG, &[TAR], &kind)));
        let empty = "application/vnd.oci.empty.v1+json";
        assert!(artifact(nature(empty, &[empty], &none)));
    }

    #[test]
    fn layers_in_other_formats_are_named() {
        let none = json!({});
        let squashfs = "application/vnd.stacker.image.layer.squashfs";
        let encrypted = "application/vnd.oci.image.layer.v1.tar+encrypted";
        for layers in [[squashfs, squashfs], [TAR, squashfs]] {
            let nature = nature(CONFIG, &layers, &none);
            assert_eq!(nature, Nature::Unreadable(squashfs.to_owned()));
        }
        let nature = nature(CONFIG, &[encrypted], &none);
        assert_eq!(nature, Nature::Unreadable(encrypted.to_owned()));
    }
}
