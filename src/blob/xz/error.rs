//! The reasons why an xz file cannot be decoded.

use std::io;

use crate::blob::error::invalid;
use crate::blob::{BlobError, Codec};

/// Why an xz file cannot be decoded.
#[derive(Debug)]
pub(in crate::blob) enum XzError {
    /// It violates the format, or a check does not match.
    Damaged(String),
    /// A block needs a dictionary of this many bytes, more than imgfs allows.
    Dictionary(u64),
}

impl XzError {
    pub(super) fn damaged(detail: &str) -> Self {
        Self::Damaged(detail.to_owned())
    }

    /// Returns the error of a blob that has this error near the byte `at`.
    pub(super) fn of_blob(self, at: u64) -> BlobError {
        match self {
            Self::Damaged(detail) => BlobError::corrupt(Codec::Xz, at, detail),
            Self::Dictionary(needed) => BlobError::Dictionary { needed },
        }
    }
}

/// The error of a read, in data that the first pass could decode.
impl From<XzError> for io::Error {
    fn from(error: XzError) -> Self {
        match error {
            XzError::Damaged(detail) => invalid(&detail),
            XzError::Dictionary(_) => {
                invalid("its dictionary is larger than when the layer was indexed")
            }
        }
    }
}
