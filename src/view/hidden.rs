//! What layers hold and later ones hide: the list behind `/.imgfs/hidden`.

use super::ino::{Ino, Which};
use super::provenance::below_the_number;
use super::{How, ImageFs, ViewError};

/// A name that a layer brought and a later one took away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HiddenName {
    /// The layer that brought it.
    pub layer: u32,
    /// Its path in the image, with a leading slash.
    pub path: Vec<u8>,
    /// The layer that took it away.
    pub by: u32,
    /// How that was done.
    pub how: How,
    /// The inode number of what it led to, in `/.imgfs/hidden/LAYER`.
    pub ino: u64,
}

impl ImageFs {
    /// All names that later layers hide, those of the lowest layer first, each layer's in the byte order
    /// of their paths.
    ///
    /// # Errors
    /// `Io`, if the image cannot be read.
    pub fn hidden(&self) -> Result<Vec<HiddenName>, ViewError> {
        self.sound(|| {
            let tree = self.tree_of(Which::Hidden)?;
            let mut list = Vec::new();
            for taken in tree.hidden() {
                let dentry = tree.dentry(taken.name).ok_or(ViewError::NotFound)?;
                list.push(HiddenName {
                    layer: taken.layer,
                    path: below_the_number(&tree.path(taken.name)).to_vec(),
                    by: taken.by,
                    how: taken.how,
                    ino: Ino::Node(Which::Hidden, dentry.node).number(),
                });
            }
            list.sort_unstable();
            Ok(list)
        })
    }
}
