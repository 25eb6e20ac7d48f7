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
            for (name, by, how) in tree.hidden() {
                let dentry = tree.dentry(name).ok_or(ViewError::NotFound)?;
                let path = tree.path(name);
                let number = path
                    .get(1..)
                    .unwrap_or_default()
                    .split(|b| *b == b'/')
                    .next();
                let number = number.and_then(|digits| std::str::from_utf8(digits).ok());
                list.push(HiddenName {
                    layer: number
                        .and_then(|digits| digits.parse().ok())
                        .unwrap_or(u32::MAX),
                    path: below_the_number(&path).to_vec(),
                    by,
                    how,
                    ino: Ino::Node(Which::Hidden, dentry.node).number(),
                });
            }
            list.sort_unstable();
            Ok(list)
        })
    }
}
