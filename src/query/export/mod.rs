//! Writes an image, one of its layers, or parts of either, as a tar archive (`tar.rs`) or as an mtree(5)
//! manifest (`mtree.rs`).
//!
//! The output depends only on the image, not on the time, the host or the user. The order is that of a
//! tar archive of a directory: the contents of a directory follow it directly, and names are in byte
//! order. It is not the byte order of whole paths, in which `a.b` comes between `a` and `a/b`. GNU tar
//! sets the time of a directory as soon as an entry outside the directory follows.

mod acl;
mod error;
mod format_writer;
mod header;
mod links;
mod mtree;
mod select;
mod sparse;
mod tar;

use std::io::Write;

pub use error::ExportError;
pub(crate) use select::MAX_PATH;
pub use select::Selection;

use crate::view::{ImageFs, View};
use error::read;
use format_writer::{ExportItem, FormatWriter};

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A tar archive, with PAX headers if needed.
    Tar,
    /// An mtree(5) manifest.
    Mtree {
        /// Whether to include the SHA-256 of each regular file.
        digests: bool,
    },
}

/// The files that were left out because their paths are longer than [`MAX_PATH`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The number of paths.
    pub count: u64,
    /// The first path.
    pub first: Vec<u8>,
}

/// Writes the selected files of an image. The same image and selection produce the same bytes.
///
/// # Errors
/// Returns an error if the image cannot be read or the output cannot be written. The output is then
/// incomplete and must be discarded.
pub fn export(
    view: &ImageFs,
    selection: &Selection,
    format: Format,
    out: &mut dyn Write,
) -> Result<LeftOut, ExportError> {
    let mut form: Box<dyn FormatWriter + '_> = match format {
        Format::Tar => Box::new(tar::TarWriter::new(view, out)),
        Format::Mtree { digests } => Box::new(mtree::MtreeWriter::new(view, digests, out)),
    };
    if format == (Format::Mtree { digests: true }) && selection.is_all() {
        // Reads layer by layer, each from its beginning to its end.
        view.digest_all().map_err(|error| read(b"/", error))?;
    }
    let mut left_out = LeftOut::default();
    selection.visit(view, &mut |path, attr| {
        if path.len() > MAX_PATH {
            if left_out.count == 0 {
                left_out.first = path.to_vec();
            }
            left_out.count += 1;
            return Ok(());
        }
        let stored = view.stored(attr.ino).map_err(|error| read(path, error))?;
        let implied = selection.is_layer() && !stored.described;
        form.item(&ExportItem {
            path,
            attr,
            stored,
            implied,
        })
    })?;
    form.finish()?;
    // Damaged parts of the index read as absent. This call returns the error in that case.
    view.getattr(selection.root().ino)
        .map_err(|error| read(b"/", error))?;
    Ok(left_out)
}
