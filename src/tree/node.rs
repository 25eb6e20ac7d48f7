//! Nodes and directory entries: small values that are decoded from the records of the tree's file on
//! each access.

use serde::Deserialize;

use crate::layer::Mtime;

/// The number of a node in its tree. Stable for the same layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct NodeId(pub u32);

/// The number of a directory entry in its tree. Stable for the same layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct DentryId(pub u32);

/// An inode: a file, directory or other object that one or several names lead to.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// The layer that it comes from. For a directory, the last layer that described it.
    pub layer: u32,
    /// The number of its entry in that layer, or `None` for a directory that no entry describes.
    pub entry: Option<u32>,
    /// The kind of node.
    pub kind: NodeKind,
    /// Whether it is a binary in a known format, or a script with execute permission.
    pub executable: bool,
    /// Permission bits with setuid, setgid and sticky. A directory that no layer describes has
    /// `0755`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The number of names that lead to it. A directory counts its own `.` and its children's `..`.
    pub nlink: u32,
    /// Time of last modification. A directory that no layer describes has the epoch.
    pub mtime: Mtime,
    /// The first directory entry that leads to it, or `None` for the root.
    pub name: Option<DentryId>,
    /// The length of a file or of a symbolic link's target, in bytes; 0 for other kinds.
    pub size: u64,
    /// The major and minor number of a device.
    pub device: (u32, u32),
    /// The other data that its record refers to.
    pub(super) data: NodeData,
    /// The offset of its extended attributes in their section.
    pub(super) xattrs: Option<u32>,
}

/// The data that a node's record refers to, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeData {
    /// Nothing: a device, a named pipe, an empty file.
    Nothing,
    /// A directory's entries: the number of the first, and their count.
    Entries(u32, u32),
    /// The offset of a file's bytes in its decoded layer.
    Whole(u64),
    /// The number of a sparse file's first record in the section of extents.
    Sparse(u64),
    /// The offset of a symbolic link's target in its section.
    Target(u64),
}

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum NodeKind {
    /// A directory.
    Directory,
    /// A regular file.
    Regular,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub struct Dentry<'a> {
    /// The name. It may contain any byte but `/` and NUL.
    pub name: &'a [u8],
    /// The node that it leads to.
    pub node: NodeId,
    /// The kind of that node.
    pub kind: NodeKind,
    /// The directory that holds it.
    pub parent: NodeId,
    /// The executable that it leads to.
    pub executable: Executable,
}

/// Whether a directory entry leads to an executable, directly or through symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Executable {
    /// It leads to no executable.
    No,
    /// It leads to the executable with this entry.
    At(DentryId),
    /// Not resolved when the tree was written, because the links of the image lead through more names
    /// than are followed ahead of time.
    Unknown,
}
