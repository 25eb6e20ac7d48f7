//! `imgfs prune`: what no name of the store leads to goes, and with it what the cache knows of it.

use crate::cache::{CacheDir, Key};
use crate::store::{Pruned, Store, StoreError, Taken};

/// Takes away what no image of the store leads to, and the indexes of that. With `dry_run` nothing.
///
/// # Errors
/// If it cannot be told what an image leads to; nothing is taken away then.
pub fn prune(store: &Store, cache: &CacheDir, dry_run: bool) -> Result<Pruned, StoreError> {
    let pruned = store.prune(dry_run)?;
    if !dry_run {
        for taken in &pruned.taken {
            forget(taken, cache);
        }
    }
    Ok(pruned)
}

/// Layers of the same digest elsewhere are read again when they are mounted next.
fn forget(taken: &Taken, cache: &CacheDir) {
    if let Some(file) = &taken.file {
        cache.remove(&Key::seen(file));
    }
    if let Some(digest) = &taken.digest {
        let digest = digest.to_string();
        cache.remove(&Key::layer(&digest));
        cache.remove(&Key::digests(&digest));
    }
    if let Some(layers) = &taken.layers {
        let layers: Vec<String> = layers.iter().map(ToString::to_string).collect();
        cache.remove(&Key::tree(layers.iter().map(String::as_str)));
    }
}
