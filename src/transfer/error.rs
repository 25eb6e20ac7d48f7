//! Errors of transfers into and out of the store.

use std::io;

use crate::blob::Digest;
use crate::image::{ImageError, Platform, Skipped};
use crate::layer::LayerError;
use crate::open::OpenError;
use crate::store::StoreError;

/// An error while an image is brought into the store or written out of it.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The origin of the image failed. For a pull, this is a
    /// [`RegistryError`](crate::registry::RegistryError).
    #[error(transparent)]
    #[cfg_attr(not(feature = "registry"), allow(dead_code))]
    Origin(Box<dyn std::error::Error + Send + Sync>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source archive or layout is invalid.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// An image cannot be opened.
    #[error(transparent)]
    Open(Box<OpenError>),
    /// The name is not valid for an image in a registry.
    #[error("{name:?} is not an image of a registry: {detail}; write HOST/NAME:TAG")]
    #[cfg_attr(not(feature = "registry"), allow(dead_code))]
    Name {
        /// The name.
        name: String,
        /// Why it is invalid.
        detail: String,
    },
    /// A blob did not match its digest, at every attempt.
    #[error(
        "{image}: {what} {expected} arrived {times} times, and did not match its digest (the last \
         digest was {actual}): the registry, or a proxy on the way to it, is broken"
    )]
    Digest {
        /// The image.
        image: String,
        /// The blob: `layer 3` or `config`.
        what: String,
        /// The expected digest.
        expected: Digest,
        /// The digest of the bytes received at the last attempt.
        actual: Digest,
        /// The number of attempts.
        times: u32,
    },
    /// The source contains no image that imgfs can show.
    #[error("{image} holds no image{}", skipped_lines(skipped))]
    NoImage {
        /// The archive or layout.
        image: String,
        /// What it contains instead.
        skipped: Vec<Skipped>,
    },
    /// A document is invalid.
    #[error("{image}: {document} {detail}")]
    Document {
        /// The image.
        image: String,
        /// The document.
        document: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The image has no manifest for the platform.
    #[error(
        "{image} has no image for {wanted}; choose one with --platform:\n  {}",
        offered.join("\n  ")
    )]
    NoSuchPlatform {
        /// The image.
        image: String,
        /// The requested platform.
        wanted: Platform,
        /// The available platforms.
        offered: Vec<String>,
    },
    /// A blob is missing; only its descriptor exists.
    #[error("{image}: blob {digest} is missing; the image is incomplete, copy or pull it again")]
    Missing {
        /// The image.
        image: String,
        /// The digest of the blob.
        digest: Digest,
    },
    /// A layer has the right digest and cannot be read.
    #[error("{image}: {what} cannot be read: {error}")]
    UnreadableLayer {
        /// The image.
        image: String,
        /// `layer 3`.
        what: String,
        /// What is wrong with it.
        #[source]
        error: Box<LayerError>,
    },
    /// A file or a stream cannot be read or written.
    #[error("{what}: {error}")]
    Io {
        /// What was read or written.
        what: String,
        /// The system error.
        #[source]
        error: io::Error,
    },
    /// The transfer was abandoned because another layer failed. Report the error of that layer
    /// instead.
    #[error("the transfer was cancelled")]
    GivenUp,
}

impl From<ImageError> for TransferError {
    fn from(error: ImageError) -> Self {
        Self::Image(Box::new(error))
    }
}

impl From<OpenError> for TransferError {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

/// Lists what the source contains instead of images, one per line.
fn skipped_lines(skipped: &[Skipped]) -> String {
    let line = |skipped: &Skipped| format!("\n  {} is {}", skipped.name, skipped.why);
    match skipped {
        [] => String::new(),
        skipped => format!(":{}", skipped.iter().map(line).collect::<String>()),
    }
}
