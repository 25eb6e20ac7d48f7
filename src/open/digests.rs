//! SHA-256 digests of files. The first few files of a layer are hashed one by one. If more are
//! requested, the whole layer is hashed once, in stored order, and the result is kept in the cache
//! between mounts.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::{OpenImage, OpenLayer};
use crate::blob::{Digest, Hasher};
use crate::cache::{CacheDir, CacheKey};
use crate::layer::{Digests, HOLES_LIMIT};
use crate::tree::{NodeId, NodeKind, Tree};
use crate::workers::in_parallel;

/// The number of digest requests per layer that hash a single file. From then on the whole layer is
/// hashed.
const ALONE: u32 = 16;

/// The number of bytes to read and hash at a time.
const STEP: usize = 1 << 20;

/// The known digests of a layer's files.
#[derive(Debug, Default)]
pub(super) struct LayerDigests {
    all: OnceLock<Digests>,
    /// Held while all digests are being computed.
    making: Mutex<()>,
    /// The number of requests that were made while the digests of the whole layer were unknown.
    alone: AtomicU32,
}

impl LayerDigests {
    /// Removes the digests from the cache if they were found damaged.
    pub(super) fn forget_damaged(&self, cache: &CacheDir, layer: &Digest) {
        if self.all.get().is_some_and(Digests::report_damage_once) {
            tracing::error!("the digests of layer {layer} are damaged");
            cache.remove(&CacheKey::file_digests(&layer.to_string()));
        }
    }
}

impl OpenImage {
    /// Returns the SHA-256 of a regular file in one of the image's trees. Returns `None` for other
    /// file types, and for files whose holes exceed `HOLES_LIMIT`.
    ///
    /// # Errors
    /// The same as those of [`OpenImage::read`].
    pub fn digest(&self, tree: &Tree, id: NodeId) -> io::Result<Option<Digest>> {
        let Some(node) = tree.node(id).filter(|node| node.kind == NodeKind::Regular) else {
            return Ok(None);
        };
        let Some(layer) = self.layers.get(node.layer as usize) else {
            return Ok(None);
        };
        if let Some(number) = node.entry
            && let Some(all) = self.known(layer)?
        {
            return Ok(all.get(number));
        }
        if node.size.saturating_sub(tree.stored_size(&node)) > HOLES_LIMIT {
            return Ok(None);
        }
        let mut hasher = Hasher::sha256();
        let mut offset = 0;
        while offset < node.size {
            let bytes = self.bytes(tree, id, offset, STEP)?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            hasher.update(&bytes);
            offset = offset.saturating_add(bytes.len() as u64);
        }
        Ok(Some(hasher.finish()))
    }

    /// Returns the digests of all files of a layer if they are known, or if enough digests of the
    /// layer have been requested that hashing all of it pays off.
    fn known<'a>(&self, layer: &'a OpenLayer) -> io::Result<Option<&'a Digests>> {
        if let Some(all) = layer.digests.all.get() {
            return Ok(Some(all));
        }
        match layer.digests.alone.fetch_add(1, Ordering::Relaxed) {
            0 => {
                let loaded = Digests::load(&self.cache, layer.index.digest());
                Ok(loaded.map(|all| layer.digests.all.get_or_init(|| all)))
            }
            1..ALONE => Ok(None),
            _ => self.all_of(layer).map(Some),
        }
    }

    /// Returns the digests of all files of a layer, and computes them if necessary.
    fn all_of<'a>(&self, layer: &'a OpenLayer) -> io::Result<&'a Digests> {
        // Other threads wait here while the digests are being computed.
        let making = layer.digests.making.lock();
        let _making = making.unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = layer.digests.all.get() {
            return Ok(all);
        }
        if let Some(all) = Digests::load(&self.cache, layer.index.digest()) {
            return Ok(layer.digests.all.get_or_init(|| all));
        }
        let (all, file) = Digests::compute(&layer.index, &layer.data, &self.cache)?;
        let cache = self.cache.clone();
        let keep = move || {
            if let Err(error) = file.publish().and_then(|()| cache.evict()) {
                tracing::warn!("the digests of a layer are not cached: {error}");
            }
        };
        if let Err(error) = self.background.run("digests", keep) {
            tracing::warn!("the digests of a layer are not cached: {error}");
        }
        Ok(layer.digests.all.get_or_init(|| all))
    }

    /// Computes the digests of all files of all layers, several layers in parallel. Call this
    /// before requesting most of the digests.
    ///
    /// # Errors
    /// The same as those of [`OpenImage::read`].
    pub fn digest_all(&self) -> io::Result<()> {
        let layers: Vec<&OpenLayer> = self.layers.iter().collect();
        let results = in_parallel(layers, |layer| {
            let result = self.all_of(layer).map(|_| ());
            (result.is_ok(), result)
        });
        results.into_iter().collect()
    }

    /// Whether any digests from the cache were found damaged.
    pub(super) fn digests_are_damaged(&self) -> bool {
        let known = self
            .layers
            .iter()
            .filter_map(|layer| layer.digests.all.get());
        known.into_iter().any(Digests::is_damaged)
    }
}
