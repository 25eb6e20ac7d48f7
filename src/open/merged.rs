//! The merged tree: from the cache if these layers were merged before, else made.

use super::keep::Keep;
use crate::cache::{CacheDir, Key, Kind};
use crate::layer::LayerIndex;
use crate::tree::{Merger, Tree, TreeError};

/// The tree that layers merge to, the lowest first.
pub(super) fn tree(
    layers: &[LayerIndex],
    cache: &CacheDir,
    keep: &mut Keep,
) -> Result<Tree, TreeError> {
    let digests: Vec<String> = layers.iter().map(|l| l.digest().to_string()).collect();
    let key = Key::tree(digests.iter().map(String::as_str));
    if let Some(file) = cache.load(&key) {
        match Tree::open(&file) {
            Ok(tree) => return Ok(tree),
            Err(_) => cache.remove(&key),
        }
    }
    let mut merger = Merger::new();
    for layer in layers {
        merger.layer(layer)?;
    }
    let file = merger.finish(cache.create(Kind::Tree)?, &key)?;
    let tree = Tree::open(&file.file)?;
    keep.tree = Some(file);
    Ok(tree)
}
