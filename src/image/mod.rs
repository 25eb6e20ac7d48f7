//! Images: a manifest that names a config and layers by digest (OCI image-spec, manifest.md), packed in
//! one of several ways. This module finds the requested image, reads its documents, and locates the
//! bytes of its layers. It does not read the layers.
//!
//! A [`Reference`] is the image name that the user typed. [`open`] turns it into an [`Image`]: it
//! detects the format, opens the container, chooses an image and a platform, and verifies the documents
//! against their digests.

mod archive;
mod caches;
mod combined_archive;
mod config;
mod contents;
mod docker_archive;
mod error;
mod files;
mod format;
mod locate;
mod oci_layout;
mod opened;
mod reference;
pub(crate) mod verify;

use std::sync::Arc;

use oci_spec::image::Descriptor;

#[cfg(test)]
pub(crate) use archive::SCHEMA as ARCHIVE_SCHEMA;
pub(crate) use caches::Caches;
pub(crate) use config::{Config, HistoryEntry, Start};
pub(crate) use contents::{Content, Contents, Skipped, contents};
pub(crate) use error::ImageError;
pub(crate) use locate::locate;
pub(crate) use opened::{Documents, Image, LayerBlob, Offer};
pub(crate) use reference::{Reference, ReferenceError, Transport};

use crate::blob::{Digest, SpanCache};
use crate::cache::CacheDir;
pub use crate::oci::Platform;
pub(crate) use crate::oci::PlatformError;
use files::Files;
use format::{ArchiveFormat, archive_format};

/// Opens the image that a reference names. `platform` selects an image from an index; the default is the
/// host's platform.
///
/// # Errors
/// If there is no such image, if it is not an image, or if the reference is ambiguous.
pub(crate) fn open(
    reference: &Reference,
    platform: Option<&Platform>,
    caches: &Caches<'_>,
) -> Result<Image, ImageError> {
    let files = Files::open(reference, caches)?;
    let _held = files.hold()?;
    match archive_format(reference, &files)? {
        ArchiveFormat::OciLayout => oci_layout::open(reference, &files, platform),
        ArchiveFormat::DockerArchive => docker_archive::open(reference, &files, platform),
        ArchiveFormat::Both => combined_archive::open(reference, &files, platform),
    }
}

/// Opens the image that a reference names for each of its platforms. Attestations are left out. All
/// platforms are opened together because standard input can be read only once.
///
/// # Errors
/// Like [`open`], except that an error with one of several platforms is part of the result.
pub(crate) fn open_all(
    reference: &Reference,
    caches: &Caches<'_>,
) -> Result<Vec<Offer>, ImageError> {
    let files = Files::open(reference, caches)?;
    let _held = files.hold()?;
    match archive_format(reference, &files)? {
        ArchiveFormat::OciLayout => oci_layout::open_all(reference, &files),
        ArchiveFormat::DockerArchive => docker_archive::open_all(reference, &files),
        ArchiveFormat::Both => combined_archive::open_all(reference, &files),
    }
}

/// Returns the descriptor and the digest of the manifest in a layout for a platform.
///
/// # Errors
/// If there is none, or the documents cannot be read.
pub(crate) fn manifest_of(
    reference: &Reference,
    platform: &Platform,
) -> Result<(Descriptor, Digest), ImageError> {
    let files = without_caches(|caches| Files::open(reference, caches))?;
    oci_layout::manifest_of(reference, &files, platform)
}

/// Returns whether a layout has an image for a platform, and it can be opened.
pub(crate) fn has_platform(reference: &Reference, platform: &Platform) -> bool {
    without_caches(|caches| open(reference, Some(platform), caches)).is_ok()
}

/// Opens the images of a layout, one for each platform, like [`open_all`] but without caches.
///
/// # Errors
/// See [`open_all`].
pub(crate) fn platforms(reference: &Reference) -> Result<Vec<Offer>, ImageError> {
    without_caches(|caches| open_all(reference, caches))
}

/// Calls `run` with empty caches. Reading the documents of a directory decodes nothing.
fn without_caches<T>(run: impl FnOnce(&Caches<'_>) -> T) -> T {
    let disk = CacheDir::none();
    run(&Caches {
        spans: Arc::new(SpanCache::new(0, disk.clone())),
        disk: &disk,
    })
}
