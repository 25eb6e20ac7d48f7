//! The names that layers add and later layers hide: the list behind `/.imgfs/hidden`.

use super::file_facts::below_the_number;
use super::ino::{Ino, TreeId};
use super::{ImageFs, RemovalKind, ViewError};

/// A name that a layer added and a later layer removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HiddenName {
    /// The layer that added it.
    pub layer: u32,
    /// Its path in the image, with a leading slash.
    pub path: Vec<u8>,
    /// The layer that removed it.
    pub by: u32,
    /// How it was removed.
    pub how: RemovalKind,
    /// The inode number of the file in `/.imgfs/hidden/LAYER`.
    pub ino: u64,
}

impl ImageFs {
    /// Returns all names that later layers hide, sorted by the layer that added them and then by the
    /// bytes of their paths.
    ///
    /// # Errors
    /// Returns `Io` if the image cannot be read.
    pub fn hidden(&self) -> Result<Vec<HiddenName>, ViewError> {
        self.checked(|| {
            let tree = self.tree_of(TreeId::Hidden)?;
            let mut list = Vec::new();
            for taken in tree.hidden() {
                let dentry = tree.dentry(taken.name).ok_or(ViewError::NotFound)?;
                list.push(HiddenName {
                    layer: taken.layer,
                    path: below_the_number(&tree.path(taken.name)).to_vec(),
                    by: taken.by,
                    how: taken.how,
                    ino: Ino::Node(TreeId::Hidden, dentry.node).number(),
                });
            }
            list.sort_unstable();
            Ok(list)
        })
    }
}
