//! Finds the image that a reference means: a path, an image in the store, or an image of a registry.

use super::fetch::fetch_needed;
use crate::cache::CacheDir;
use crate::cli::options::StoreOption;
use crate::cli::platform::PlatformChoice;
use crate::image::{self, Reference, Transport};
use crate::oci::parse_name;
use crate::store::{Store, StoredImage};

/// Resolves a reference to an image on disk. A path stays as it is, a name is looked up in the
/// store, and an image of a registry is pulled if it is not in the store.
pub(crate) fn locate(
    option: &StoreOption,
    reference: &Reference,
    platform: Option<&PlatformChoice>,
    cache: &CacheDir,
) -> anyhow::Result<Reference> {
    match reference.transport {
        Transport::Docker => stored_or_pulled(option, reference, platform, cache),
        // If no directory for a store is known, there is no store.
        _ => Ok(image::locate(reference, option.path().ok().as_deref())?),
    }
}

fn stored_or_pulled(
    option: &StoreOption,
    reference: &Reference,
    platform: Option<&PlatformChoice>,
    cache: &CacheDir,
) -> anyhow::Result<Reference> {
    let text = reference.text();
    let name = reference.name.clone().unwrap_or_default();
    let full = match parse_name(&name) {
        Ok(parsed) => parsed.whole(),
        Err(error) => anyhow::bail!("{text}: {error}; write docker://HOST/NAME:TAG"),
    };
    // This also finds images in a store that is not writable.
    if let Some(store) = option.existing()?
        && let Ok(image) = store.find(&full)
        && serves(&store, &image, platform)
    {
        return Ok(Reference::in_store(store.path(), &image.shown(), text));
    }
    let (store, image) = fetch_needed(option, &name, platform, cache)?;
    Ok(Reference::in_store(store.path(), &image.shown(), text))
}

/// Whether an image in the store has the platform.
fn serves(store: &Store, image: &StoredImage, platform: Option<&PlatformChoice>) -> bool {
    match platform {
        // Any platform that was pulled.
        None => true,
        Some(PlatformChoice::All) => image.is_index(),
        Some(PlatformChoice::One(platform)) => {
            image::has_platform(&Reference::to_stored(store, image), platform)
        }
    }
}
