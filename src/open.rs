//! The front door: from the name of an image to its merged tree. Every command goes through here,
//! whether it mounts or not.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::background::Background;
use crate::blob::{Digest, ReadAt, SpanCache, SpanReader};
use crate::cache::{CacheDir, Key};
use crate::findings::Findings;
use crate::image::{Config, Documents, ImageError, Platform};
use crate::inspect::Binary;
use crate::layer::{LayerError, LayerIndex, Problem};
use crate::tree::{NodeId, Tree, TreeError};

mod digests;
mod evidence;
mod keep;
mod layers;
mod merged;
mod opening;
mod past;
mod read;
mod shared;

pub use evidence::begin_findings;
pub use opening::{open, open_each};
pub use read::FileBytes;

use digests::LayerDigests;
use past::Past;

/// How to open an image.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Which platform of an index; without it, the host's.
    pub platform: Option<Platform>,
    /// Budget for decoded spans in memory, in bytes.
    pub cache_size: usize,
    /// Where indexes are kept between mounts.
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

/// Is told how far the layers are read. Called from several threads.
pub trait Progress: Sync {
    /// The layers that have to be read are known: for each of all layers, the lowest first, how many
    /// stored bytes; 0 for one that is known already. Not called if all are.
    fn start(&self, sizes: &[u64]) {
        let _ = sizes;
    }

    /// So many stored bytes of a layer are read.
    fn advance(&self, layer: usize, position: u64) {
        let _ = (layer, position);
    }
}

/// No progress is wanted.
impl Progress for () {}

/// Why an image could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The image itself.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// One of its layers.
    #[error("{image}: layer {number} ({name}): {error}")]
    Layer {
        /// The image.
        image: String,
        /// Number of the layer in the manifest, from 0.
        number: usize,
        /// Its digest or path.
        name: String,
        /// What is wrong with it.
        #[source]
        error: LayerError,
    },
    /// All of its layers together.
    #[error("{image}: {error}")]
    Tree {
        /// The image.
        image: String,
        /// Why they cannot be merged.
        #[source]
        error: TreeError,
    },
}

/// An image whose layers are read and merged.
pub struct OpenImage {
    /// The reference it was opened by.
    pub name: String,
    /// The platform that its config declares.
    pub platform: Platform,
    /// The platform that its descriptor in the index names, if it has one.
    pub index_platform: Option<Platform>,
    /// The documents as shipped.
    pub documents: Documents,
    /// What of the config is used.
    pub config: Config,
    /// The layers, the lowest first.
    pub layers: Vec<OpenLayer>,
    /// The merged tree.
    pub tree: Tree,
    /// What the layers get wrong.
    pub problems: Vec<Problem>,
    /// What is odd about the image as a whole.
    pub warnings: Vec<String>,
    /// Where two readers of its documents see different images, for people.
    pub ambiguities: Vec<String>,
    cache: CacheDir,
    spans: Arc<SpanCache>,
    background: Background,
    findings: OnceLock<Result<Findings, String>>,
    past: Past,
}

/// A layer that has been read.
pub struct OpenLayer {
    /// What identifies it: the digest of its blob, or its diff_id where the image gives no other.
    pub digest: Option<Digest>,
    /// The line of the image's history that made it.
    pub created_by: Option<String>,
    /// What is in it.
    pub index: LayerIndex,
    data: SpanReader,
    digests: Arc<LayerDigests>,
}

impl OpenImage {
    /// Waits until what was learned of the image is in the cache; false if that takes longer. A
    /// process that ends before loses it.
    pub fn wait_until_kept(&self, timeout: Duration) -> bool {
        let begun = Instant::now();
        self.background.wait(timeout)
            && self
                .spans
                .wait_until_kept(timeout.saturating_sub(begun.elapsed()))
    }

    /// Takes files of the cache that were found damaged out of it, so that the next mount makes them
    /// again. To be called when something could not be read.
    pub fn forget_damaged(&self) {
        for layer in &self.layers {
            if layer.index.forget_damaged(&self.cache) {
                tracing::error!("the index of layer {} is damaged", layer.index.digest());
            }
            layer
                .digests
                .forget_damaged(&self.cache, layer.index.digest());
        }
        if self.tree.take_damage() {
            tracing::error!("the merged tree is damaged");
            let digests: Vec<String> = self
                .layers
                .iter()
                .map(|l| l.index.digest().to_string())
                .collect();
            self.cache
                .remove(&Key::tree(digests.iter().map(String::as_str)));
        }
    }

    /// Whether something that is known of the image was found damaged: answers are not to be believed
    /// then.
    pub fn is_damaged(&self) -> bool {
        self.tree.is_damaged() || self.past.is_damaged() || self.digests_are_damaged()
    }

    /// The decoded bytes of a layer: its tar stream.
    pub fn layer_tar(&self, number: usize) -> Option<Arc<dyn ReadAt>> {
        let layer = self.layers.get(number)?;
        Some(Arc::new(layer.data.clone()))
    }

    /// The facts of a file, if it is an executable.
    ///
    /// # Errors
    /// If the index in the cache is damaged.
    pub fn binary(&self, node: NodeId) -> io::Result<Option<Binary>> {
        self.binary_of(&self.tree, node)
    }

    /// The facts of a file in one of the image's trees.
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
