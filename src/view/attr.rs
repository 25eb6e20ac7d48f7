//! What stat(2), readlink(2) and getxattr(2) tell of an inode.

use super::ino::Ino;
use super::{Attr, FileType, ImageFs, Stats, ViewError, xattr};
use crate::tree::{Kind, NodeId, Tree, Xattr};

impl ImageFs {
    /// What stat(2) tells of an inode.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn getattr(&self, ino: u64) -> Result<Attr, ViewError> {
        self.sound(|| self.attr(self.ino(ino)?))
    }

    pub(super) fn attr(&self, ino: Ino) -> Result<Attr, ViewError> {
        match ino {
            Ino::Node(id) => self.node_attr(id),
            Ino::Control => self.virtual_directory(ino, Tree::ROOT),
            Ino::ArchDirectory(id) if self.has_texts(id) || id == Tree::ROOT => {
                self.virtual_directory(ino, id)
            }
            Ino::ArchDirectory(_) => Err(ViewError::NotFound),
            Ino::Findings => {
                let size = self.findings_text()?.len() as u64;
                Ok(Attr {
                    ino: ino.number(),
                    kind: FileType::Regular,
                    mode: 0o444,
                    nlink: 1,
                    size,
                    blocks: size.div_ceil(512),
                    ..self.node_attr(Tree::ROOT)?
                })
            }
            Ino::Sidecar(id) | Ino::ArchText(id) => {
                let tree = self.tree();
                let found = tree.executable(id).and_then(|found| tree.dentry(found));
                let of = self.node_attr(found.ok_or(ViewError::NotFound)?.node)?;
                let size = self.sidecar_text(id)?.len() as u64;
                Ok(Attr {
                    ino: ino.number(),
                    mode: 0o444,
                    nlink: 1,
                    size,
                    blocks: size.div_ceil(512),
                    ..of
                })
            }
        }
    }

    pub(super) fn node_attr(&self, id: NodeId) -> Result<Attr, ViewError> {
        let tree = self.tree();
        let node = tree.node(id).ok_or(ViewError::NotFound)?;
        let size = match node.kind {
            Kind::Directory => u64::from(Stats::BLOCK),
            _ => node.size,
        };
        let kind = file_type(node.kind);
        Ok(Attr {
            ino: Ino::Node(id).number(),
            kind,
            // Links have no permissions of their own (symlink(7)).
            mode: if kind == FileType::Symlink {
                0o777
            } else {
                node.mode
            },
            nlink: node.nlink,
            uid: node.uid,
            gid: node.gid,
            device: node.device,
            size,
            blocks: tree.stored_size(&node).div_ceil(512),
            mtime: node.mtime,
        })
    }

    fn virtual_directory(&self, ino: Ino, like: NodeId) -> Result<Attr, ViewError> {
        Ok(Attr {
            ino: ino.number(),
            mode: 0o555,
            nlink: 2,
            ..self.node_attr(like)?
        })
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// `WrongType` for all else.
    pub fn readlink(&self, ino: u64) -> Result<&[u8], ViewError> {
        self.sound(|| match self.ino(ino)? {
            Ino::Node(id) => self.tree().target(id).ok_or(ViewError::WrongType),
            _ => Err(ViewError::WrongType),
        })
    }

    /// What statfs(2) tells.
    pub fn statfs(&self) -> Stats {
        Stats {
            blocks: self.tree().blocks(),
            files: self.tree().nodes().len() as u64,
        }
    }

    /// The names of all extended attributes, each with a NUL after it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn listxattr(&self, ino: u64) -> Result<Vec<u8>, ViewError> {
        self.sound(|| Ok(xattr::list(&self.shipped(ino)?, &self.facts_of(ino)?)))
    }

    /// The value of an extended attribute.
    ///
    /// # Errors
    /// `NoAttribute`, or `NotFound`.
    pub fn getxattr(&self, ino: u64, name: &[u8]) -> Result<Vec<u8>, ViewError> {
        self.sound(|| {
            let shipped = self.shipped(ino)?;
            // Most questions are for what no file has: do not list facts for them.
            let facts = if name.starts_with(b"user.imgfs.") {
                self.facts_of(ino)?
            } else {
                Vec::new()
            };
            xattr::get(name, &shipped, &facts).ok_or(ViewError::NoAttribute)
        })
    }

    fn shipped(&self, ino: u64) -> Result<Vec<Xattr<'_>>, ViewError> {
        match self.ino(ino)? {
            Ino::Node(id) => {
                let node = self.tree().node(id).ok_or(ViewError::NotFound)?;
                Ok(self.tree().xattrs(&node))
            }
            _ => Ok(Vec::new()),
        }
    }
}

pub(super) fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::Directory => FileType::Directory,
        Kind::Regular => FileType::Regular,
        Kind::Symlink => FileType::Symlink,
        Kind::CharDevice => FileType::CharDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        Kind::Fifo => FileType::Fifo,
    }
}
