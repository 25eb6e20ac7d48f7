//! What the layers alone say of an inode: where it comes from, what it ships, what was decoded of it.
//! Nothing here waits until it is known what will not run.

use super::ino::Ino;
use super::{Fact, ImageFs, ViewError};
use crate::inspect::Binary;
use crate::tree::{Node, Xattr};

impl ImageFs {
    /// The node that an inode number stands for; `None` for what imgfs makes itself. Its layer and entry
    /// say where its bytes lie.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn node(&self, ino: u64) -> Result<Option<Node>, ViewError> {
        self.sound(|| match self.ino(ino)? {
            Ino::Node(which, id) => {
                let node = self.tree_of(which)?.node(id);
                Ok(Some(node.ok_or(ViewError::NotFound)?))
            }
            _ => Ok(None),
        })
    }

    /// The number of the layer that brought a file; `None` for what imgfs makes itself.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn layer_of(&self, ino: u64) -> Result<Option<u32>, ViewError> {
        Ok(self.node(ino)?.map(|node| node.layer))
    }

    /// The extended attributes that the image gives a file, under the names that it gives them, in the
    /// order of the archive.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn shipped_xattrs(&self, ino: u64) -> Result<Vec<Xattr<'_>>, ViewError> {
        self.sound(|| self.shipped(ino))
    }

    /// The facts of a file as in [`ImageFs::facts`], without what was found out about it: its verdict,
    /// and what of its interpreter and libraries is missing.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn plain_facts(&self, ino: u64) -> Result<Vec<Fact>, ViewError> {
        self.sound(|| match self.ino(ino)? {
            Ino::Node(which, id) => {
                let path = self.path_of(self.tree_of(which)?, id);
                Ok(self.facts_of_bytes(which, id, &path)?.0)
            }
            _ => Ok(Vec::new()),
        })
    }

    /// What was decoded of a file, if it is an executable.
    ///
    /// # Errors
    /// `NotFound`, or `Io` if the index is damaged.
    pub fn binary(&self, ino: u64) -> Result<Option<Binary>, ViewError> {
        self.sound(|| {
            let Ino::Node(which, id) = self.ino(ino)? else {
                return Ok(None);
            };
            let tree = self.tree_of(which)?;
            // The index knows scripts that nobody may execute too.
            if !tree.node(id).is_some_and(|node| node.executable) {
                return Ok(None);
            }
            self.image
                .binary_of(tree, id)
                .map_err(|error| ViewError::Io {
                    path: crate::layer::printable(&self.path_of(tree, id)),
                    error,
                })
        })
    }
}
