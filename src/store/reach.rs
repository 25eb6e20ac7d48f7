//! What belongs to an image: every blob that its descriptor leads to.

use std::collections::HashSet;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};

use super::{Named, Store, StoreError};
use crate::blob::Digest;
use crate::layout::{self, MAX_DEPTH};

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
        let mut parts = Vec::new();
        let mut seen = HashSet::new();
        let mut pending = vec![(image.descriptor.clone(), 0)];
        pending.reverse();
        while let Some((descriptor, depth)) = pending.pop() {
            if depth > MAX_DEPTH || parts.len() + pending.len() > MAX_PARTS {
                let detail = "leads to more than any image has";
                return Err(self.bad_document(&image.shown(), detail));
            }
            let digest = self.digest_of(&descriptor)?;
            if !seen.insert(digest.clone()) {
                continue;
            }
            let Some(bytes) = self.document(&digest)? else {
                // Only what an index names may be missing.
                if depth > 0 {
                    continue;
                }
                let image = image.shown();
                return Err(StoreError::Incomplete { image, digest });
            };
            let size = bytes.len() as u64;
            let unclear = |e: serde_json::Error| {
                self.bad_document(&digest.to_string(), &format!("cannot be understood: {e}"))
            };
            if is_index(&descriptor, &bytes) {
                let index: ImageIndex = serde_json::from_slice(&bytes).map_err(unclear)?;
                parts.push(part(&digest, size, Role::Index));
                let children = index.manifests().iter().rev();
                pending.extend(children.map(|child| (child.clone(), depth + 1)));
                continue;
            }
            let manifest: ImageManifest = serde_json::from_slice(&bytes).map_err(unclear)?;
            parts.push(part(&digest, size, Role::Manifest));
            let layers = manifest.layers().iter().map(|layer| (layer, Role::Layer));
            for (blob, role) in std::iter::once((manifest.config(), Role::Config)).chain(layers) {
                let digest = self.digest_of(blob)?;
                if seen.insert(digest.clone()) {
                    parts.push(part(&digest, blob.size(), role));
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

/// Whether a document is a list of manifests: its descriptor says so, or where that says nothing, it
/// itself.
fn is_index(descriptor: &Descriptor, bytes: &[u8]) -> bool {
    let media_type = descriptor.media_type().as_ref();
    if layout::is_index(media_type) || layout::is_manifest(media_type) {
        return layout::is_index(media_type);
    }
    #[derive(serde::Deserialize)]
    struct Shape {
        manifests: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Shape>(bytes).is_ok_and(|shape| shape.manifests.is_some())
}
