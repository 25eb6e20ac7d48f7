//! A tree that is still growing: records as in the file, and the data that they refer to. Nodes that
//! a later layer replaces stay until the end and are then not written.
//!
//! Until then, three fields of a directory's record have another meaning: `size` is the first slot of
//! its list of names, `data` is its parent directory, and `name` is the slot that leads to it.

use super::name_table::NameTable;
use super::node::NodeKind;
use super::record::{EXECUTABLE, NONE, NodeRecord, SPARSE, pair, u32_at};
use crate::inspect::Format;
use crate::layer::{Data, EntryKind, Extent, LayerEntry, Mtime, Xattr};

pub(super) const ROOT: u32 = 0;

/// The nodes and names of a growing tree. A node costs 64 bytes.
pub(super) struct TreeBuilder {
    pub nodes: Vec<NodeRecord>,
    pub names: NameTable,
    /// Targets of symbolic links, one after the other.
    pub targets: Vec<u8>,
    /// As in the file: each sparse file's pieces, after a record with their count and total length.
    pub extents: Vec<[u64; 3]>,
    /// Extended attributes, encoded as in the file.
    pub xattrs: Vec<u8>,
    /// Whether symbolic links are followed to executables when the tree is written.
    pub follow_links: bool,
}

impl TreeBuilder {
    /// Creates a tree with an empty root directory.
    pub(super) fn new() -> Self {
        let mut builder = Self {
            nodes: Vec::new(),
            names: NameTable::new(),
            targets: Vec::new(),
            extents: Vec::new(),
            xattrs: Vec::new(),
            follow_links: true,
        };
        builder.implied(ROOT, 0);
        builder
    }

    /// The memory that the tree uses, in bytes.
    pub(super) fn size(&self) -> u64 {
        let heaps = self.targets.len() + self.xattrs.len();
        let records = size_of_val(&*self.nodes) + size_of_val(&*self.extents);
        self.names.size() + (heaps + records) as u64
    }

    // Nodes.

    fn add(&mut self, record: NodeRecord) -> u32 {
        // Fits: the merger stops long before there are 2^32 nodes.
        let id = self.nodes.len() as u32;
        self.nodes.push(record);
        id
    }

    /// Adds a directory that no entry describes.
    pub(super) fn implied(&mut self, parent: u32, layer: u32) -> u32 {
        self.add(NodeRecord {
            layer,
            entry: NONE,
            kind: NodeKind::Directory,
            flags: 0,
            mode: 0o755,
            uid: 0,
            gid: 0,
            nlink: 0,
            mtime: Mtime::default(),
            name: NONE,
            size: NONE.into(),
            data: parent.into(),
            xattrs: NONE,
        })
    }

    /// Adds a node for an entry that is not a hard link. `parent` is the directory that will hold it.
    pub(super) fn make(&mut self, parent: u32, entry: &LayerEntry, layer: u32, number: u32) -> u32 {
        let (kind, size, data) = match &entry.kind {
            EntryKind::Directory => (NodeKind::Directory, NONE.into(), parent.into()),
            EntryKind::Symlink(target) => {
                let at = self.targets.len() as u64;
                self.targets.extend_from_slice(target);
                (NodeKind::Symlink, target.len() as u64, at)
            }
            EntryKind::CharDevice(major, minor) => (NodeKind::CharDevice, pair(*major, *minor), 0),
            EntryKind::BlockDevice(major, minor) => {
                (NodeKind::BlockDevice, pair(*major, *minor), 0)
            }
            EntryKind::Fifo => (NodeKind::Fifo, 0, 0),
            EntryKind::Regular | EntryKind::HardLink(_) => {
                (NodeKind::Regular, entry.size, self.data(&entry.data))
            }
        };
        let mut flags = 0;
        // A script without execute permission counts as text.
        let counts = |format| format != Format::Script || entry.mode & 0o111 != 0;
        if entry.format.is_some_and(counts) {
            flags |= EXECUTABLE;
        }
        if let Data::Sparse(_) = entry.data {
            flags |= SPARSE;
        }
        let xattrs = self.keep_xattrs(&entry.xattrs);
        self.add(NodeRecord {
            layer,
            entry: number,
            kind,
            flags,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            nlink: 0,
            mtime: entry.mtime,
            name: NONE,
            size,
            data,
            xattrs,
        })
    }

    /// Stores where a file's bytes are, and returns the value of the record's `data` field.
    fn data(&mut self, data: &Data) -> u64 {
        match data {
            Data::None => 0,
            Data::Whole(at) => *at,
            Data::Sparse(extents) => {
                let first = self.extents.len() as u64;
                let stored = extents.iter().map(|e| e.len).sum();
                self.extents.push([extents.len() as u64, stored, 0]);
                let pieces = extents.iter();
                self.extents
                    .extend(pieces.map(|&Extent { offset, len, at }| [offset, len, at]));
                first
            }
        }
    }

    fn keep_xattrs(&mut self, xattrs: &[Xattr]) -> u32 {
        if xattrs.is_empty() {
            return NONE;
        }
        // Fits: the attributes of all layers together take less than 4 GiB.
        let at = self.xattrs.len() as u32;
        let len: usize = xattrs
            .iter()
            .map(|x| 8 + x.name.len() + x.value.len())
            .sum();
        let mut number = |n: usize| self.xattrs.extend_from_slice(&(n as u32).to_le_bytes());
        number(len);
        number(xattrs.len());
        for xattr in xattrs {
            for bytes in [&xattr.name, &xattr.value] {
                let len = bytes.len() as u32;
                self.xattrs.extend_from_slice(&len.to_le_bytes());
            }
            self.xattrs.extend_from_slice(&xattr.name);
            self.xattrs.extend_from_slice(&xattr.value);
        }
        at
    }

    /// Copies a node of another tree into this one, for a name in `parent`. A directory is copied
    /// without its entries.
    pub(super) fn adopt(&mut self, other: &Self, node: u32, parent: u32) -> u32 {
        let Some(record) = other.nodes.get(node as usize) else {
            return self.implied(parent, 0);
        };
        let mut record = *record;
        if record.xattrs != NONE {
            let bytes = other.xattrs_of(&record);
            record.xattrs = self.xattrs.len() as u32;
            self.xattrs.extend_from_slice(bytes);
        }
        match record.kind {
            NodeKind::Directory => {
                record.size = NONE.into();
                record.data = parent.into();
            }
            NodeKind::Symlink => {
                record.data = self.targets.len() as u64;
                self.targets
                    .extend_from_slice(other.target(node).unwrap_or_default());
            }
            NodeKind::Regular if record.flags & SPARSE != 0 => {
                let pieces = other.extents_of(&record);
                record.data = self.extents.len() as u64;
                self.extents.extend_from_slice(pieces);
            }
            _ => {}
        }
        record.name = NONE;
        record.nlink = 0;
        self.add(record)
    }

    /// A sparse file's pieces, preceded by the record that counts them.
    pub(super) fn extents_of(&self, record: &NodeRecord) -> &[[u64; 3]] {
        let run = self.extents.get(record.data as usize..);
        let run = run.unwrap_or_default();
        let count = run.first().map_or(0, |first| first[0] as usize + 1);
        run.get(..count).unwrap_or_default()
    }

    /// The encoded extended attributes of a node that has some.
    pub(super) fn xattrs_of(&self, record: &NodeRecord) -> &[u8] {
        let bytes = self.xattrs.get(record.xattrs as usize..);
        let bytes = bytes.unwrap_or_default();
        bytes
            .get(..8 + u32_at(bytes, 0) as usize)
            .unwrap_or_default()
    }

    /// Applies an entry for a directory that already exists: replaces its attributes and keeps its
    /// names.
    pub(super) fn describe(&mut self, node: u32, entry: &LayerEntry, layer: u32, number: u32) {
        let xattrs = self.keep_xattrs(&entry.xattrs);
        if let Some(node) = self.nodes.get_mut(node as usize) {
            *node = NodeRecord {
                layer,
                entry: number,
                mode: entry.mode,
                uid: entry.uid,
                gid: entry.gid,
                mtime: entry.mtime,
                xattrs,
                ..*node
            };
        }
    }

    pub(super) fn is_directory(&self, node: u32) -> bool {
        let node = self.nodes.get(node as usize);
        node.is_some_and(|n| n.kind == NodeKind::Directory)
    }

    /// The target of a symbolic link.
    pub(super) fn target(&self, node: u32) -> Option<&[u8]> {
        let node = self.nodes.get(node as usize)?;
        if node.kind != NodeKind::Symlink {
            return None;
        }
        // `make` and `adopt` have set both numbers.
        let from = node.data as usize;
        self.targets.get(from..from + node.size as usize)
    }

    /// Whether an entry of the given layer made or described a node.
    pub(super) fn is_of_layer(&self, node: u32, layer: u32) -> bool {
        let node = self.nodes.get(node as usize);
        node.is_some_and(|n| n.layer == layer && n.entry != NONE)
    }

    // Names.

    /// The parent of a directory.
    pub(super) fn parent(&self, dir: u32) -> u32 {
        match self.nodes.get(dir as usize) {
            Some(node) if node.kind == NodeKind::Directory => node.data as u32,
            _ => ROOT,
        }
    }

    /// The first slot of a directory's list of names.
    fn head(&self, dir: u32) -> u32 {
        match self.nodes.get(dir as usize) {
            Some(node) if node.kind == NodeKind::Directory => node.size as u32,
            _ => NONE,
        }
    }

    fn set_head(&mut self, dir: u32, head: u32) {
        if let Some(node) = self.nodes.get_mut(dir as usize)
            && node.kind == NodeKind::Directory
        {
            node.size = head.into();
        }
    }

    /// The node that a name in a directory leads to.
    pub(super) fn child(&self, dir: u32, name: &[u8]) -> Option<u32> {
        let slot = self.names.find(dir, name)?;
        self.names
            .gone(slot)
            .is_none()
            .then(|| self.names.node(slot))
    }

    /// Like [`child`](Self::child), but also finds a name that the given layer's whiteouts removed.
    pub(super) fn child_or_removed(&self, dir: u32, name: &[u8], layer: u32) -> Option<u32> {
        let slot = self.names.find(dir, name)?;
        let there = self.names.gone(slot).is_none_or(|by| by == layer);
        there.then(|| self.names.node(slot))
    }

    /// Makes a name in a directory lead to a node, on behalf of a layer.
    pub(super) fn put(&mut self, dir: u32, name: &[u8], node: u32, layer: u32) {
        let head = self.names.insert(dir, name, node, self.head(dir), layer);
        self.set_head(dir, head);
        if self.is_directory(node)
            && let Some(slot) = self.names.find(dir, name)
            && let Some(node) = self.nodes.get_mut(node as usize)
        {
            node.name = slot;
        }
    }

    /// The slot that leads to a directory, or `None` for the root.
    pub(super) fn name_of(&self, dir: u32) -> Option<u32> {
        let dir = self.nodes.get(dir as usize)?;
        (dir.kind == NodeKind::Directory && dir.name != NONE).then_some(dir.name)
    }

    /// Removes a name if it exists.
    pub(super) fn remove(&mut self, dir: u32, name: &[u8], layer: u32) {
        if let Some(slot) = self.names.find(dir, name) {
            self.names.remove(slot, layer);
        }
    }

    /// Removes all names of a directory.
    pub(super) fn remove_all(&mut self, dir: u32, layer: u32) {
        self.names.remove_all(self.head(dir), layer);
        self.set_head(dir, NONE);
    }

    /// The slots of a directory's names, unordered.
    pub(super) fn slots(&self, dir: u32) -> impl Iterator<Item = u32> {
        self.names.list(self.head(dir))
    }
}
