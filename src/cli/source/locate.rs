//! Finds the image that a reference means: a path, an image in the store, or an image of a registry.

use std::path::Path;

use super::fetch::fetch;
use crate::cli::options::{RegistryOptions, StoreOption};
use crate::cli::platform::PlatformChoice;
use imgfs::cache::CacheDir;
use imgfs::image::{Reference, Transport};
use imgfs::registry::parse_name;
use imgfs::store::{Store, StoreError, StoredImage};
use imgfs::transfer::PullOptions;

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
        Transport::Sniffed => path_or_name(option, reference),
        _ => Ok(reference.clone()),
    }
}

fn path_or_name(option: &StoreOption, reference: &Reference) -> anyhow::Result<Reference> {
    let path = &reference.path;
    let text = reference.text();
    // A directory may happen to have the name of an image.
    let is_image = match path.is_dir() {
        true => ["index.json", "manifest.json"]
            .iter()
            .any(|name| path.join(name).exists()),
        false => path.symlink_metadata().is_ok(),
    };
    if is_image || is_plainly_a_path(path, text) {
        return Ok(reference.clone());
    }
    // If no directory for a store is known, there is no store.
    let Ok(place) = option.path() else {
        return Ok(reference.clone());
    };
    let missing = || {
        anyhow::anyhow!(
            "{text}: no such file, and no image of that name in the store; to pull it: imgfs pull \
             {text}"
        )
    };
    let found = Store::existing(&place)?.map(|store| (store.find(text), store));
    match found {
        Some((Ok(image), store)) => Ok(Reference::in_store(store.path(), &image.shown(), text)),
        Some((Err(StoreError::NoSuchName { .. }), _)) | None => match path.exists() {
            true => Ok(reference.clone()),
            false => Err(missing()),
        },
        Some((Err(error), _)) => Err(error.into()),
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
    let store = option.open()?;
    let options = PullOptions {
        wanted: PlatformChoice::wanted(platform),
        cache: cache.clone(),
        ..PullOptions::default()
    };
    let image = fetch(&store, &name, &options, &RegistryOptions::default())?.image;
    Ok(Reference::in_store(store.path(), &image.shown(), text))
}
/// Whether an image in the store has the platform.
fn serves(store: &Store, image: &StoredImage, platform: Option<&PlatformChoice>) -> bool {
    match platform {
        // Any platform that was pulled.
        None => true,
        Some(PlatformChoice::All) => image.is_index(),
        Some(PlatformChoice::One(platform)) => {
            imgfs::image::has_platform(&Reference::to_stored(store, image), platform)
        }
    }
}

/// Whether the text looks like a path and not like the name of an image.
fn is_plainly_a_path(path: &Path, text: &str) -> bool {
    let archive = [".tar", ".tgz", ".gz", ".zst", ".tzst"];
    path.is_absolute() || text.starts_with('.') || archive.iter().any(|end| text.ends_with(end))
}
