//! What the image itself says of a file, without what imgfs adds: for who writes it down again.

use super::ino::Ino;
use super::{ImageFs, ViewError};
use crate::tree::{Data, Xattr};

/// What an image holds of a file beside what stat(2) tells.
#[derive(Clone, Debug)]
pub struct Stored<'a> {
    /// Whether a layer has an entry for it. A directory that only had to exist has none.
    pub described: bool,
    /// Its extended attributes, under the names that the image gives them.
    pub xattrs: Vec<Xattr<'a>>,
    /// Where the bytes of a regular file lie.
    pub data: Data<'a>,
}

impl ImageFs {
    /// What the image holds of a file.
    ///
    /// # Errors
    /// `NotFound`, also for what imgfs adds: the image holds nothing of that.
    pub fn stored(&self, ino: u64) -> Result<Stored<'_>, ViewError> {
        self.sound(|| {
            let Ino::Node(which, id) = self.ino(ino)? else {
                return Err(ViewError::NotFound);
            };
            let tree = self.tree_of(which)?;
            let node = tree.node(id).ok_or(ViewError::NotFound)?;
            Ok(Stored {
                described: node.entry.is_some(),
                xattrs: tree.xattrs(&node),
                data: tree.data(&node),
            })
        })
    }
}
