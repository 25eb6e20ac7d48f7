//! An opened image: its documents, and where the bytes of its layers are.

use std::sync::Arc;

use super::config::Config;
use super::error::ImageError;
use super::reference::Reference;
use crate::blob::{Digest, ReadAt};
use crate::oci::Platform;

/// One image for one platform. Its layers are not read yet.
pub(crate) struct Image {
    /// The reference by which it was opened, for messages.
    pub name: String,
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
    /// Combines the parts of an image. The platform is that of the config.
    pub(super) fn new(
        reference: &Reference,
        documents: Documents,
        config: Config,
        layers: Vec<LayerBlob>,
        ambiguities: Vec<String>,
    ) -> Self {
        let mut warnings = Vec::new();
        if config.history_mismatch(layers.len()) {
            warnings.push("the config's history does not match its layers".to_owned());
        }
        Self {
            name: reference.to_string(),
            platform: config.platform.clone(),
            index_platform: None,
            documents,
            config,
            layers,
            warnings,
            ambiguities,
        }
    }

    /// Returns the image if it suits the wanted platform. It always does if none is wanted or if its own
    /// is unknown.
    pub(super) fn on(self, platform: Option<&Platform>) -> Result<Self, ImageError> {
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
pub(crate) struct LayerBlob {
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
    pub(crate) fn id(&self) -> Option<&Digest> {
        self.digest.as_ref().or(self.diff_id.as_ref())
    }
}

/// A platform of an image, and the image for it or the reason why it cannot be opened.
pub(crate) type Offer = (Platform, Result<Image, ImageError>);
