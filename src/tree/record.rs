//! The format of the tree's file: its sections and the records in them. All numbers are
//! little-endian. `docs/index-format.md` describes the same format in prose.
//!
//! | section | contents |
//! |---|---|
//! | [`META`] | one [`Meta`], 32 bytes |
//! | [`NODES`] | a [`NodeRecord`] of 64 bytes for each node, the root first |
//! | [`DENTRIES`] | a [`DentryRecord`] of 20 bytes for each directory entry; the entries of one directory are one run, sorted by name; a run follows the entry that leads to its directory |
//! | [`NAMES`] | the names, one after the other |
//! | [`TARGETS`] | the targets of symbolic links, one after the other |
//! | [`EXTENTS`] | records of three u64: for each sparse file, one with the number of its pieces, their total length, and 0; then the pieces: offset in the file, length, offset in the layer |
//! | [`XATTRS`] | for each node with attributes: u32 length of all bytes after these two numbers, u32 count; for each attribute u32 length of the name, u32 length of the value, name, value |
//! | [`PROBLEMS`] | the problems of the layers and of merging, in postcard's encoding |
//! | [`HIDDEN`] | only in a tree of hidden names: for each hidden name, in the order of entries, u32 number of its entry, u32 the layer that added it, u32 the layer that hid it, u32 how: 0 by a whiteout, 1 by an opaque marker, 2 replaced |
//!
//! Here, a record with an invalid number parses as `None`; [`Tree`](super::Tree) then marks the file
//! damaged.

use std::sync::LazyLock;

use serde::Deserialize;

use super::node::{DentryId, Executable, Node, NodeData, NodeId, NodeKind};
use crate::cache::{Schema, SchemaBuilder};
use crate::layer::{LayerProblem, Mtime};

pub(super) const META: u32 = 1;
pub(super) const NODES: u32 = 2;
pub(super) const DENTRIES: u32 = 3;
pub(super) const NAMES: u32 = 4;
pub(super) const TARGETS: u32 = 5;
pub(super) const EXTENTS: u32 = 6;
pub(super) const XATTRS: u32 = 7;
pub(super) const PROBLEMS: u32 = 8;
pub(super) const HIDDEN: u32 = 9;

pub(super) const META_LEN: usize = 32;
pub(super) const NODE_LEN: usize = 64;
pub(super) const DENTRY_LEN: usize = 20;
pub(super) const EXTENT_LEN: usize = 24;
pub(super) const HIDDEN_LEN: usize = 16;

/// What the sections hold. The records derive `Deserialize` only to describe their fields here. The revision
/// is increased if a record changes without its fields, or the rules of merging change.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    SchemaBuilder::new(1)
        .stores::<Meta>("counts")
        .stores::<NodeRecord>("nodes")
        .stores::<DentryRecord>("entries")
        .stores::<Vec<LayerProblem>>("problems")
        .build()
});

/// Stands for the absence of a number.
pub(super) const NONE: u32 = u32::MAX;
/// In a directory entry: the executable that it leads to was not determined.
const UNKNOWN: u32 = u32::MAX - 1;

/// Flags of a node.
pub(super) const EXECUTABLE: u8 = 1;
pub(super) const SPARSE: u8 = 2;
const FLAGS: u8 = EXECUTABLE | SPARSE;

/// The bytes of a record at an offset. Zeros if out of bounds, which no caller requests.
fn at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let found = bytes.get(offset..).and_then(|rest| rest.first_chunk());
    found.copied().unwrap_or([0; N])
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(at(bytes, offset))
}

pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(at(bytes, offset))
}

/// Concatenates numbers.
struct RecordWriter<const N: usize>([u8; N], usize);

impl<const N: usize> RecordWriter<N> {
    fn new() -> Self {
        Self([0; N], 0)
    }

    fn put<const M: usize>(mut self, bytes: [u8; M]) -> Self {
        if let Some(place) = self.0.get_mut(self.1..self.1 + M) {
            place.copy_from_slice(&bytes);
        }
        self.1 += M;
        self
    }
}

/// The counts of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Meta {
    /// Offset 0: the number of nodes.
    pub nodes: u32,
    /// 4: the number of directory entries.
    pub dentries: u32,
    /// 8: the number of merged layers.
    pub layers: u32,
    /// 16: the sum of all file lengths in blocks, each length rounded up.
    pub blocks: u64,
}

impl Meta {
    pub(super) fn bytes(&self) -> [u8; META_LEN] {
        RecordWriter::new()
            .put(self.nodes.to_le_bytes())
            .put(self.dentries.to_le_bytes())
            .put(self.layers.to_le_bytes())
            .put([0; 4])
            .put(self.blocks.to_le_bytes())
            .0
    }

    pub(super) fn parse(bytes: &[u8; META_LEN]) -> Self {
        Self {
            nodes: u32_at(bytes, 0),
            dentries: u32_at(bytes, 4),
            layers: u32_at(bytes, 8),
            blocks: u64_at(bytes, 16),
        }
    }
}

/// A node as in the file. Also used while the tree is growing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct NodeRecord {
    /// Offset 0: the layer that it comes from.
    pub layer: u32,
    /// 4: the number of its entry in that layer; [`NONE`] if no entry describes it.
    pub entry: u32,
    /// 8: 0 directory, 1 regular file, 2 symbolic link, 3 character device, 4 block device,
    /// 5 named pipe.
    pub kind: NodeKind,
    /// 9: flags: [`EXECUTABLE`], [`SPARSE`].
    pub flags: u8,
    /// 10: the permission bits.
    pub mode: u16,
    /// 12, 16: the owner and group.
    pub uid: u32,
    pub gid: u32,
    /// 20: the number of names that lead to it.
    pub nlink: u32,
    /// 24, 32: the time of last modification: i64 seconds, u32 nanoseconds.
    pub mtime: Mtime,
    /// 36: the first entry that leads to it; [`NONE`] for the root.
    pub name: u32,
    /// 40: for a file or link, its length; for a device, its major and minor number; for a directory,
    /// its first entry and the number of its entries.
    pub size: u64,
    /// 48: for a file, the offset of its bytes in the layer, or the number of its first record in
    /// [`EXTENTS`] if it is sparse; for a link, the offset of its target in [`TARGETS`].
    pub data: u64,
    /// 56: the offset of its attributes in [`XATTRS`]; [`NONE`] if it has none. 60: zeros.
    pub xattrs: u32,
}

/// Packs two numbers into the `size` field, the first in the lower half.
pub(super) fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) | u64::from(second) << 32
}

/// The two numbers of a [`pair`].
pub(super) fn unpair(pair: u64) -> (u32, u32) {
    // Truncation is intended.
    (pair as u32, (pair >> 32) as u32)
}

fn kind_number(kind: NodeKind) -> u8 {
    match kind {
        NodeKind::Directory => 0,
        NodeKind::Regular => 1,
        NodeKind::Symlink => 2,
        NodeKind::CharDevice => 3,
        NodeKind::BlockDevice => 4,
        NodeKind::Fifo => 5,
    }
}

fn kind_of(number: u8) -> Option<NodeKind> {
    Some(match number {
        0 => NodeKind::Directory,
        1 => NodeKind::Regular,
        2 => NodeKind::Symlink,
        3 => NodeKind::CharDevice,
        4 => NodeKind::BlockDevice,
        5 => NodeKind::Fifo,
        _ => return None,
    })
}

impl NodeRecord {
    pub(super) fn bytes(&self) -> [u8; NODE_LEN] {
        RecordWriter::new()
            .put(self.layer.to_le_bytes())
            .put(self.entry.to_le_bytes())
            .put([kind_number(self.kind), self.flags])
            .put(self.mode.to_le_bytes())
            .put(self.uid.to_le_bytes())
            .put(self.gid.to_le_bytes())
            .put(self.nlink.to_le_bytes())
            .put(self.mtime.sec.to_le_bytes())
            .put(self.mtime.nsec.to_le_bytes())
            .put(self.name.to_le_bytes())
            .put(self.size.to_le_bytes())
            .put(self.data.to_le_bytes())
            .put(self.xattrs.to_le_bytes())
            .0
    }

    fn parse(bytes: &[u8; NODE_LEN]) -> Option<Self> {
        let [kind, flags] = at(bytes, 8);
        Some(Self {
            layer: u32_at(bytes, 0),
            entry: u32_at(bytes, 4),
            kind: kind_of(kind)?,
            flags,
            mode: u16::from_le_bytes(at(bytes, 10)),
            uid: u32_at(bytes, 12),
            gid: u32_at(bytes, 16),
            nlink: u32_at(bytes, 20),
            mtime: Mtime {
                sec: i64::from_le_bytes(at(bytes, 24)),
                nsec: u32_at(bytes, 32),
            },
            name: u32_at(bytes, 36),
            size: u64_at(bytes, 40),
            data: u64_at(bytes, 48),
            xattrs: u32_at(bytes, 56),
        })
    }
}

impl Node {
    /// Parses a record. Offsets into sections are checked when they are used.
    pub(super) fn parse(bytes: &[u8; NODE_LEN], id: NodeId, meta: &Meta) -> Option<Self> {
        let r = NodeRecord::parse(bytes)?;
        let is_root = id.0 == 0;
        if r.layer >= meta.layers.max(1)
            || r.flags & !FLAGS != 0
            || r.mode > 0o7777
            || r.mtime.nsec >= 1_000_000_000
            || is_root != (r.name == NONE)
            || (!is_root && r.name >= meta.dentries)
        {
            return None;
        }
        let name = (!is_root).then_some(DentryId(r.name));
        let data = match r.kind {
            NodeKind::Directory => {
                let (first, count) = unpair(r.size);
                // The entry of a directory must precede the entries in it. So no path is circular.
                let after = name.is_none_or(|name| count == 0 || first > name.0);
                if !after
                    || first
                        .checked_add(count)
                        .is_none_or(|end| end > meta.dentries)
                {
                    return None;
                }
                NodeData::Entries(first, count)
            }
            NodeKind::Regular if r.size > i64::MAX as u64 => return None,
            NodeKind::Regular if r.flags & SPARSE != 0 => NodeData::Sparse(r.data),
            NodeKind::Regular if r.size > 0 => NodeData::Whole(r.data),
            NodeKind::Symlink => NodeData::Target(r.data),
            _ => NodeData::Nothing,
        };
        Some(Self {
            layer: r.layer,
            entry: (r.entry != NONE).then_some(r.entry),
            kind: r.kind,
            executable: r.flags & EXECUTABLE != 0,
            mode: r.mode,
            uid: r.uid,
            gid: r.gid,
            nlink: r.nlink,
            mtime: r.mtime,
            name,
            size: match r.kind {
                NodeKind::Regular | NodeKind::Symlink => r.size,
                _ => 0,
            },
            device: match r.kind {
                NodeKind::CharDevice | NodeKind::BlockDevice => unpair(r.size),
                _ => (0, 0),
            },
            data,
            xattrs: (r.xattrs != NONE).then_some(r.xattrs),
        })
    }
}

/// A directory entry as in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct DentryRecord {
    /// Offset 0: where the name begins in [`NAMES`].
    pub at: u32,
    /// 4: the node that it leads to.
    pub node: NodeId,
    /// 8: the directory that holds it.
    pub parent: NodeId,
    /// 12: the entry of the executable that it leads to; 0xffffffff for none, 0xfffffffe if that was
    /// not determined.
    pub executable: Executable,
    /// 16: the name's length, at most 255.
    pub len: u8,
    /// 17: the kind of the node, as in the node's record. 18: zeros.
    pub kind: NodeKind,
}

impl DentryRecord {
    pub(super) fn bytes(&self) -> [u8; DENTRY_LEN] {
        let executable = match self.executable {
            Executable::No => NONE,
            Executable::Unknown => UNKNOWN,
            Executable::At(id) => id.0,
        };
        RecordWriter::new()
            .put(self.at.to_le_bytes())
            .put(self.node.0.to_le_bytes())
            .put(self.parent.0.to_le_bytes())
            .put(executable.to_le_bytes())
            .put([self.len, kind_number(self.kind)])
            .0
    }

    pub(super) fn parse(bytes: &[u8; DENTRY_LEN], meta: &Meta) -> Option<Self> {
        let [len, kind] = at(bytes, 16);
        let (node, parent) = (u32_at(bytes, 4), u32_at(bytes, 8));
        let executable = match u32_at(bytes, 12) {
            NONE => Executable::No,
            UNKNOWN => Executable::Unknown,
            id if id < meta.dentries => Executable::At(DentryId(id)),
            _ => return None,
        };
        if node >= meta.nodes || parent >= meta.nodes || len == 0 {
            return None;
        }
        Some(Self {
            at: u32_at(bytes, 0),
            node: NodeId(node),
            parent: NodeId(parent),
            executable,
            len,
            kind: kind_of(kind)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back() {
        let meta = Meta {
            nodes: 10,
            dentries: 20,
            layers: 3,
            blocks: 1 << 40,
        };
        assert_eq!(Meta::parse(&meta.bytes()), meta);
        let record = NodeRecord {
            layer: 2,
            entry: 0x0102_0304,
            kind: NodeKind::BlockDevice,
            flags: 0,
            mode: 0o4755,
            uid: 1,
            gid: 2,
            nlink: 3,
            mtime: Mtime { sec: -5, nsec: 7 },
            name: 19,
            size: pair(8, 9),
            data: 0x1122_3344_5566_7788,
            xattrs: NONE,
        };
        assert_eq!(NodeRecord::parse(&record.bytes()), Some(record));
        let node = Node::parse(&record.bytes(), NodeId(1), &meta).unwrap();
        assert_eq!((node.device, node.size), ((8, 9), 0));
        let name = DentryRecord {
            at: 77,
            node: NodeId(9),
            parent: NodeId(0),
            executable: Executable::At(DentryId(19)),
            len: 255,
            kind: NodeKind::Symlink,
        };
        assert_eq!(DentryRecord::parse(&name.bytes(), &meta), Some(name));
    }

    #[test]
    fn nonsense_is_refused() {
        let meta = Meta {
            nodes: 4,
            dentries: 4,
            layers: 1,
            blocks: 0,
        };
        let good = NodeRecord {
            layer: 0,
            entry: 0,
            kind: NodeKind::Directory,
            flags: 0,
            mode: 0o755,
            uid: 0,
            gid: 0,
            nlink: 2,
            mtime: Mtime::default(),
            name: 1,
            size: pair(2, 2),
            data: 0,
            xattrs: NONE,
        };
        let parse = |r: NodeRecord| Node::parse(&r.bytes(), NodeId(1), &meta);
        assert!(parse(good).is_some());
        for bad in [
            NodeRecord { layer: 1, ..good },
            NodeRecord { flags: 4, ..good },
            NodeRecord {
                mode: 0o10000,
                ..good
            },
            NodeRecord { name: 4, ..good },
            NodeRecord { name: NONE, ..good },
            NodeRecord {
                size: pair(1, 1),
                ..good
            },
            NodeRecord {
                size: pair(2, 3),
                ..good
            },
            NodeRecord {
                size: pair(2, u32::MAX),
                ..good
            },
            NodeRecord {
                kind: NodeKind::Regular,
                size: 1 << 63,
                ..good
            },
        ] {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
    }
}
