//! Errors in tar streams.

use std::io;

use super::sparse::MAX_PIECES;

/// The maximum length in bytes of an extended header or a long name, as in Go's `archive/tar`
/// (`maxSpecialFileSize`).
pub(crate) const MAX_META: u64 = 1 << 20;

/// The maximum number of entries of a layer, and of bytes of names, links, attributes and maps. They are
/// held in memory, and a hostile layer compresses well.
pub(crate) const MAX_ENTRIES: u64 = 16 << 20;
pub(crate) const MAX_WEIGHT: u64 = 2 << 30;

/// An error in a tar stream. Offsets are byte positions in the decoded layer.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The stream could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no valid header where one is expected.
    #[error(
        "there is no tar header at byte {at}; it is not a layer, or it is damaged: copy or build the \
         image again"
    )]
    NotAHeader {
        /// Where the header is expected.
        at: u64,
    },
    /// The stream ends inside an entry.
    #[error(
        "the tar stream ends inside {path} (byte {at}); the layer is incomplete: copy or build the \
         image again"
    )]
    Truncated {
        /// The path of the entry, or the name of the extended header, that is read.
        path: String,
        /// Where the stream ends.
        at: u64,
    },
    /// The layer has more entries or metadata than any real layer.
    #[error(
        "it describes more than {} million files, or more than {} GiB of names and attributes; \
         no real layer does",
        MAX_ENTRIES >> 20,
        MAX_WEIGHT >> 30
    )]
    TooMuch,
    /// An extended header or a long name is longer than 1 MiB.
    #[error(
        "{path}: its extended header or long name, at byte {at}, is longer than {} MiB, the limit of imgfs \
         and of Go's archive/tar",
        MAX_META >> 20
    )]
    LongHeader {
        /// The name in the header.
        path: String,
        /// Where the header is.
        at: u64,
    },
    /// A sparse file has more pieces of data than imgfs accepts.
    #[error("{path}: its map has more than {MAX_PIECES} pieces of data, the limit of imgfs")]
    LongMap {
        /// The path of the entry.
        path: String,
    },
    /// A field cannot be read.
    #[error(
        "{path}: the {field} in its tar header at byte {at} is malformed; build the image again"
    )]
    Field {
        /// The path of the entry.
        path: String,
        /// The name of the field.
        field: &'static str,
        /// Where its header is.
        at: u64,
    },
}
