//! Opens an image: from its name to its merged tree. All commands open images through this module,
//! whether they mount or not.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::background::Background;
use crate::blob::{Digest, ReadAt, SpanCache, SpanReader};
use crate::cache::{CacheDir, CacheKey};
use crate::findings::Findings;
use crate::image::{Config, Documents, ImageError, Platform};
use crate::inspect::Binary;
use crate::layer::{LayerError, LayerIndex, LayerProblem};
use crate::tree::{NodeId, Tree, TreeError};

mod cache_update;
mod digests;
mod evidence;
mod layer_trees;
mod layers;
mod merged;
mod opening;
mod read;
#[cfg(test)]
mod schemas;
mod shared_layers;

#[cfg(feature = "fuse")]
pub(crate) use evidence::begin_findings;
pub use opening::{open, open_each};
pub(crate) use read::FileBytes;

use digests::LayerDigests;
use layer_trees::LayerTrees;

/// Options for opening an image.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The platform to choose from an index. Defaults to the host's platform.
    pub platform: Option<Platform>,
    /// The memory budget for decoded spans, in bytes.
    pub cache_size: usize,
    /// The cache directory, which keeps indexes between mounts.
    pub cache: CacheDir,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            platform: None,
            cache_size: 64 << 20,
            cache: CacheDir::none(),
        }
    }
}

/// Reports how far the layers have been read. Called from several threads.
pub trait Progress: Sync {
    /// Called once it is known which layers have to be read. `sizes` has one entry per layer,
    /// lowest first: its stored size in bytes, or 0 if the layer is already known. Not called if
    /// all layers are known.
    fn start(&self, sizes: &[u64]) {
        let _ = sizes;
    }

    /// Called when the first `position` stored bytes of a layer have been read.
    fn advance(&self, layer: usize, position: u64) {
        let _ = (layer, position);
    }
}

/// Reports nothing.
impl Progress for () {}

/// An error while opening an image.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The image's documents are invalid or cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A layer is invalid or cannot be read.
    #[error("{image}: layer {number} ({name}): {error}")]
    Layer {
        /// The image.
        image: String,
        /// The number of the layer in the manifest, from 0.
        number: usize,
        /// The digest or path of the layer.
        name: String,
        /// What is wrong with it.
        #[source]
        error: LayerError,
    },
    /// The layers cannot be merged.
    #[error("{image}: {error}")]
    Tree {
        /// The image.
        image: String,
        /// Why they cannot be merged.
        #[source]
        error: TreeError,
    },
}

/// An open image: its layers have been indexed and merged.
pub struct OpenImage {
    /// The reference by which it was opened.
    pub name: String,
    /// The platform that its config declares.
    pub platform: Platform,
    /// The platform that its descriptor in the index declares, if it has one.
    pub index_platform: Option<Platform>,
    /// The documents, exactly as shipped.
    pub documents: Documents,
    /// The parsed parts of the config that imgfs uses.
    pub config: Config,
    /// The layers, lowest first.
    pub layers: Vec<OpenLayer>,
    /// The merged tree.
    pub tree: Tree,
    /// Defects of the layers.
    pub problems: Vec<LayerProblem>,
    /// Warnings about the image as a whole.
    pub warnings: Vec<String>,
    /// Places where two parsers of its documents see different images, as text for users.
    pub ambiguities: Vec<String>,
    cache: CacheDir,
    spans: Arc<SpanCache>,
    background: Background,
    findings: OnceLock<Result<Findings, String>>,
    layer_trees: LayerTrees,
}

/// A layer of an open image.
pub struct OpenLayer {
    /// The digest of its blob, or its diff_id if the image does not name the blob by digest.
    pub digest: Option<Digest>,
    /// The `created_by` line of the image's history for this layer.
    pub created_by: Option<String>,
    /// The index of its contents.
    pub index: LayerIndex,
    data: SpanReader,
    digests: Arc<LayerDigests>,
}

impl OpenImage {
    /// Waits until everything learned about the image has been written to the cache. Returns false
    /// if that takes longer than `timeout`. If the process exits before that, the results are lost.
    pub fn wait_until_published(&self, timeout: Duration) -> bool {
        let begun = Instant::now();
        self.background.wait(timeout)
            && self
                .spans
                .wait_until_published(timeout.saturating_sub(begun.elapsed()))
    }

    /// Removes cache files that were found damaged, so that the next mount recreates them. Call
    /// this after a read has failed.
    pub fn forget_damaged(&self) {
        for layer in &self.layers {
            if layer.index.forget_damaged(&self.cache) {
                tracing::error!("the index of layer {} is damaged", layer.index.digest());
            }
            layer
                .digests
                .forget_damaged(&self.cache, layer.index.digest());
        }
        if self.tree.report_damage_once() {
            tracing::error!("the merged tree is damaged");
            let digests: Vec<String> = self
                .layers
                .iter()
                .map(|l| l.index.digest().to_string())
                .collect();
            self.cache
                .remove(&CacheKey::tree(digests.iter().map(String::as_str)));
        }
    }

    /// Whether cached data of this image was found damaged. If so, results must not be trusted.
    pub fn is_damaged(&self) -> bool {
        self.tree.is_damaged() || self.layer_trees.is_damaged() || self.digests_are_damaged()
    }

    /// Returns the decoded bytes of a layer, which are its tar stream.
    pub fn layer_tar(&self, number: usize) -> Option<Arc<dyn ReadAt>> {
        let layer = self.layers.get(number)?;
        Some(Arc::new(layer.data.clone()))
    }

    /// Returns the facts of a file if it is an executable, else `None`.
    ///
    /// # Errors
    /// If the index in the cache is damaged.
    pub fn binary(&self, node: NodeId) -> io::Result<Option<Binary>> {
        self.binary_of(&self.tree, node)
    }

    /// Like [`OpenImage::binary`], but for a file in any of the image's trees.
    ///
    /// # Errors
    /// If the index in the cache is damaged.
    pub fn binary_of(&self, tree: &Tree, node: NodeId) -> io::Result<Option<Binary>> {
        let Some(node) = tree.node(node) else {
            return Ok(None);
        };
        match (self.layers.get(node.layer as usize), node.entry) {
            (Some(layer), Some(number)) => layer.index.binary(number),
            _ => Ok(None),
        }
    }
}
