//! The merged tree: from the cache if these layers were merged before, else made.

use std::sync::mpsc::sync_channel;

use super::keep::Keep;
use super::layers::ReadLayer;
use crate::cache::{Key, Kind};
use crate::tree::{Merger, Tree, TreeError};

/// The tree that layers merge to, the lowest first.
pub(super) fn tree(layers: &[ReadLayer], keep: &mut Keep) -> Result<Tree, TreeError> {
    let cache = &keep.cache;
    let digests: Vec<String> = layers
        .iter()
        .map(|layer| layer.index.digest().to_string())
        .collect();
    let key = Key::tree(digests.iter().map(String::as_str));
    if let Some(file) = cache.load(&key) {
        match Tree::open(&file) {
            Ok(tree) => return Ok(tree),
            Err(_) => cache.remove(&key),
        }
    }
    let file = merge(layers)?.finish(cache.create(Kind::Tree)?, &key)?;
    let tree = Tree::open(&file.file)?;
    keep.tree = Some(file);
    Ok(tree)
}

/// Merges layers. To read the index of one takes about as long as to apply it, so the next is read
/// meanwhile.
fn merge(layers: &[ReadLayer]) -> Result<Merger, TreeError> {
    let mut merger = Merger::new();
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel(0);
        scope.spawn(move || {
            for (number, layer) in layers.iter().enumerate() {
                // Nobody wants the next one if one could not be read or applied.
                if send.send(Merger::read(&layer.index, number)).is_err() {
                    return;
                }
            }
        });
        for read in receive {
            let (problems, entries) = read?;
            merger.apply(problems, &entries)?;
        }
        Ok(())
    })
    .map(|()| merger)
}
