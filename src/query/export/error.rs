//! Why an export failed.

use std::io;

use crate::layer::printable;
use crate::view::ViewError;

/// Why the output could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file of the image cannot be read.
    #[error("{}{error}", place(path, error))]
    Read {
        /// The path in the image.
        path: Vec<u8>,
        /// The cause.
        error: ViewError,
    },
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// The prefix of an error message. Empty for errors that already contain the path.
fn place(path: &[u8], error: &ViewError) -> String {
    match error {
        ViewError::Io { .. } => String::new(),
        _ => format!("{}: ", printable(path)),
    }
}

/// Returns the error for a file of the image that cannot be read.
pub(super) fn read(path: &[u8], error: ViewError) -> ExportError {
    let path = path.to_vec();
    ExportError::Read { path, error }
}
