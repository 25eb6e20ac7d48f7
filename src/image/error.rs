//! Errors of opening an image. Each message names the image, the problem, and how to solve it.

use std::io;

use super::Platform;
use crate::blob::{BlobError, program};
use crate::store::StoreError;

/// An error of opening an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file or directory could not be read.
    #[error("{image}: {error}")]
    Io {
        /// The image.
        image: String,
        /// The error of the operating system.
        #[source]
        error: io::Error,
    },
    /// The file or directory is not an image.
    #[error(
        "{image} is not a container image: {detail} (make one with `docker save` or `skopeo copy`)"
    )]
    NotAnImage {
        /// The image.
        image: String,
        /// What is missing or wrong.
        detail: String,
    },
    /// The archive is cut off or damaged.
    #[error("{image} is incomplete: {detail}; copy or save it again")]
    Incomplete {
        /// The image.
        image: String,
        /// Where the archive ends.
        detail: String,
    },
    /// The archive itself is compressed and cannot be decompressed.
    #[error("{image}: the archive cannot be decompressed: {error}{}", pipe(error))]
    Archive {
        /// The image.
        image: String,
        /// The error of the decoder.
        #[source]
        error: BlobError,
    },
    /// A layer cannot be read or decompressed.
    #[error("{image}: {error}")]
    Layer {
        /// The image.
        image: String,
        /// The error of the decoder.
        #[source]
        error: BlobError,
    },
    /// A document is invalid.
    #[error("{image}: {document} {detail}; copy or build the image again")]
    Document {
        /// The image.
        image: String,
        /// The name of the document.
        document: String,
        /// The problem, as the rest of a sentence that begins with the name of the document.
        detail: String,
    },
    /// A blob is missing.
    #[error("{image}: blob {blob} is missing; the image is incomplete, copy or pull it again")]
    MissingBlob {
        /// The image.
        image: String,
        /// Digest or path of the blob.
        blob: String,
    },
    /// There are several images, and the reference does not choose one.
    #[error("{image} holds {} images; choose one:{}", names.len(), lines(names))]
    Ambiguous {
        /// The image.
        image: String,
        /// References that choose one.
        names: Vec<String>,
    },
    /// There is no image with this name.
    #[error(
        "{image}: there is no image {wanted:?} in it; choose one of:{}",
        lines(names)
    )]
    NoSuchName {
        /// The image.
        image: String,
        /// The requested name.
        wanted: String,
        /// The existing names.
        names: Vec<String>,
    },
    /// There is no image for this platform.
    #[error(
        "{image} has no image for {wanted}; choose one with --platform:{}",
        lines(platforms)
    )]
    NoSuchPlatform {
        /// The image.
        image: String,
        /// The requested platform.
        wanted: Platform,
        /// The existing platforms.
        platforms: Vec<String>,
    },
    /// The config that the manifest refers to is not that of an image.
    #[error("{image}: it is an artifact ({media_type}), not a container image; name another one")]
    NoConfig {
        /// The image.
        image: String,
        /// The media type of the config.
        media_type: String,
    },
    /// A layer is not a tar archive, according to its media type.
    #[error(
        "{image}: layer {number} is {media_type}, which imgfs does not read{}",
        if *encrypted { "; decrypt it: skopeo copy --decryption-key KEY" } else { "" }
    )]
    LayerFormat {
        /// The image.
        image: String,
        /// The number of the layer, from 0, as in the manifest.
        number: usize,
        /// The media type of the layer.
        media_type: String,
        /// Whether the layer is encrypted.
        encrypted: bool,
    },
    /// The image is not in the store.
    #[error("there is no image {name:?} in the store; pull it: imgfs pull {name}")]
    NotStored {
        /// The requested name.
        name: String,
    },
    /// There is neither a file nor an image in the store with this name.
    #[error(
        "{text}: no such file, and no image of that name in the store; to pull it: imgfs pull {text}"
    )]
    NoSuchImage {
        /// The name.
        text: String,
    },
    /// The name is not valid for an image in a registry.
    #[error("{text}: {detail}; write docker://HOST/NAME:TAG")]
    BadName {
        /// The name.
        text: String,
        /// Why it is invalid.
        detail: String,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The image needs a feature that imgfs does not have.
    #[error("{image}: {detail}")]
    Unsupported {
        /// The image.
        image: String,
        /// The feature, and what to do instead.
        detail: String,
    },
}

/// Formats each name on an indented line of its own.
fn lines(names: &[String]) -> String {
    match names {
        [] => " nothing with a name".to_owned(),
        names => names.iter().map(|name| format!("\n  {name}")).collect(),
    }
}

/// Returns a hint how to read an archive in a compression format that imgfs does not support.
fn pipe(error: &BlobError) -> String {
    let program = match error {
        BlobError::Unsupported(name) => program(name),
        BlobError::Dictionary { .. } => "xz -dc",
        _ => return String::new(),
    };
    format!(", or pipe it: {program} FILE | imgfs mount - DIR")
}
