//! The errors of blobs.

use std::io;

use super::limits::{MAX_XZ_DICTIONARY, MAX_ZSTD_WINDOW};
use super::{Codec, Digest};

/// What is wrong with a blob. The error does not name the blob: the caller knows which one it opened.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Reading the storage failed.
    #[error("cannot read it: {0}")]
    Io(#[source] io::Error),
    /// Writing a temporary file failed.
    #[error("cannot write a temporary file: {0}")]
    Spool(#[source] io::Error),
    /// The compressed data ends early.
    #[error("the {codec} data is cut off after {at} bytes; copy or pull the image again")]
    Truncated {
        /// The compression.
        codec: Codec,
        /// Length of the data, in bytes.
        at: u64,
    },
    /// The compressed data is damaged.
    #[error(
        "the {codec} data is damaged near byte {at}: {detail}; copy or pull the image again, or \
         build it again if that does not help"
    )]
    Corrupt {
        /// The compression.
        codec: Codec,
        /// Offset in the blob, in bytes.
        at: u64,
        /// The message of the decoder.
        detail: String,
    },
    /// A limit of imgfs: the data needs a larger zstd window than imgfs allows.
    #[error(
        "the zstd frame at byte {at} needs a window of {window} bytes; the limit of imgfs is {} bytes: compress it again \
         with zstd --long=27 or less",
        MAX_ZSTD_WINDOW
    )]
    Window {
        /// Size of the window, in bytes.
        window: u64,
        /// Offset of the frame in the blob, in bytes.
        at: u64,
    },
    /// A compression that imgfs does not read.
    #[error(
        "it is compressed with {0}, which imgfs does not read; compress it with gzip, zstd or xz \
         instead"
    )]
    Unsupported(&'static str),
    /// A limit of imgfs: a block of the xz data needs a larger dictionary than imgfs allows.
    #[error(
        "the xz data needs a dictionary of {} MiB to decode, more than the {} MiB that imgfs allows; \
         compress it again with `xz -9` or a lower level",
        needed.div_ceil(1 << 20),
        MAX_XZ_DICTIONARY >> 20
    )]
    Dictionary {
        /// Length of the dictionary, in bytes.
        needed: u64,
    },
    /// The bytes do not have the digest that the descriptor names.
    #[error(
        "digest mismatch: the bytes hash to {actual}, expected {expected}; the blob is damaged or \
         was changed, copy or pull the image again"
    )]
    Digest {
        /// The digest in the descriptor.
        expected: Digest,
        /// The digest of the bytes.
        actual: Digest,
    },
    /// The blob is not as long as its descriptor says.
    #[error(
        "it is {actual} bytes long, but its descriptor says {expected}; copy or pull the image again"
    )]
    Size {
        /// Length in the descriptor, in bytes.
        expected: u64,
        /// Actual length, in bytes.
        actual: u64,
    },
}

impl BlobError {
    pub(crate) fn corrupt(codec: Codec, at: u64, detail: impl ToString) -> Self {
        Self::Corrupt {
            codec,
            at,
            detail: detail.to_string(),
        }
    }

    /// Returns the kind of an I/O error with the same cause.
    pub(super) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io(error) | Self::Spool(error) => error.kind(),
            Self::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        }
    }
}

/// Returns the error for decoded bytes that do not match the checksum from the first pass.
pub(super) fn changed() -> io::Error {
    invalid("the bytes are not those that were verified when the image was opened")
}

/// Returns the error of a decoder for bytes that it cannot decode.
pub(super) fn invalid(detail: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}
