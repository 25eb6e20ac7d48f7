//! Facts of an inode that follow from the layers alone: where it comes from, its shipped attributes, and
//! its decoded header. Nothing in this module waits for the findings.

use super::ino::Ino;
use super::keys::Key;
use super::{Fact, ImageFs, ViewError};
use crate::inspect::Binary;
use crate::tree::{Data, Node, NodeId, Tree, Xattr};

/// The data that an image stores for a file, except what stat(2) returns.
#[derive(Clone, Debug)]
pub struct StoredFile<'a> {
    /// Whether a layer has an entry for it. A directory that is only implied by other paths has none.
    pub described: bool,
    /// Its extended attributes, under the image's own names, in the order of the archive.
    pub xattrs: Vec<Xattr<'a>>,
    /// Where the bytes of a regular file are stored.
    pub data: Data<'a>,
}

impl ImageFs {
    /// A node, its number and its tree. Returns `None` for inodes that imgfs generates.
    pub(super) fn tree_node(&self, ino: u64) -> Result<Option<(&Tree, NodeId, Node)>, ViewError> {
        let Ino::Node(which, id) = self.ino(ino)? else {
            return Ok(None);
        };
        let tree = self.tree_of(which)?;
        let node = tree.node(id).ok_or(ViewError::NotFound)?;
        Ok(Some((tree, id, node)))
    }

    /// Returns the node of an inode number, or `None` for inodes that imgfs generates. The node's layer
    /// and entry determine where its bytes are.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    pub fn node(&self, ino: u64) -> Result<Option<Node>, ViewError> {
        self.checked(|| Ok(self.tree_node(ino)?.map(|(_, _, node)| node)))
    }

    /// Returns the data that the image stores for a file.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode, or if imgfs generates it.
    pub fn stored(&self, ino: u64) -> Result<StoredFile<'_>, ViewError> {
        self.checked(|| {
            let (tree, _, node) = self.tree_node(ino)?.ok_or(ViewError::NotFound)?;
            Ok(StoredFile {
                described: node.entry.is_some(),
                xattrs: tree.xattrs(&node),
                data: tree.data(&node),
            })
        })
    }

    /// Returns the number of the layer that a file comes from, or `None` for inodes that imgfs
    /// generates.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    pub fn layer_of(&self, ino: u64) -> Result<Option<u32>, ViewError> {
        Ok(self.node(ino)?.map(|node| node.layer))
    }

    /// Returns the extended attributes that the image stores for a file, under the image's own names, in
    /// the order of the archive.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    pub fn shipped_xattrs(&self, ino: u64) -> Result<Vec<Xattr<'_>>, ViewError> {
        self.checked(|| self.shipped(ino))
    }

    /// Like [`ImageFs::facts`], but without the findings: the verdict, the interpreter's status and
    /// missing libraries.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    pub fn plain_facts(&self, ino: u64) -> Result<Vec<Fact>, ViewError> {
        self.facts_where(ino, &|key| !key.needs_findings())
    }

    /// Like [`ImageFs::facts`], but only derives the keys that are wanted. The findings are determined only
    /// if a wanted key needs them.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    pub(crate) fn facts_where(
        &self,
        ino: u64,
        wanted: &dyn Fn(&Key) -> bool,
    ) -> Result<Vec<Fact>, ViewError> {
        self.checked(|| self.facts_of_node(ino, wanted))
    }

    /// Returns the decoded header of a file, if it is an executable.
    ///
    /// # Errors
    /// Returns `NotFound`, or `Io` if the index is damaged.
    pub fn binary(&self, ino: u64) -> Result<Option<Binary>, ViewError> {
        self.checked(|| match self.tree_node(ino)? {
            // The index also has scripts without execute permission. They do not count.
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
