//! Images: a manifest that names a config and layers by digest (OCI image-spec, manifest.md), packed in
//! one of several ways. This module finds the requested image, reads its documents, and locates the
//! bytes of its layers. It does not read the layers.
//!
//! A [`Reference`] is the image name that the user typed. [`open`] turns it into an [`Image`]: it
//! detects the format, opens the container, chooses an image and a platform, and verifies the documents
//! against their digests.

mod archive;
mod combined_archive;
mod config;
mod contents;
mod docker_archive;
mod error;
mod files;
mod locate;
mod oci_layout;
mod reference;
pub mod verify;

use std::sync::Arc;

use oci_spec::image::Descriptor;

pub use config::{Config, HistoryEntry, Start};
pub use contents::{Content, Contents, Skipped, contents};
pub use error::ImageError;
pub use locate::locate;
pub use reference::{Reference, ReferenceError, Transport};

use crate::blob::{Digest, ReadAt, SpanCache};
use crate::cache::CacheDir;
pub use crate::oci::{Platform, PlatformError};
use files::Files;

/// One image for one platform. Its layers are not read yet.
pub struct Image {
    /// The reference by which it was opened, for messages.
    pub name: String,
    /// The name of the image in its archive, if it has one.
    pub tag: Option<String>,
    /// The platform that the config declares.
    pub platform: Platform,
    /// The platform in the image's descriptor in the index, if there is one.
    pub index_platform: Option<Platform>,
    /// The documents as shipped.
    pub documents: Documents,
    /// The parts of the config that imgfs uses.
    pub config: Config,
    /// The layers, lowest first.
    pub layers: Vec<LayerBlob>,
    /// Irregularities that do not prevent reading the image, for messages.
    pub warnings: Vec<String>,
    /// Parts of the documents in which two readers see different images, for messages.
    pub ambiguities: Vec<String>,
}

impl Image {
    /// Returns the image if it suits the wanted platform. It always does if none is wanted or if its own
    /// is unknown.
    fn on(self, platform: Option<&Platform>) -> Result<Self, ImageError> {
        match platform {
            Some(_) if self.platform.is_unknown() => Ok(self),
            Some(wanted) if wanted.accepts(&self.platform).is_none() => {
                Err(ImageError::NoSuchPlatform {
                    image: self.name,
                    wanted: wanted.clone(),
                    platforms: vec![self.platform.to_string()],
                })
            }
            _ => Ok(self),
        }
    }
}

/// An image's documents, byte for byte.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// `index.json`, if the image came through one.
    pub index: Option<Vec<u8>>,
    /// The manifest of the image, or the `manifest.json` of a docker-archive.
    pub manifest: Vec<u8>,
    /// The config.
    pub config: Vec<u8>,
}

/// A layer's blob: its location and its expected properties.
pub struct LayerBlob {
    /// The stored bytes.
    pub source: Arc<dyn ReadAt>,
    /// Digest of the stored bytes, if the image gives one.
    pub digest: Option<Digest>,
    /// Digest of the decoded bytes, from the config.
    pub diff_id: Option<Digest>,
    /// Length of the stored bytes, from the descriptor.
    pub size: Option<u64>,
    /// Media type, from the descriptor.
    pub media_type: Option<String>,
    /// The line of the config's history (`created_by`) for this layer.
    pub created_by: Option<String>,
    /// The name of the layer in messages.
    pub name: String,
}

impl LayerBlob {
    /// Returns the digest that identifies the layer: the digest of its stored bytes if there is one,
    /// otherwise its diff_id.
    pub fn id(&self) -> Option<&Digest> {
        self.digest.as_ref().or(self.diff_id.as_ref())
    }
}

/// The caches through which compressed archives are read.
pub struct Caches<'a> {
    /// Decoded spans in memory.
    pub spans: Arc<SpanCache>,
    /// The cache on disk, which is kept between mounts.
    pub disk: &'a CacheDir,
}

/// Opens the image that a reference names. `platform` selects an image from an index; the default is the
/// host's platform.
///
/// # Errors
/// If there is no such image, if it is not an image, or if the reference is ambiguous.
pub fn open(
    reference: &Reference,
    platform: Option<&Platform>,
    caches: &Caches<'_>,
) -> Result<Image, ImageError> {
    let files = Files::open(reference, caches)?;
    let _held = files.hold()?;
    match kind(reference, &files)? {
        ArchiveFormat::OciLayout => oci_layout::open(reference, &files, platform),
        ArchiveFormat::DockerArchive => docker_archive::open(reference, &files, platform),
        ArchiveFormat::Both => combined_archive::open(reference, &files, platform),
    }
}

/// A platform of an image, and the image for it or the reason why it cannot be opened.
pub type Offer = (Platform, Result<Image, ImageError>);

/// Opens the image that a reference names for each of its platforms. Attestations are left out. All
/// platforms are opened together because standard input can be read only once.
///
/// # Errors
/// Like [`open`], except that an error with one of several platforms is part of the result.
pub fn open_all(reference: &Reference, caches: &Caches<'_>) -> Result<Vec<Offer>, ImageError> {
    let files = Files::open(reference, caches)?;
    let _held = files.hold()?;
    match kind(reference, &files)? {
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
pub fn has_platform(reference: &Reference, platform: &Platform) -> bool {
    without_caches(|caches| open(reference, Some(platform), caches)).is_ok()
}

/// Opens the images of a layout, one for each platform, like [`open_all`] but without caches.
///
/// # Errors
/// See [`open_all`].
pub fn platforms(reference: &Reference) -> Result<Vec<Offer>, ImageError> {
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

enum ArchiveFormat {
    OciLayout,
    DockerArchive,
    Both,
}

fn kind(reference: &Reference, files: &Files) -> Result<ArchiveFormat, ImageError> {
    match reference.transport {
        Transport::DockerArchive => Ok(ArchiveFormat::DockerArchive),
        Transport::OciArchive | Transport::Oci | Transport::Store | Transport::Docker => {
            Ok(ArchiveFormat::OciLayout)
        }
        Transport::Sniffed | Transport::Stdin => sniff(reference, files),
    }
}

fn sniff(reference: &Reference, files: &Files) -> Result<ArchiveFormat, ImageError> {
    let oci = files.contains("index.json");
    let docker = files.contains("manifest.json");
    match (oci, docker) {
        (true, true) => Ok(ArchiveFormat::Both),
        (true, false) => Ok(ArchiveFormat::OciLayout),
        (false, true) => Ok(ArchiveFormat::DockerArchive),
        (false, false) => Err(ImageError::NotAnImage {
            image: reference.to_string(),
            detail: "it holds neither index.json nor manifest.json".to_owned(),
        }),
    }
}
