//! The blobs of an image: everything that its descriptor refers to, directly or indirectly.

use std::collections::HashSet;

use oci_spec::image::{Descriptor, ImageManifest};

use super::directory::Store;
use super::error::StoreError;
use super::names::StoredImage;
use crate::blob::Digest;
use crate::oci::{self, WalkError};

/// The maximum number of blobs of one image. A larger image is rejected.
const MAX_PARTS: usize = 1 << 20;

/// The role of a blob in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobRole {
    /// An image index.
    Index,
    /// The manifest of one platform.
    Manifest,
    /// The config of a manifest.
    Config,
    /// A layer.
    Layer,
}

/// A blob of an image.
#[derive(Clone, Debug)]
pub struct ImageBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes, according to its descriptor.
    pub size: u64,
    /// Its role.
    pub role: BlobRole,
}

impl Store {
    /// Returns every blob that an image refers to, each once. Manifests that an index lists but
    /// that are not in the store are skipped, with everything below them: these are platforms that
    /// were not pulled, and attestations.
    ///
    /// # Errors
    /// If a required document is missing or cannot be parsed.
    pub fn parts(&self, image: &StoredImage) -> Result<Vec<ImageBlob>, StoreError> {
        match image.entry.digest() == image.descriptor.digest() {
            true => self.parts_of(image, &[&image.descriptor]),
            false => self.parts_of(image, &[&image.descriptor, &image.entry]),
        }
    }

    /// Returns every blob that these descriptors of an image refer to. See [`Store::parts`].
    pub(crate) fn parts_of(
        &self,
        image: &StoredImage,
        roots: &[&Descriptor],
    ) -> Result<Vec<ImageBlob>, StoreError> {
        let mut fetch = |digest: &Digest| self.document(digest);
        let roots: Vec<Descriptor> = roots.iter().map(|root| (*root).clone()).collect();
        let walk = oci::walk(&roots, &mut fetch);
        let walk = walk.map_err(|error| match error {
            WalkError::Fetch(error) => error,
            WalkError::Document { document, detail } => self.bad_document(&document, &detail),
        })?;
        let incomplete = |digest: &Digest| StoreError::Incomplete {
            image: image.shown(),
            digest: digest.clone(),
        };
        if walk.missing.contains(&image.digest) {
            return Err(incomplete(&image.digest));
        }
        let mut parts = Vec::new();
        let mut seen = HashSet::new();
        for (digest, bytes) in &walk.indexes {
            seen.insert(digest.clone());
            parts.push(part(digest, bytes.len() as u64, BlobRole::Index));
        }
        for listed in &walk.manifests {
            let digest = self.digest_of(&listed.descriptor)?;
            if !seen.insert(digest.clone()) {
                continue;
            }
            let Some(bytes) = self.document(&digest)? else {
                // Only manifests that an index lists may be missing.
                if digest == image.digest {
                    return Err(incomplete(&digest));
                }
                continue;
            };
            let manifest: ImageManifest = oci::parse(&bytes)
                .map_err(|detail| self.bad_document(&digest.to_string(), &detail))?;
            parts.push(part(&digest, bytes.len() as u64, BlobRole::Manifest));
            let layers = manifest
                .layers()
                .iter()
                .map(|layer| (layer, BlobRole::Layer));
            for (blob, role) in std::iter::once((manifest.config(), BlobRole::Config)).chain(layers)
            {
                let digest = self.digest_of(blob)?;
                if seen.insert(digest.clone()) {
                    parts.push(part(&digest, blob.size(), role));
                }
                if parts.len() > MAX_PARTS {
                    let detail = "refers to more blobs than any image has";
                    return Err(self.bad_document(&image.shown(), detail));
                }
            }
        }
        Ok(parts)
    }
}

fn part(digest: &Digest, size: u64, role: BlobRole) -> ImageBlob {
    ImageBlob {
        digest: digest.clone(),
        size,
        role,
    }
}
