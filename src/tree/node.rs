//! Nodes and directory entries, as they are handed out: small values, made anew from the records of
//! the tree's file each time somebody asks.

use crate::layer::Mtime;

/// Number of a node in its tree; stable for the same layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Number of a directory entry in its tree; stable for the same layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DentryId(pub u32);

/// An inode: a thing that one or several names lead to.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// The layer that brought it: for a directory the last one that described it.
    pub layer: u32,
    /// Number of its entry in that layer; `None` for a directory that only had to exist.
    pub entry: Option<u32>,
    /// What it is.
    pub kind: Kind,
    /// Whether it is a binary that was decoded, or a script that may be executed.
    pub executable: bool,
    /// Permission bits with setuid, setgid and sticky. A directory that no layer describes has
    /// `0755`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names that lead to it; a directory counts its own `.` and its children's `..`.
    pub nlink: u32,
    /// Time of last modification. A directory that no layer describes has the epoch.
    pub mtime: Mtime,
    /// The first directory entry that leads to it; `None` for the root.
    pub name: Option<DentryId>,
    /// Length in bytes, of a symbolic link that of its target; 0 for what has none.
    pub size: u64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// What else its record refers to.
    pub(super) refers: Refers,
    /// Where its extended attributes begin, in their section.
    pub(super) xattrs: Option<u32>,
}

/// What a node's record refers to, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refers {
    /// Nothing: a device, a pipe, an empty file.
    Nothing,
    /// A directory's entries: the first and how many.
    Entries(u32, u32),
    /// Where a file's bytes begin in its decoded layer.
    Whole(u64),
    /// The number of a sparse file's first record in the section of extents.
    Sparse(u64),
    /// Where a link's target begins in its section.
    Target(u64),
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
    /// The name, any bytes but `/` and NUL.
    pub name: &'a [u8],
    /// What it leads to.
    pub node: NodeId,
    /// What that is.
    pub kind: Kind,
    /// The directory that it stands in.
    pub parent: NodeId,
    /// The executable that it leads to.
    pub executable: Executable,
}

/// Whether a directory entry leads to an executable, through symbolic links too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executable {
    /// It does not.
    No,
    /// It does: the entry of the file itself.
    At(DentryId),
    /// Nobody has followed it yet: the links of this image lead through more names than are
    /// followed ahead of time.
    Unknown,
}
