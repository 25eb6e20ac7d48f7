//! Why an image could not be opened. Each message names the image, what is wrong with it, and the
//! way out.

use std::io;

use super::Platform;
use crate::blob::{BlobError, program};
use crate::store::StoreError;

/// Why an image could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file or directory could not be read.
    #[error("{image}: {error}")]
    Io {
        /// The image.
        image: String,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// It is something else.
    #[error(
        "{image} is not a container image: {detail} (make one with `docker save` or `skopeo copy`)"
    )]
    NotAnImage {
        /// The image.
        image: String,
        /// What is missing or wrong.
        detail: String,
    },
    /// The archive ends early.
    #[error("{image} is incomplete: {detail}; copy or save it again")]
    Incomplete {
        /// The image.
        image: String,
        /// Where it ends.
        detail: String,
    },
    /// The archive itself is compressed, and that went wrong.
    #[error("{image}: the archive cannot be decompressed: {error}{}", pipe(error))]
    Archive {
        /// The image.
        image: String,
        /// What went wrong.
        #[source]
        error: BlobError,
    },
    /// A document is not what it should be.
    #[error("{image}: {document} {detail}; copy or build the image again")]
    Document {
        /// The image.
        image: String,
        /// Which document.
        document: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A blob is not there.
    #[error("{image}: blob {blob} is missing; the image is incomplete, copy or pull it again")]
    MissingBlob {
        /// The image.
        image: String,
        /// Its digest or path.
        blob: String,
    },
    /// Several images, and nothing says which.
    #[error("{image} holds {} images; choose one:{}", names.len(), lines(names))]
    Ambiguous {
        /// The image.
        image: String,
        /// References that choose one.
        names: Vec<String>,
    },
    /// No image of that name.
    #[error(
        "{image}: there is no image {wanted:?} in it; choose one of:{}",
        lines(names)
    )]
    NoSuchName {
        /// The image.
        image: String,
        /// The name asked for.
        wanted: String,
        /// The names that exist.
        names: Vec<String>,
    },
    /// No image of that platform.
    #[error(
        "{image} has no image for {wanted}; choose one with --platform:{}",
        lines(platforms)
    )]
    NoSuchPlatform {
        /// The image.
        image: String,
        /// The platform asked for.
        wanted: Platform,
        /// The platforms that exist.
        platforms: Vec<String>,
    },
    /// The manifest's config is not that of an image.
    #[error("{image}: it is an artifact ({media_type}), not a container image; name another one")]
    NoConfig {
        /// The image.
        image: String,
        /// The media type of its config.
        media_type: String,
    },
    /// A layer is not a tar archive, by its media type.
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
        /// Whether it is encrypted.
        encrypted: bool,
    },
    /// It is not in the store.
    #[error("there is no image {name:?} in the store; pull it: imgfs pull {name}")]
    NotStored {
        /// The name.
        name: String,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that imgfs does not do yet.
    #[error("{image}: {detail}")]
    Unsupported {
        /// The image.
        image: String,
        /// What, and what to do instead.
        detail: String,
    },
}

/// One name a line, each indented.
fn lines(names: &[String]) -> String {
    match names {
        [] => " nothing with a name".to_owned(),
        names => names.iter().map(|name| format!("\n  {name}")).collect(),
    }
}

/// How an archive that imgfs does not decompress can be read all the same.
fn pipe(error: &BlobError) -> String {
    let program = match error {
        BlobError::Unsupported(name) => program(name),
        BlobError::Dictionary { .. } => "xz -dc",
        _ => return String::new(),
    };
    format!(", or pipe it: {program} FILE | imgfs mount - DIR")
}
