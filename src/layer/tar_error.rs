//! What can be wrong with a tar stream.

use std::io;

use super::sparse::MAX_PIECES;

/// An extended header or a long name is at most so many bytes long, as in Go's `archive/tar`
/// (`maxSpecialFileSize`).
pub(crate) const MAX_META: u64 = 1 << 20;

/// A layer has at most so many entries, and so many bytes of names, links, attributes and maps:
/// what is kept of a layer is held in memory, and a hostile one compresses well.
pub(crate) const MAX_ENTRIES: u64 = 16 << 20;
pub(crate) const MAX_WEIGHT: u64 = 2 << 30;

/// What is wrong with a tar stream. Offsets are bytes of the decoded layer.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The stream could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no header where one should be.
    #[error(
        "there is no tar header at byte {at}; it is not a layer, or it is damaged: copy or build the \
         image again"
    )]
    NotAHeader {
        /// Where it should be.
        at: u64,
    },
    /// The stream ends inside an entry.
    #[error(
        "the tar stream ends inside {path} (byte {at}); the layer is incomplete: copy or build the \
         image again"
    )]
    Truncated {
        /// The entry, or what is read instead of one.
        path: String,
        /// Where the stream ends.
        at: u64,
    },
    /// There is more in it than any real layer has.
    #[error(
        "it describes more than {} million files, or more than {} GiB of names and attributes; \
         no real layer does",
        MAX_ENTRIES >> 20,
        MAX_WEIGHT >> 30
    )]
    TooMuch,
    /// An extended header or a long name is longer than [`MAX_META`].
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
    /// A sparse file has more than [`MAX_PIECES`] pieces.
    #[error("{path}: its map has more than {MAX_PIECES} pieces of data, the limit of imgfs")]
    LongMap {
        /// The entry.
        path: String,
    },
    /// A field cannot be read.
    #[error(
        "{path}: the {field} in its tar header at byte {at} is malformed; build the image again"
    )]
    Field {
        /// The entry.
        path: String,
        /// The name of the field.
        field: &'static str,
        /// Where its header is.
        at: u64,
    },
}
