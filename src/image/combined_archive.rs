//! An archive that is both an OCI layout and a docker-archive. Docker writes such archives since version
//! 25.
//!
//! The layout is preferred, because its blobs have digests. `manifest.json` is used if the layout has no
//! layers: for images that Docker did not pull, it writes an OCI manifest without layers. It is also
//! used, with a warning, if the layout cannot be read. If the layout is used and `manifest.json` cannot
//! be read, there is a warning too.

use super::docker_archive;
use super::error::ImageError;
use super::files::Files;
use super::oci_layout;
use super::opened::{Image, Offer};
use super::reference::Reference;
use crate::oci::Platform;

/// Opens an image, like [`super::open`].
pub(super) fn open(
    reference: &Reference,
    files: &Files,
    platform: Option<&Platform>,
) -> Result<Image, ImageError> {
    let docker = || docker_archive::open(reference, files, platform);
    match oci_layout::open(reference, files, platform) {
        Ok(image) if image.layers.is_empty() => match docker() {
            Ok(other) if !other.layers.is_empty() => Ok(other),
            _ => Ok(image),
        },
        Ok(mut image) => {
            note_unusable_manifest(reference, files, &mut image);
            Ok(image)
        }
        Err(error @ ImageError::Ambiguous { .. }) => Err(error),
        Err(error) => match docker() {
            Ok(mut image) => {
                note_unusable_layout(&error, &mut image);
                Ok(image)
            }
            Err(_) => Err(error),
        },
    }
}

/// Opens an image for each of its platforms, like [`super::open_all`].
pub(super) fn open_all(reference: &Reference, files: &Files) -> Result<Vec<Offer>, ImageError> {
    let docker = || docker_archive::open_all(reference, files);
    let has_layers = |offer: &Offer| offer.1.as_ref().is_ok_and(|i| !i.layers.is_empty());
    match oci_layout::open_all(reference, files) {
        Ok(offers) if !offers.iter().any(has_layers) => match docker() {
            Ok(others) if others.iter().any(has_layers) => Ok(others),
            _ => Ok(offers),
        },
        Ok(mut offers) => {
            for image in offers.iter_mut().flat_map(|offer| &mut offer.1) {
                note_unusable_manifest(reference, files, image);
            }
            Ok(offers)
        }
        Err(error @ ImageError::Ambiguous { .. }) => Err(error),
        Err(error) => match docker() {
            Ok(mut offers) => {
                for image in offers.iter_mut().flat_map(|offer| &mut offer.1) {
                    note_unusable_layout(&error, image);
                }
                Ok(offers)
            }
            Err(_) => Err(error),
        },
    }
}

/// Returns whether `manifest.json` has to be used, because the layout cannot be read or has no image
/// with layers.
pub(super) fn prefers_docker(reference: &Reference, files: &Files) -> bool {
    let docker = docker_archive::items(reference, files);
    let has_layers = docker.is_ok_and(|list| {
        let mut items = list.items.iter();
        items.any(|item| item.layers.as_ref().is_some_and(|l| !l.is_empty()))
    });
    has_layers && oci_layout::is_hollow(reference, files).unwrap_or(true)
}

/// Adds a warning that the layout was not used. There is no warning if the layout merely lacks the name
/// or the platform.
fn note_unusable_layout(error: &ImageError, image: &mut Image) {
    let is_choice = matches!(
        error,
        ImageError::NoSuchName { .. } | ImageError::NoSuchPlatform { .. }
    );
    if !is_choice {
        let text = format!("manifest.json is used, because index.json cannot be: {error}");
        image.warnings.push(text);
    }
}

fn note_unusable_manifest(reference: &Reference, files: &Files, image: &mut Image) {
    if let Err(error) = docker_archive::items(reference, files) {
        let text = format!("index.json is used, because manifest.json cannot be: {error}");
        image.warnings.push(text);
    }
}
