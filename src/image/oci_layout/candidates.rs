//! The manifests that `index.json` leads to, and which of them are container images.

use std::collections::HashSet;

use oci_spec::image::{Descriptor, ImageManifest};

use super::document::digest_of;
use crate::image::files::Files;
use crate::image::{ImageError, Reference};
use crate::oci::{self, Listed, Nature, WalkError};

/// The manifests from which one is chosen.
pub(super) struct Candidates {
    pub manifests: Vec<Listed>,
    /// Parts of the indexes in which two readers see different images, for messages.
    pub ambiguities: Vec<String>,
    /// The digest of an index that is missing.
    missing: Option<String>,
}

impl Candidates {
    /// Collects the manifests that `roots` lead to, each at most once for each of its roots and
    /// platforms. Attestations are left out.
    pub(super) fn collect(
        reference: &Reference,
        files: &Files,
        roots: &[Descriptor],
    ) -> Result<Self, ImageError> {
        let mut fetch = |digest: &_| match files.verified(reference, digest) {
            Err(ImageError::MissingBlob { .. }) => Ok(None),
            read => read.map(Some),
        };
        let walk = oci::walk(roots, &mut fetch).map_err(|error| match error {
            WalkError::Fetch(error) => error,
            WalkError::Document { document, detail } => ImageError::Document {
                image: reference.to_string(),
                document,
                detail,
            },
        })?;
        let mut seen = HashSet::new();
        let mut manifests = walk.manifests;
        manifests.retain(|m| !oci::is_attestation(&m.descriptor));
        // Two entries for the same manifest are one image, unless they name two platforms.
        manifests.retain(|m| {
            let platform = oci::declared_platform(&m.descriptor).map(|p| p.to_string());
            seen.insert((m.root, m.descriptor.digest().to_string(), platform))
        });
        Ok(Self {
            manifests,
            ambiguities: walk.ambiguities,
            missing: walk.missing.first().map(ToString::to_string),
        })
    }

    /// Returns the nature of the candidates as a whole: an image if at least one of them is an image.
    ///
    /// # Errors
    /// If everything that the roots lead to is missing, or if there is no image and a manifest cannot be
    /// read.
    pub(super) fn nature(self, reference: &Reference, files: &Files) -> Result<Nature, ImageError> {
        let mut natures = Vec::new();
        let mut failed = None;
        for candidate in &self.manifests {
            match nature_of(reference, files, &candidate.descriptor) {
                Ok(nature) => natures.extend(nature),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let is_image = |nature: &&Nature| matches!(nature, Nature::Image | Nature::Referrer);
        let is_unreadable = |nature: &&Nature| matches!(nature, Nature::Unreadable(_));
        let image = natures.iter().find(is_image);
        if let Some(nature) = image.or_else(|| natures.iter().find(is_unreadable)) {
            return Ok(nature.clone());
        }
        match (failed, natures.into_iter().next()) {
            (Some(error), _) => Err(error),
            (None, Some(nature)) => Ok(nature),
            (None, None) => match self.first_missing() {
                Some(blob) => Err(ImageError::MissingBlob {
                    image: reference.to_string(),
                    blob,
                }),
                None => Ok(Nature::Artifact("an index that lists no image".to_owned())),
            },
        }
    }

    /// Returns the digest of a missing document: an index, or else the first manifest.
    fn first_missing(&self) -> Option<String> {
        let manifest = self.manifests.first();
        let manifest = manifest.map(|m| m.descriptor.digest().to_string());
        self.missing.clone().or(manifest)
    }

    /// Keeps only the container images. A single manifest is kept unchecked: opening it later gives a
    /// more precise error than that it is not an image.
    ///
    /// # Errors
    /// If there is no image. The error says what there is instead.
    pub(super) fn images(self, reference: &Reference, files: &Files) -> Result<Self, ImageError> {
        let image = reference.to_string();
        if self.manifests.is_empty() {
            return Err(match self.missing {
                Some(blob) => ImageError::MissingBlob { image, blob },
                None => ImageError::NotAnImage {
                    image,
                    detail: "its index.json refers to no manifest".to_owned(),
                },
            });
        }
        if self.manifests.len() == 1 {
            return Ok(self);
        }
        let (mut images, mut referrers, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        let mut artifacts = Vec::new();
        let mut failed = None;
        for candidate in self.manifests {
            match nature_of(reference, files, &candidate.descriptor) {
                // A missing manifest may belong to a platform that was not copied.
                Ok(Some(Nature::Image) | None) => images.push(candidate),
                Ok(Some(Nature::Referrer)) => referrers.push(candidate),
                Ok(Some(Nature::Unreadable(_))) => unreadable.push(candidate),
                Ok(Some(Nature::Artifact(what))) => {
                    let shown = candidate.names.first().cloned();
                    let shown = shown.unwrap_or_else(|| candidate.descriptor.digest().to_string());
                    artifacts.push(format!("{shown} is {what}"));
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        // An image is preferred to one that refers to another image, and both to one that cannot be
        // read.
        let mut tiers = [images, referrers, unreadable].into_iter();
        let found = tiers.find(|tier| !tier.is_empty());
        if let Some(error) = failed.filter(|_| found.is_none()) {
            return Err(error);
        }
        artifacts.dedup();
        let manifests = found.ok_or_else(|| ImageError::NotAnImage {
            image,
            detail: format!("it holds no image: {}", artifacts.join("; ")),
        })?;
        Ok(Self {
            manifests,
            ambiguities: self.ambiguities,
            missing: None,
        })
    }
}

/// Returns the nature of a manifest, or `None` if it is missing.
pub(super) fn nature_of(
    reference: &Reference,
    files: &Files,
    descriptor: &Descriptor,
) -> Result<Option<Nature>, ImageError> {
    if let Some(nature) = Nature::of_descriptor(descriptor) {
        return Ok(Some(nature));
    }
    let media_type = descriptor.media_type().as_ref();
    if !oci::is_manifest(media_type) && !oci::is_general(media_type) {
        let what = format!("an artifact ({})", descriptor.media_type());
        return Ok(Some(Nature::Artifact(what)));
    }
    let digest = digest_of(reference, descriptor)?;
    let bytes = match files.verified(reference, &digest) {
        Err(ImageError::MissingBlob { .. }) => return Ok(None),
        read => read?,
    };
    let manifest: ImageManifest = oci::parse(&bytes).map_err(|detail| ImageError::Document {
        image: reference.to_string(),
        document: format!("manifest {digest}"),
        detail,
    })?;
    Ok(Some(Nature::of_manifest(&manifest)))
}
