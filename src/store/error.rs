//! Errors of the store. Each message names the store or the image, and says how to recover.

use std::io;
use std::path::{Path, PathBuf};

use crate::blob::Digest;

/// An error of a store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or directory of the store cannot be read or written.
    #[error("{error}{}", hint(error))]
    Io {
        /// The system error, with the path.
        #[source]
        error: io::Error,
    },
    /// `index.json` is missing or invalid. The contents of the store are then unknown, so nothing
    /// is changed.
    #[error(
        "{}: index.json {detail}; restore it, or remove the whole store to start again",
        store.display()
    )]
    Names {
        /// The store's directory.
        store: PathBuf,
        /// What is wrong with `index.json`.
        detail: String,
    },
    /// A document or a blob is invalid.
    #[error("{}: {document} {detail}; repair or remove it", store.display())]
    Document {
        /// The store's directory.
        store: PathBuf,
        /// The document.
        document: String,
        /// What is wrong with it.
        detail: String,
    },
    /// There is no image of that name.
    #[error("there is no image {wanted:?} in the store; {}", list(names))]
    NoSuchName {
        /// The requested name.
        wanted: String,
        /// The names of the images in the store.
        names: Vec<String>,
    },
    /// A digest prefix matches several images.
    #[error("{wanted:?} is ambiguous, it may be any of {}; write more of it", digests.join(" "))]
    Ambiguous {
        /// The requested prefix.
        wanted: String,
        /// The matching digests.
        digests: Vec<String>,
    },
    /// The name is not a valid image name.
    #[error("{name:?} cannot be the name of an image: {detail}")]
    BadName {
        /// The name.
        name: String,
        /// Why it is invalid.
        detail: &'static str,
    },
    /// A document of an image is missing, so the blobs of the image are not known.
    #[error("image {image} is incomplete: {digest} is missing; pull it again, or imgfs rm {image}")]
    Incomplete {
        /// The image.
        image: String,
        /// The digest of the missing document.
        digest: Digest,
    },
}

impl StoreError {
    /// Maps an I/O error to a [`StoreError`] that names `path`.
    pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        let about = crate::private::about(path);
        move |error| Self::Io {
            error: about(error),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io { error }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space (imgfs prune), or use a store elsewhere: --store"
        }
        _ => "",
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => "it is empty: imgfs pull REF, imgfs load ARCHIVE".to_owned(),
        names => format!("it has: {}", names.join(" ")),
    }
}
