//! Pulls an image into the store.

use super::warm::warm;
use crate::cli::options::RegistryOptions;
use crate::cli::progress::Bars;
use imgfs::store::Store;
use imgfs::transfer::{self, PullOptions, TransferredImage};

/// Pulls an image into the store and shows the progress. Then opens it, so that its indexes are in the
/// cache.
pub(crate) fn fetch(
    store: &Store,
    name: &str,
    options: &PullOptions,
    registry: &RegistryOptions,
) -> anyhow::Result<TransferredImage> {
    let client = registry.client()?;
    let bars = Bars::new();
    let stored = transfer::pull(&client, name, store, options, &bars);
    bars.clear();
    let stored = stored?;
    warm(store, &stored.image, &options.wanted, &options.cache);
    Ok(stored)
}
