//! One entry of a layer, as recorded in the tar stream.

use serde::{Deserialize, Serialize};

use crate::inspect::Format;

/// One entry of a layer (a file, a directory, a whiteout, …) under its tar name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerEntry {
    /// Path as written in the archive, not normalized: it may be absolute or contain `..`.
    #[serde(with = "serde_bytes")]
    pub path: Box<[u8]>,
    /// Type of the entry.
    pub kind: EntryKind,
    /// Permission bits with setuid, setgid and sticky (`07777`).
    pub mode: u16,
    /// User id of the owner.
    pub uid: u32,
    /// Group id of the owner.
    pub gid: u32,
    /// Time of last modification.
    pub mtime: Mtime,
    /// Length in bytes, including holes. 0 for everything but regular files.
    pub size: u64,
    /// Extended attributes, in archive order.
    pub xattrs: Vec<Xattr>,
    /// Location of a regular file's data.
    pub data: Data,
    /// The executable format of the file, if it is an executable. Its facts are in the index.
    pub format: Option<Format>,
}

/// The types of tar entries that create something in a file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link, with its target as written.
    Symlink(#[serde(with = "serde_bytes")] Box<[u8]>),
    /// A hard link: another name for the file at this path of the archive.
    HardLink(#[serde(with = "serde_bytes")] Box<[u8]>),
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// A timestamp: seconds since the epoch (negative before it) plus nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mtime {
    /// Seconds since 1970-01-01 UTC.
    pub sec: i64,
    /// Nanoseconds after that second, below 1,000,000,000.
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

/// The location of a file's data in the decoded layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Data {
    /// No data: not a regular file, or an empty one.
    #[default]
    None,
    /// Contiguous data that starts at this offset.
    Whole(u64),
    /// Pieces with holes between them, in order.
    Sparse(Box<[Extent]>),
}

/// One stored piece of a sparse file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// Offset in the decoded layer, in bytes.
    pub at: u64,
}

impl LayerEntry {
    /// Returns the number of bytes stored in the layer, without holes.
    pub fn stored_size(&self) -> u64 {
        match &self.data {
            Data::None => 0,
            Data::Whole(_) => self.size,
            Data::Sparse(extents) => extents.iter().map(|e| e.len).sum(),
        }
    }
}
