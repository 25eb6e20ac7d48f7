//! What the one pass over a layer has learned.

use super::{Entry, Problem};
use crate::blob::Codec;

/// A layer's entries in the order of its tar stream. Everything that later reading needs is here or
/// in the blob's span table; the stream itself is never read from the front again.
#[derive(Debug)]
pub struct LayerIndex {
    /// The entries as shipped, whiteouts among them.
    pub entries: Vec<Entry>,
    /// What is wrong with them.
    pub problems: Vec<Problem>,
    /// The compression that the blob has.
    pub codec: Codec,
    /// Length of the blob as stored, in bytes.
    pub stored_size: u64,
}
