//! Why an image could not be brought or written.

use std::io;

use crate::blob::Digest;
use crate::image::{ImageError, Platform, Skipped};
use crate::layer::LayerError;
use crate::open::OpenError;
use crate::registry::RegistryError;
use crate::store::StoreError;

/// Why an image could not be brought into the store, or written out of it.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive or layout that it comes from.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// An image that cannot be read.
    #[error(transparent)]
    Open(Box<OpenError>),
    /// What cannot be the name of an image of a registry.
    #[error("{name:?} is no image of a registry: {detail}; write HOST/NAME:TAG")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        detail: String,
    },
    /// What came is not what its digest names, each time.
    #[error(
        "{image}: {what} {expected} arrived {times} times, and each time with other bytes (the last \
         were {actual}): the registry, or something on the way to it, is broken"
    )]
    Digest {
        /// The image.
        image: String,
        /// `layer 3`, `config`.
        what: String,
        /// What it should have been.
        expected: Digest,
        /// What it was.
        actual: Digest,
        /// How often it was brought.
        times: u32,
    },
    /// Nothing in it is an image that imgfs can show.
    #[error("{image} holds no image{}", skipped_lines(skipped))]
    NoImage {
        /// The archive or layout.
        image: String,
        /// What it holds instead.
        skipped: Vec<Skipped>,
    },
    /// A document that cannot be understood.
    #[error("{image}: {document} {detail}")]
    Document {
        /// The image.
        image: String,
        /// Which document.
        document: String,
        /// What is wrong with it.
        detail: String,
    },
    /// No image of that platform.
    #[error(
        "{image} has no image for {wanted}; choose one with --platform:\n  {}",
        offered.join("\n  ")
    )]
    NoSuchPlatform {
        /// The image.
        image: String,
        /// The platform asked for.
        wanted: Platform,
        /// The platforms that there are.
        offered: Vec<String>,
    },
    /// A blob that is there only by its descriptor.
    #[error("{image}: blob {digest} is missing; the image is incomplete, copy or pull it again")]
    Missing {
        /// The image.
        image: String,
        /// The blob.
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
    /// A file or a stream.
    #[error("{what}: {error}")]
    Io {
        /// What was read or written.
        what: String,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// Another layer could not be brought; that error is the one to tell.
    #[error("given up")]
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

/// What is there instead of images, one a line.
fn skipped_lines(skipped: &[Skipped]) -> String {
    let line = |skipped: &Skipped| format!("\n  {} is {}", skipped.name, skipped.why);
    match skipped {
        [] => String::new(),
        skipped => format!(":{}", skipped.iter().map(line).collect::<String>()),
    }
}
