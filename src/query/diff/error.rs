//! Why a comparison failed.

use crate::layer::printable;
use crate::view::{ImageFs, ViewError};

/// Why two images, or the files at one path, could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A file of one of the images cannot be read.
    #[error("{image}: {}: {error}", printable(.path))]
    Read {
        /// The image.
        image: String,
        /// The path in it.
        path: Vec<u8>,
        /// The cause.
        error: String,
    },
    /// Neither image has the path at which the comparison should start.
    #[error("{}: no such file in either image", printable(.path))]
    Nowhere {
        /// The path.
        path: Vec<u8>,
    },
    /// From some path on, hard links are not compared.
    #[error(
        "there are more hard links than can be compared; from {} on they are not compared",
        printable(.path)
    )]
    Links {
        /// The first path whose hard links are not compared.
        path: Vec<u8>,
    },
}

impl DiffError {
    /// Creates the error for a file that cannot be read.
    pub(super) fn read(view: &ImageFs, path: &[u8], error: &ViewError) -> Self {
        Self::Read {
            image: view.image().name.clone(),
            path: path.to_vec(),
            error: reason(error),
        }
    }
}

/// The text of an error without its path, which the caller adds.
pub(super) fn reason(error: &ViewError) -> String {
    match error {
        ViewError::Io { error, .. } => error.to_string(),
        other => other.to_string(),
    }
}
