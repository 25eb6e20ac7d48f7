//! `imgfs prune`: removes unreferenced blobs from the store, and their entries from the cache.

use crate::cache::{CacheDir, CacheKey};
use crate::store::{Pruned, PrunedFile, Store, StoreError};

/// Removes the blobs that no image in the store refers to, and the cache entries of those blobs.
/// With `dry_run` nothing is removed.
///
/// # Errors
/// If the blobs of any image cannot be determined. Nothing is removed in that case.
pub(crate) fn prune(store: &Store, cache: &CacheDir, dry_run: bool) -> Result<Pruned, StoreError> {
    let pruned = store.prune(dry_run)?;
    if !dry_run {
        for taken in &pruned.taken {
            forget(taken, cache);
        }
    }
    Ok(pruned)
}

/// Removes what the cache knows about a removed file. If the same layer exists elsewhere, it is
/// read again at the next mount.
fn forget(taken: &PrunedFile, cache: &CacheDir) {
    if let Some(file) = &taken.file {
        cache.remove(&CacheKey::verified_digests(file));
    }
    if let Some(digest) = &taken.digest {
        let digest = digest.to_string();
        cache.remove(&CacheKey::layer(&digest));
        cache.remove(&CacheKey::file_digests(&digest));
    }
    if let Some(layers) = &taken.layers {
        let layers: Vec<String> = layers.iter().map(ToString::to_string).collect();
        cache.remove(&CacheKey::tree(layers.iter().map(String::as_str)));
    }
}
