//! One entry of a layer, as the tar stream has it.

use serde::{Deserialize, Serialize};

use crate::inspect::Format;

/// One entry of a layer: a file, a directory, a whiteout… under its tar name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path as written, not cleaned: it may be absolute, or climb with `..`.
    #[serde(with = "serde_bytes")]
    pub path: Box<[u8]>,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with setuid, setgid and sticky (`07777`).
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of last modification.
    pub mtime: Mtime,
    /// Length in bytes, holes included. 0 for all but regular files.
    pub size: u64,
    /// Extended attributes, in the order of the archive.
    pub xattrs: Vec<Xattr>,
    /// Where the bytes of a regular file lie.
    pub data: Data,
    /// The format of the file, if it is an executable. Its facts are in the index.
    pub format: Option<Format>,
}

/// The types of tar entries that make something in a file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link and its target, as written.
    Symlink(#[serde(with = "serde_bytes")] Box<[u8]>),
    /// Another name for the file at this path of the archive.
    HardLink(#[serde(with = "serde_bytes")] Box<[u8]>),
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// A time: seconds since the epoch, negative before it, and nanoseconds after that second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mtime {
    /// Seconds since 1970-01-01 UTC.
    pub sec: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nsec: u32,
}

/// An extended attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Xattr {
    /// Name with its namespace: `security.capability`.
    #[serde(with = "serde_bytes")]
    pub name: Box<[u8]>,
    /// Value, which may be empty or hold any byte.
    #[serde(with = "serde_bytes")]
    pub value: Box<[u8]>,
}

/// Where the bytes of a file lie in the decoded layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Data {
    /// Nowhere: not a regular file, or an empty one.
    #[default]
    None,
    /// In one piece, from this offset on.
    Whole(u64),
    /// In pieces with holes between them, in order.
    Sparse(Box<[Extent]>),
}

/// One piece of a sparse file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// Offset in the decoded layer, in bytes.
    pub at: u64,
}

impl Entry {
    /// Bytes that are stored, holes left out.
    pub fn stored_size(&self) -> u64 {
        match &self.data {
            Data::None => 0,
            Data::Whole(_) => self.size,
            Data::Sparse(extents) => extents.iter().map(|e| e.len).sum(),
        }
    }
}
