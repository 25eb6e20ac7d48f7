//! The merged tree: loaded from the cache if these layers were merged before, else made.

use super::cache_update::CacheUpdate;
use super::layers::ReadLayer;
use crate::cache::{CacheKey, CacheKind};
use crate::tree::{Merger, SCHEMA, Tree, TreeError};

/// Merges layers, lowest first, into a tree.
pub(super) fn tree(layers: &[ReadLayer], update: &mut CacheUpdate) -> Result<Tree, TreeError> {
    let cache = &update.cache;
    let digests: Vec<String> = layers
        .iter()
        .map(|layer| layer.index.digest().to_string())
        .collect();
    let key = CacheKey::tree(digests.iter().map(String::as_str)).with_schema(&SCHEMA);
    if let Some(file) = cache.load(&key) {
        match Tree::open(&file) {
            Ok(tree) => return Ok(tree),
            Err(_) => cache.remove(&key),
        }
    }
    let mut merger = Merger::new();
    for layer in layers {
        merger.layer(&layer.index)?;
    }
    let file = merger.finish(cache.create(CacheKind::Tree)?, &key)?;
    let tree = Tree::open(&file.file)?;
    update.tree = Some(file);
    Ok(tree)
}
