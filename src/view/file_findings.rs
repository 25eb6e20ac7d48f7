//! The findings about a file.

use super::ino::{Ino, TreeId};
use super::{ImageFs, ViewError};
use crate::findings::Finding;

impl ImageFs {
    /// Returns the findings about a file. Empty for inodes that are not in the merged tree.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode, or `Io` if the image cannot be read.
    pub fn findings_of(&self, ino: u64) -> Result<Vec<&Finding>, ViewError> {
        self.checked(|| match self.ino(ino)? {
            Ino::Node(TreeId::Merged, id) => Ok(self.found()?.of(id).collect()),
            _ => Ok(Vec::new()),
        })
    }
}
