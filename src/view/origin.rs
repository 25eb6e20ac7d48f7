//! What the layers alone say of an inode: where it comes from, what it ships, what was decoded of it.
//! Nothing here waits until it is known what will not run.

use super::ino::Ino;
use super::{Fact, ImageFs, ViewError};
use crate::inspect::Binary;
use crate::tree::{Data, Node, NodeId, Tree, Xattr};

/// What an image holds of a file beside what stat(2) tells.
#[derive(Clone, Debug)]
pub struct Stored<'a> {
    /// Whether a layer has an entry for it. A directory that only had to exist has none.
    pub described: bool,
    /// Its extended attributes, under the names that the image gives them, in the order of the archive.
    pub xattrs: Vec<Xattr<'a>>,
    /// Where the bytes of a regular file lie.
    pub data: Data<'a>,
}

impl ImageFs {
    /// A node, its number and the tree that it is in; `None` for what imgfs makes itself.
    pub(super) fn placed(&self, ino: u64) -> Result<Option<(&Tree, NodeId, Node)>, ViewError> {
        let Ino::Node(which, id) = self.ino(ino)? else {
            return Ok(None);
        };
        let tree = self.tree_of(which)?;
        let node = tree.node(id).ok_or(ViewError::NotFound)?;
        Ok(Some((tree, id, node)))
    }

    /// The node that an inode number stands for; `None` for what imgfs makes itself. Its layer and entry
    /// say where its bytes lie.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn node(&self, ino: u64) -> Result<Option<Node>, ViewError> {
        self.sound(|| Ok(self.placed(ino)?.map(|(_, _, node)| node)))
    }

    /// What the image holds of a file.
    ///
    /// # Errors
    /// `NotFound`, also for what imgfs adds: the image holds nothing of that.
    pub fn stored(&self, ino: u64) -> Result<Stored<'_>, ViewError> {
        self.sound(|| {
            let (tree, _, node) = self.placed(ino)?.ok_or(ViewError::NotFound)?;
            Ok(Stored {
                described: node.entry.is_some(),
                xattrs: tree.xattrs(&node),
                data: tree.data(&node),
            })
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
        self.sound(|| match self.placed(ino)? {
            // The index knows scripts that nobody may execute too.
            Some((tree, id, node)) if node.executable => {
                let binary = self.image.binary_of(tree, id);
                binary.map_err(|error| ViewError::Io {
                    path: crate::layer::printable(&self.path_of(tree, id)),
                    error,
                })
            }
            _ => Ok(None),
        })
    }
}
