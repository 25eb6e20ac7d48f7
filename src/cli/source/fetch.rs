//! Pulls an image into the store.

use crate::cache::CacheDir;
use crate::cli::options::StoreOption;
use crate::cli::platform::PlatformChoice;
use crate::store::{Store, StoredImage};

#[cfg(feature = "registry")]
pub(crate) use with_registry::fetch;

/// Pulls an image that a command needs, with the default options. Returns the store too.
#[cfg(feature = "registry")]
pub(super) fn fetch_needed(
    store: &StoreOption,
    name: &str,
    platform: Option<&PlatformChoice>,
    cache: &CacheDir,
) -> anyhow::Result<(Store, StoredImage)> {
    let store = store.open()?;
    let options = crate::transfer::PullOptions {
        wanted: PlatformChoice::wanted(platform),
        cache: cache.clone(),
        ..Default::default()
    };
    let fetched = fetch(&store, name, &options, &Default::default())?;
    Ok((store, fetched.image))
}

/// Fails, since this build cannot pull.
#[cfg(not(feature = "registry"))]
pub(super) fn fetch_needed(
    _: &StoreOption,
    name: &str,
    _: Option<&PlatformChoice>,
    _: &CacheDir,
) -> anyhow::Result<(Store, StoredImage)> {
    anyhow::bail!(
        "{name} is not in the store, and this imgfs was built without the feature \"registry\""
    )
}

#[cfg(feature = "registry")]
mod with_registry {
    use crate::cli::options::RegistryOptions;
    use crate::cli::progress::Bars;
    use crate::cli::source::warm::warm;
    use crate::store::Store;
    use crate::transfer::{self, PullOptions, TransferredImage};

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
}
