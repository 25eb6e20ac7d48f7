//! Layers that images of one reference have in common, such as the base of all that were built for
//! several platforms from one: read for the first image that has them, and taken from there for the others.
//!
//! A layer is held for as long as an image that is yet to be opened has it. Only layers that the image
//! names by the digest of their bytes can be shared.

use std::collections::HashMap;

use super::keep::Learned;
use super::layers::ReadLayer;
use crate::blob::Digest;
use crate::image::LayerBlob;

/// The layers of images that are opened together.
#[derive(Default)]
pub(super) struct Shared(HashMap<Digest, Slot>);

/// A layer that somebody has.
#[derive(Default)]
struct Slot {
    /// How often it is in the images that are not done.
    wanted: usize,
    layer: Option<ReadLayer>,
    /// What the image that read it could not keep, since it could not be opened.
    learned: Option<Learned>,
}

impl Shared {
    /// An image with these layers will be opened.
    pub(super) fn announce(&mut self, blobs: &[LayerBlob]) {
        for digest in blobs.iter().filter_map(|blob| blob.digest.as_ref()) {
            self.0.entry(digest.clone()).or_default().wanted += 1;
        }
    }

    /// An image with layers of these digests is opened, or never will be.
    pub(super) fn done(&mut self, digests: &[Digest]) {
        for digest in digests {
            if let Some(slot) = self.0.get_mut(digest) {
                slot.wanted = slot.wanted.saturating_sub(1);
                if slot.wanted == 0 {
                    self.0.remove(digest);
                }
            }
        }
    }

    /// A layer that was read for another image. One that is not what its descriptor says, or whose index
    /// turned out to be damaged, has to be looked at again.
    pub(super) fn get(&self, blob: &LayerBlob) -> Option<ReadLayer> {
        let layer = self.0.get(blob.digest.as_ref()?)?.layer.as_ref()?;
        let size = layer.index.stored_size();
        let same = blob.size.is_none_or(|said| said == size) && blob.source.size() == size;
        (same && !layer.index.is_damaged()).then(|| layer.clone())
    }

    /// Takes note of a layer that was read.
    pub(super) fn put(&mut self, blob: &LayerBlob, layer: &ReadLayer) {
        let slot = blob
            .digest
            .as_ref()
            .and_then(|digest| self.0.get_mut(digest));
        if let Some(slot) = slot {
            slot.layer = Some(layer.clone());
        }
    }

    /// Takes what was learned for an image that cannot be opened: the next one that has the layer keeps
    /// it.
    pub(super) fn leave(&mut self, learned: Vec<Learned>) {
        for learned in learned {
            if let Some(slot) = self.0.get_mut(&learned.digest) {
                slot.learned = Some(learned);
            }
        }
    }

    /// What others have left of these layers.
    pub(super) fn take(&mut self, blobs: &[LayerBlob]) -> Vec<Learned> {
        let digests = blobs.iter().filter_map(|blob| blob.digest.as_ref());
        let slots = digests.filter_map(|digest| self.0.get_mut(digest)?.learned.take());
        slots.collect()
    }
}
