//! An image is a manifest that names a config and layers by digest (OCI image-spec, manifest.md),
//! packed in one of several ways. This room finds out which image is meant, reads its documents,
//! and says where the layers' bytes are; it never looks into a layer.
//!
//! [`Reference`] is what the user typed. [`open`] turns it into an [`Image`]: kind sniffed,
//! container opened, image and platform chosen, documents verified against their digests.

mod archive;
mod both;
mod config;
mod contents;
mod docker_archive;
mod error;
mod files;
mod oci_layout;
mod reference;
pub mod verify;

use std::sync::Arc;

use oci_spec::image::Descriptor;

pub use config::{Config, HistoryEntry, Start};
pub use contents::{Content, Contents, Skipped, contents};
pub use error::ImageError;
pub use reference::{Reference, ReferenceError, Transport};

use crate::blob::{Digest, ReadAt, SpanCache};
use crate::cache::CacheDir;
pub use crate::oci::{Platform, PlatformError};
use files::Files;

/// One image of one platform, its layers not read yet.
pub struct Image {
    /// The reference it was opened by, for messages.
    pub name: String,
    /// The name it has in its archive, if it has one.
    pub tag: Option<String>,
    /// The platform that its config declares.
    pub platform: Platform,
    /// The platform that its descriptor in the index names, if it has one.
    pub index_platform: Option<Platform>,
    /// The documents as shipped.
    pub documents: Documents,
    /// What of the config is used.
    pub config: Config,
    /// The layers, the lowest first.
    pub layers: Vec<LayerBlob>,
    /// What is odd about it but stops nothing, for people.
    pub warnings: Vec<String>,
    /// Where two readers of its documents see different images, for people.
    pub ambiguities: Vec<String>,
}

impl Image {
    /// The same, if it serves a platform that may be wanted.
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
    /// The manifest: that of the image, or `manifest.json` of a docker-archive.
    pub manifest: Vec<u8>,
    /// The config.
    pub config: Vec<u8>,
}

/// A layer's blob, where it lies and what it must be.
pub struct LayerBlob {
    /// Its stored bytes.
    pub source: Arc<dyn ReadAt>,
    /// Digest of the stored bytes, where the image gives one.
    pub digest: Option<Digest>,
    /// Digest of the decoded bytes by the config.
    pub diff_id: Option<Digest>,
    /// Length of the stored bytes by the descriptor.
    pub size: Option<u64>,
    /// Media type by the descriptor.
    pub media_type: Option<String>,
    /// The line of the config's history that made it (`created_by`).
    pub created_by: Option<String>,
    /// How to name it in messages.
    pub name: String,
}

impl LayerBlob {
    /// The digest that identifies the layer: of its stored bytes if there is one, else its diff_id.
    pub fn id(&self) -> Option<&Digest> {
        self.digest.as_ref().or(self.diff_id.as_ref())
    }
}

/// What archives that are themselves compressed are read through.
pub struct Caches<'a> {
    /// Decoded spans in memory.
    pub spans: Arc<SpanCache>,
    /// What is kept between mounts.
    pub disk: &'a CacheDir,
}

/// Opens the image that a reference names. `platform` chooses from an index; without it, the
/// host's.
///
/// # Errors
/// If there is no such image, it is not one, or several could be meant.
pub fn open(
    reference: &Reference,
    platform: Option<&Platform>,
    caches: &Caches<'_>,
) -> Result<Image, ImageError> {
    let files = Files::open(reference, caches)?;
    let _held = files.hold()?;
    match kind(reference, &files)? {
        Kind::OciLayout => oci_layout::open(reference, &files, platform),
        Kind::DockerArchive => docker_archive::open(reference, &files, platform),
        Kind::Both => both::open(reference, &files, platform),
    }
}

/// A platform of an image, and the image for it if it can be opened.
pub type Offer = (Platform, Result<Image, ImageError>);

/// Opens the image that a reference names for each platform that it is there for. Attestations are
/// none. Standard input can be read only once, so they are opened together.
///
/// # Errors
/// As [`open`], where it is not about one platform among several.
pub fn open_all(reference: &Reference, caches: &Caches<'_>) -> Result<Vec<Offer>, ImageError> {
    let files = Files::open(reference, caches)?;
    let _held = files.hold()?;
    match kind(reference, &files)? {
        Kind::OciLayout => oci_layout::open_all(reference, &files),
        Kind::DockerArchive => docker_archive::open_all(reference, &files),
        Kind::Both => both::open_all(reference, &files),
    }
}

/// The descriptor and the digest of the manifest that a layout has for a platform.
///
/// # Errors
/// If there is none.
pub(crate) fn manifest_of(
    reference: &Reference,
    platform: &Platform,
) -> Result<(Descriptor, Digest), ImageError> {
    let files = without_caches(|caches| Files::open(reference, caches))?;
    oci_layout::manifest_of(reference, &files, platform)
}

/// Whether an image of a layout is there for a platform.
pub fn has_platform(reference: &Reference, platform: &Platform) -> bool {
    without_caches(|caches| open(reference, Some(platform), caches)).is_ok()
}

/// The images of a layout, one for each platform. See [`open_all`].
///
/// # Errors
/// As that.
pub fn platforms(reference: &Reference) -> Result<Vec<Offer>, ImageError> {
    without_caches(|caches| open_all(reference, caches))
}

/// What only reads documents of a directory decodes nothing.
fn without_caches<T>(run: impl FnOnce(&Caches<'_>) -> T) -> T {
    let disk = CacheDir::none();
    run(&Caches {
        spans: Arc::new(SpanCache::new(0, disk.clone())),
        disk: &disk,
    })
}

enum Kind {
    OciLayout,
    DockerArchive,
    Both,
}

fn kind(reference: &Reference, files: &Files) -> Result<Kind, ImageError> {
    match reference.transport {
        Transport::DockerArchive => Ok(Kind::DockerArchive),
        Transport::OciArchive | Transport::Oci | Transport::Store | Transport::Docker => {
            Ok(Kind::OciLayout)
        }
        Transport::Sniffed | Transport::Stdin => sniff(reference, files),
    }
}

fn sniff(reference: &Reference, files: &Files) -> Result<Kind, ImageError> {
    let oci = files.contains("index.json");
    let docker = files.contains("manifest.json");
    match (oci, docker) {
        (true, true) => Ok(Kind::Both),
        (true, false) => Ok(Kind::OciLayout),
        (false, true) => Ok(Kind::DockerArchive),
        (false, false) => Err(ImageError::NotAnImage {
            image: reference.to_string(),
            detail: "it holds neither index.json nor manifest.json".to_owned(),
        }),
    }
}
