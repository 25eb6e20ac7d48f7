//! Nodes and directory entries, linked by number.

/// Number of a node in its tree; stable for the same layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Number of a directory entry in its tree; stable for the same layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DentryId(pub u32);

/// An inode: a thing that one or several names lead to.
#[derive(Debug)]
pub struct Node {
    /// The layer that brought it: for a directory the last one that described it.
    pub layer: u32,
    /// Where its attributes stand.
    pub origin: Origin,
    /// What it is.
    pub kind: Kind,
    /// Names that lead to it; a directory counts its own `.` and its children's `..`. 0 for what
    /// no name leads to any more.
    pub nlink: u32,
}

/// Where a node's attributes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In this entry of its layer.
    Entry(u32),
    /// Nowhere: a directory that had to exist for what is below it.
    Implied,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory {
        /// The first of its entries.
        first: DentryId,
        /// How many entries it has.
        count: u32,
        /// The directory that holds it.
        parent: NodeId,
        /// The entry that leads to it; `None` for the root.
        name: Option<DentryId>,
    },
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
#[derive(Debug)]
pub struct Dentry {
    /// The name, any bytes but `/` and NUL.
    pub name: Box<[u8]>,
    /// What it leads to.
    pub node: NodeId,
    /// The directory that it stands in.
    pub parent: NodeId,
}
