//! Layers shared by the images of one reference, for example the common base of images built for
//! several platforms. Each is read for the first image that contains it and reused for the others.
//!
//! A layer is held for as long as an image that is still to be opened contains it. Only layers that
//! the image names by the digest of their bytes can be shared.

use std::collections::HashMap;

use super::cache_update::LayerResult;
use super::layers::ReadLayer;
use crate::blob::Digest;
use crate::image::LayerBlob;

/// The layers of images that are opened together.
#[derive(Default)]
pub(super) struct SharedLayers(HashMap<Digest, Slot>);

/// A layer that at least one image contains.
#[derive(Default)]
struct Slot {
    /// How often the layer occurs in the images that are still to be opened.
    wanted: usize,
    layer: Option<ReadLayer>,
    /// What was learned about the layer for an image that could not be opened, and is still to be
    /// written to the cache.
    learned: Option<LayerResult>,
}

impl SharedLayers {
    /// Registers the layers of an image that will be opened.
    pub(super) fn announce(&mut self, blobs: &[LayerBlob]) {
        for digest in blobs.iter().filter_map(|blob| blob.digest.as_ref()) {
            self.0.entry(digest.clone()).or_default().wanted += 1;
        }
    }

    /// Releases the layers of an image that has been opened or will not be opened.
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

    /// Returns a layer that was read for another image. Returns `None` if its size does not match
    /// its descriptor or its index is damaged: it must then be read again.
    pub(super) fn get(&self, blob: &LayerBlob) -> Option<ReadLayer> {
        let layer = self.0.get(blob.digest.as_ref()?)?.layer.as_ref()?;
        let size = layer.index.stored_size();
        let same = blob.size.is_none_or(|said| said == size) && blob.source.size() == size;
        (same && !layer.index.is_damaged()).then(|| layer.clone())
    }

    /// Records a layer that was read.
    pub(super) fn put(&mut self, blob: &LayerBlob, layer: &ReadLayer) {
        let slot = blob
            .digest
            .as_ref()
            .and_then(|digest| self.0.get_mut(digest));
        if let Some(slot) = slot {
            slot.layer = Some(layer.clone());
        }
    }

    /// Takes over what was learned for an image that could not be opened. The next image that
    /// contains the layer writes it to the cache.
    pub(super) fn leave(&mut self, learned: Vec<LayerResult>) {
        for learned in learned {
            if let Some(slot) = self.0.get_mut(&learned.digest) {
                slot.learned = Some(learned);
            }
        }
    }

    /// Takes what other images have left for these layers.
    pub(super) fn take(&mut self, blobs: &[LayerBlob]) -> Vec<LayerResult> {
        let digests = blobs.iter().filter_map(|blob| blob.digest.as_ref());
        let slots = digests.filter_map(|digest| self.0.get_mut(digest)?.learned.take());
        slots.collect()
    }
}
