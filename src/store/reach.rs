//! What belongs to an image: every blob that its descriptor leads to.

use std::collections::HashSet;

use oci_spec::image::{Descriptor, ImageManifest};

use super::{Named, Store, StoreError};
use crate::blob::Digest;
use crate::oci::{self, WalkError};

/// More blobs than this belong to no image.
const MAX_PARTS: usize = 1 << 20;

/// What a blob is to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A list of manifests.
    Index,
    /// The manifest of one platform.
    Manifest,
    /// What a manifest names first.
    Config,
    /// A layer.
    Layer,
}

/// A blob of an image.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes, by its descriptor.
    pub size: u64,
    /// What it is.
    pub role: Role,
}

impl Store {
    /// Every blob that an image leads to, each once. Manifests that an index names and that are not
    /// there are left out, with all below them: platforms that were not wanted, attestations.
    ///
    /// # Errors
    /// If a document is missing that must be there, or cannot be understood.
    pub fn parts(&self, image: &Named) -> Result<Vec<Part>, StoreError> {
        match image.entry.digest() == image.descriptor.digest() {
            true => self.parts_of(image, &[&image.descriptor]),
            false => self.parts_of(image, &[&image.descriptor, &image.entry]),
        }
    }

    /// Every blob that these descriptors of an image lead to. See [`Store::parts`].
    pub(crate) fn parts_of(
        &self,
        image: &Named,
        roots: &[&Descriptor],
    ) -> Result<Vec<Part>, StoreError> {
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
            parts.push(part(digest, bytes.len() as u64, Role::Index));
        }
        for listed in &walk.manifests {
            let digest = self.digest_of(&listed.descriptor)?;
            if !seen.insert(digest.clone()) {
                continue;
            }
            let Some(bytes) = self.document(&digest)? else {
                // Only what an index names may be missing.
                if digest == image.digest {
                    return Err(incomplete(&digest));
                }
                continue;
            };
            let manifest: ImageManifest = oci::parse(&bytes)
                .map_err(|detail| self.bad_document(&digest.to_string(), &detail))?;
            parts.push(part(&digest, bytes.len() as u64, Role::Manifest));
            let layers = manifest.layers().iter().map(|layer| (layer, Role::Layer));
            for (blob, role) in std::iter::once((manifest.config(), Role::Config)).chain(layers) {
                let digest = self.digest_of(blob)?;
                if seen.insert(digest.clone()) {
                    parts.push(part(&digest, blob.size(), role));
                }
                if parts.len() > MAX_PARTS {
                    let detail = "leads to more than any image has";
                    return Err(self.bad_document(&image.shown(), detail));
                }
            }
        }
        Ok(parts)
    }
}

fn part(digest: &Digest, size: u64, role: Role) -> Part {
    Part {
        digest: digest.clone(),
        size,
        role,
    }
}
