//! An image, one layer of it, or parts of either, written down: as a tar archive (`tar.rs`) or as an
//! mtree(5) manifest (`mtree.rs`).
//!
//! What is written depends on the image alone: not on the time, the host, or who asks. The order is
//! that of a tar of a directory, what is in a directory right behind it and names in byte order. It is
//! not that of whole paths, since GNU tar sets the time of a directory as soon as something comes that
//! is not in it, and `a.b` would then come between `a` and `a/b`.

mod acl;
mod header;
mod links;
mod mtree;
mod select;
mod sparse;
mod tar;

use std::io::{self, Write};

pub use select::{SelectError, Selection};

use crate::layer::printable;
use crate::view::{Attr, ImageFs, Stored, ViewError};

/// No path may be longer, its NUL left out (Linux, limits.h, `PATH_MAX`): nobody could unpack it.
pub const MAX_PATH: usize = 4095;

/// How to write it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A tar archive, with PAX headers where they are needed.
    Tar,
    /// An mtree(5) manifest.
    Mtree {
        /// Whether it has the SHA-256 of each regular file.
        digests: bool,
    },
}

/// Why it could not be written to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Something in the image cannot be read.
    #[error("{}{error}", place(path, error))]
    Read {
        /// Its path in the image.
        path: Vec<u8>,
        /// Why.
        error: ViewError,
    },
    /// The output takes no more.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// Errors of reading name the path themselves.
fn place(path: &[u8], error: &ViewError) -> String {
    match error {
        ViewError::Io { .. } => String::new(),
        _ => format!("{}: ", printable(path)),
    }
}

/// What was not written since its path is longer than [`MAX_PATH`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many names.
    pub count: u64,
    /// The first of them.
    pub first: Vec<u8>,
}

/// One thing that is to be written.
struct Item<'a> {
    /// From the root, with a leading slash.
    path: &'a [u8],
    attr: Attr,
    stored: Stored<'a>,
    /// A directory that a layer says nothing of: it only has something in it. Attributes given to it
    /// here would count as the layer's own.
    implied: bool,
}

/// What writes one format.
trait Form {
    fn item(&mut self, item: &Item<'_>) -> Result<(), ExportError>;

    fn finish(&mut self) -> Result<(), ExportError>;
}

/// Writes what is selected of an image. The same image and selection give the same bytes.
///
/// # Errors
/// If the image cannot be read, or the output takes no more. What was written is then worthless.
pub fn export(
    view: &ImageFs,
    selection: &Selection,
    format: Format,
    out: &mut dyn Write,
) -> Result<LeftOut, ExportError> {
    let mut form: Box<dyn Form + '_> = match format {
        Format::Tar => Box::new(tar::TarForm::new(view, out)),
        Format::Mtree { digests } => Box::new(mtree::MtreeForm::new(view, digests, out)),
    };
    if format == (Format::Mtree { digests: true }) && selection.is_all() {
        // Layer by layer, each from its beginning to its end.
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
        form.item(&Item {
            path,
            attr,
            stored,
            implied,
        })
    })?;
    form.finish()?;
    // Whatever was damaged read as if it were not there.
    view.getattr(selection.root().ino)
        .map_err(|error| read(b"/", error))?;
    Ok(left_out)
}

fn read(path: &[u8], error: ViewError) -> ExportError {
    let path = path.to_vec();
    ExportError::Read { path, error }
}
