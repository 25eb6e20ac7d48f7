//! Why the store could not do what it was asked for. Each message names the store or the image, and
//! the way out.

use std::io;
use std::path::{Path, PathBuf};

use crate::blob::Digest;

/// Why the store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or directory of it cannot be read or written.
    #[error("{error}{}", hint(error))]
    Io {
        /// What the system says, with the path.
        #[source]
        error: io::Error,
    },
    /// `index.json` is not what it should be: nobody knows what the store holds, so nothing is changed.
    #[error(
        "{}: index.json {detail}; put back what it was, or remove the whole store to begin anew",
        store.display()
    )]
    Names {
        /// The store.
        store: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A document or a blob is not what it should be.
    #[error("{}: {document} {detail}; mend or remove it", store.display())]
    Document {
        /// The store.
        store: PathBuf,
        /// Which document.
        document: String,
        /// What is wrong with it.
        detail: String,
    },
    /// No image of that name.
    #[error("there is no image {wanted:?} in the store; {}", list(names))]
    NoSuchName {
        /// The name asked for.
        wanted: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// The beginning of a digest, and several have it.
    #[error("{wanted:?} may be any of {}; write more of it", digests.join(" "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// The digests that begin so.
        digests: Vec<String>,
    },
    /// What cannot be the name of an image.
    #[error("{name:?} cannot be the name of an image: {detail}")]
    BadName {
        /// The name.
        name: String,
        /// Why not.
        detail: &'static str,
    },
    /// A document of an image is not there, so that nobody knows what belongs to it.
    #[error("image {image} is incomplete: {digest} is missing; pull it again, or imgfs rm {image}")]
    Incomplete {
        /// The image.
        image: String,
        /// What is missing.
        digest: Digest,
    },
}

impl StoreError {
    /// An error of the system that is about a path.
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
            "; make room (imgfs prune), or name a store elsewhere: --store"
        }
        _ => "",
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => "it is empty: imgfs pull REF, imgfs load ARCHIVE".to_owned(),
        names => format!("there is: {}", names.join(" ")),
    }
}
