//! Attributes of inodes: the results of stat(2), readlink(2), statfs(2) and getxattr(2).

use super::digest::reads_file_bytes;
use super::ino::{Ino, TreeId};
use super::{Attr, FileType, ImageFs, Stats, ViewError, xattr};
use crate::tree::{DentryId, NodeId, NodeKind, Tree, Xattr};

impl ImageFs {
    pub(super) fn attr(&self, ino: Ino) -> Result<Attr, ViewError> {
        match ino {
            Ino::Node(which, id) => self.node_attr(which, id),
            Ino::Control(number) => self.control_attr(self.control_file(number)?),
            Ino::Status(serial) => self.text_attr(ino, self.status(serial)?.len() as u64),
            Ino::ArchDirectory(id) if self.has_sidecars_below(id) || id == Tree::ROOT => {
                self.virtual_directory(ino, id)
            }
            Ino::ArchDirectory(_) => Err(ViewError::NotFound),
            Ino::Sidecar(which, id) => self.sidecar_attr(ino, which, id),
            Ino::ArchText(id) => self.sidecar_attr(ino, TreeId::Merged, id),
        }
    }

    /// A sidecar has the owner and time of the file that it describes.
    fn sidecar_attr(&self, ino: Ino, which: TreeId, id: DentryId) -> Result<Attr, ViewError> {
        let tree = self.tree_of(which)?;
        let found = tree.executable(id).and_then(|found| tree.dentry(found));
        let of = self.node_attr(which, found.ok_or(ViewError::NotFound)?.node)?;
        let size = self.sidecar_len(which, id)?;
        Ok(text(ino, size, of))
    }

    /// A text file in `/.imgfs` has the owner and time of the root.
    pub(super) fn text_attr(&self, ino: Ino, size: u64) -> Result<Attr, ViewError> {
        Ok(text(ino, size, self.node_attr(TreeId::Merged, Tree::ROOT)?))
    }

    pub(super) fn node_attr(&self, which: TreeId, id: NodeId) -> Result<Attr, ViewError> {
        let tree = self.tree_of(which)?;
        let node = tree.node(id).ok_or(ViewError::NotFound)?;
        let size = match node.kind {
            NodeKind::Directory => u64::from(Stats::BLOCK),
            _ => node.size,
        };
        let kind = file_type(node.kind);
        Ok(Attr {
            ino: Ino::Node(which, id).number(),
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

    /// A directory that is not in the image has the owner and time of a directory that is (`like`).
    pub(super) fn virtual_directory(&self, ino: Ino, like: NodeId) -> Result<Attr, ViewError> {
        Ok(Attr {
            ino: ino.number(),
            mode: 0o555,
            // Subdirectories are not counted. find(1) takes a link count of 1 to mean that.
            nlink: 1,
            ..self.node_attr(TreeId::Merged, like)?
        })
    }

    /// The target of a symbolic link.
    pub(super) fn target(&self, ino: Ino) -> Result<&[u8], ViewError> {
        let Ino::Node(which, id) = ino else {
            return Err(ViewError::WrongType);
        };
        let target = self.tree_of(which)?.target(id);
        target.ok_or(ViewError::WrongType)
    }

    /// The names of all extended attributes, each followed by a NUL.
    pub(super) fn xattr_names(&self, ino: u64) -> Result<Vec<u8>, ViewError> {
        Ok(xattr::list(&self.shipped(ino)?, &self.facts_of(ino)?))
    }

    /// The value of an extended attribute.
    pub(super) fn xattr_value(&self, ino: u64, name: &[u8]) -> Result<Vec<u8>, ViewError> {
        let shipped = self.shipped(ino)?;
        // Most requests are for attributes that no file has. Do not collect facts for them.
        let facts = if reads_file_bytes(name) {
            self.unlisted_facts(ino, name)?
        } else if name.starts_with(b"user.imgfs.") {
            self.facts_of(ino)?
        } else {
            Vec::new()
        };
        xattr::get(name, &shipped, &facts).ok_or_else(|| xattr::absent(name))
    }

    pub(super) fn shipped(&self, ino: u64) -> Result<Vec<Xattr<'_>>, ViewError> {
        let placed = self.tree_node(ino)?;
        Ok(placed.map_or_else(Vec::new, |(tree, _, node)| tree.xattrs(&node)))
    }
}

/// The attributes of a generated text file. All but its type, mode and size are those of `like`.
fn text(ino: Ino, size: u64, like: Attr) -> Attr {
    Attr {
        ino: ino.number(),
        kind: FileType::Regular,
        mode: 0o444,
        nlink: 1,
        size,
        blocks: size.div_ceil(512),
        ..like
    }
}

pub(super) fn file_type(kind: NodeKind) -> FileType {
    match kind {
        NodeKind::Directory => FileType::Directory,
        NodeKind::Regular => FileType::Regular,
        NodeKind::Symlink => FileType::Symlink,
        NodeKind::CharDevice => FileType::CharDevice,
        NodeKind::BlockDevice => FileType::BlockDevice,
        NodeKind::Fifo => FileType::Fifo,
    }
}
