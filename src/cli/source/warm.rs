//! Writes the indexes of an image to the cache before the first mount.

use std::time::Duration;

use crate::cache::CacheDir;
use crate::image::Reference;
use crate::open::{self, OpenError, OpenImage, OpenOptions};
use crate::store::{Store, StoredImage};
use crate::transfer::WantedPlatforms;

/// Maximum time to wait until the indexes of an image are written to the cache.
pub(crate) const CACHE_WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Opens an image that was just transferred, so that the first mount finds everything in the cache. If
/// that fails, only prints a warning, since the image is in the store.
pub(crate) fn warm(store: &Store, image: &StoredImage, wanted: &WantedPlatforms, cache: &CacheDir) {
    let reference = Reference::to_stored(store, image);
    let options = OpenOptions {
        platform: match wanted {
            WantedPlatforms::One(platform) => Some(platform.clone()),
            WantedPlatforms::Host | WantedPlatforms::All => None,
        },
        cache: cache.clone(),
        ..OpenOptions::default()
    };
    let say = |error: OpenError| {
        eprintln!("imgfs: warning: {reference} is in the store, but cannot be mounted: {error}");
    };
    let warmed = |opened: Result<OpenImage, OpenError>| match opened {
        Ok(image) => {
            image.wait_until_published(CACHE_WRITE_TIMEOUT);
        }
        Err(error) => say(error),
    };
    if !image.is_index() {
        return warmed(open::open(&reference, &options, &()));
    }
    let mut each = |_, opened| warmed(opened);
    let opened = open::open_each(&reference, &options, &(), &|_| true, &mut each);
    if let Err(error) = opened {
        say(error);
    }
}
