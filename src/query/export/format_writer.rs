//! What a writer of an output format gets and does.

use super::error::ExportError;
use crate::view::{Attr, StoredFile};

/// A file to be written.
pub(super) struct ExportItem<'a> {
    /// The path from the root, with a leading slash.
    pub path: &'a [u8],
    pub attr: Attr,
    pub stored: StoredFile<'a>,
    /// Whether this is a directory that the layer does not describe, but only has entries in. If
    /// attributes were written for it, they would count as the layer's own.
    pub implied: bool,
}

/// A writer of one format.
pub(super) trait FormatWriter {
    /// Writes a file.
    fn item(&mut self, item: &ExportItem<'_>) -> Result<(), ExportError>;

    /// Writes the end of the output.
    fn finish(&mut self) -> Result<(), ExportError>;
}
