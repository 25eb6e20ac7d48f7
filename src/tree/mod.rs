//! The merged tree: the immutable file system that results from all layers of an image. Each node
//! records the layer that it comes from.
//!
//! [`Merger`] applies layers by the rules of the OCI image-spec (layer.md) and writes the result.
//! [`Tree`] reads it. Between the two is a cache file that is mapped into memory. It holds nodes
//! (inodes) and directory entries as two arrays of records that refer to each other by number. The
//! entries of a directory are one sorted run. So a tree is opened without reading it, and parts that
//! are never accessed take no memory. This module does not know where the file is or whether it has
//! a name.
//!
//! Data from the file is checked when it is used. Invalid data is treated as absent and marks the
//! file damaged ([`Tree::is_damaged`]).

mod builder;
mod hidden;
mod merge;
mod name_table;
mod node;
mod path;
mod record;
mod removed;
mod resolve;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::ops::Range;
use std::sync::Arc;

pub(crate) use hidden::HiddenEntry;
pub use hidden::RemovalKind;
pub use merge::Merger;
pub use node::NodeKind;
pub(crate) use node::{Dentry, DentryId, Executable, Node, NodeId};
pub(crate) use path::{clean_into, components};
pub(crate) use record::SCHEMA;
pub(crate) use removed::{RemovalIndex, Removals, Removed};

use crate::cache::{CacheFile, Part};
use crate::layer::{Extent, LayerProblem};
use node::NodeData;
use record::{
    DENTRY_LEN, DentryRecord, EXTENT_LEN, HIDDEN_LEN, META_LEN, Meta, NODE_LEN, u32_at, u64_at,
};
use resolve::{TreeAccess, resolve};

/// Size of the blocks that [`Tree::blocks`] counts, in bytes.
pub(crate) const BLOCK: u32 = 4096;

/// Why layers cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The layers describe more files or data than any real image.
    #[error(
        "all layers together describe more than {} million files, or more than {} GiB of names and \
         attributes; no real image does",
        merge::MAX_ENTRIES >> 20,
        merge::MAX_SIZE >> 30
    )]
    TooMuch,
    /// The stored index of a layer cannot be read.
    #[error("the index of a layer is damaged: {0}; run imgfs cache verify")]
    Layer(#[source] io::Error),
    /// The merged tree cannot be written.
    #[error(
        "the merged tree cannot be written: {0}; free some space, or name another directory with \
         --cache-dir or TMPDIR"
    )]
    Io(#[from] io::Error),
}

/// The merged tree of an image.
#[derive(Debug)]
pub struct Tree {
    meta: Meta,
    nodes: Part,
    dentries: Part,
    names: Part,
    targets: Part,
    extents: Part,
    xattrs: Part,
    problems: Part,
    hidden: Part,
}

impl Tree {
    /// The root directory.
    pub const ROOT: NodeId = NodeId(0);

    /// Opens the tree in a cache file.
    ///
    /// # Errors
    /// Returns an error if the file does not hold a tree.
    pub fn open(file: &Arc<CacheFile>) -> io::Result<Self> {
        let part = |id| file.part(id);
        let meta = part(record::META);
        let tree = Self {
            meta: meta.record(0).map(Meta::parse).unwrap_or_default(),
            nodes: part(record::NODES),
            dentries: part(record::DENTRIES),
            names: part(record::NAMES),
            targets: part(record::TARGETS),
            extents: part(record::EXTENTS),
            xattrs: part(record::XATTRS),
            problems: part(record::PROBLEMS),
            hidden: part(record::HIDDEN),
        };
        let nodes = u64::from(tree.meta.nodes) * NODE_LEN as u64;
        let dentries = u64::from(tree.meta.dentries) * DENTRY_LEN as u64;
        let whole = meta.len() == META_LEN as u64
            && tree.nodes.len() == nodes
            && tree.dentries.len() == dentries
            && tree.kind(Self::ROOT) == Some(NodeKind::Directory);
        if !whole || tree.is_damaged() {
            let what = "it does not contain a tree";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(tree)
    }

    /// Returns whether the file was found damaged, but only once: later calls return false.
    pub fn report_damage_once(&self) -> bool {
        self.file().report_damage_once()
    }

    /// Returns whether the file was found damaged. Check this after other calls and before you trust
    /// their results.
    pub fn is_damaged(&self) -> bool {
        self.nodes.file().is_damaged()
    }

    /// The file that holds the tree.
    pub fn file(&self) -> &Arc<CacheFile> {
        self.nodes.file()
    }

    /// Returns `parsed`. Marks the file damaged if it is `None`.
    fn sane<T>(&self, parsed: Option<T>) -> Option<T> {
        if parsed.is_none() {
            self.file().set_damaged();
        }
        parsed
    }

    /// The number of layers that were merged.
    pub fn layers(&self) -> u32 {
        self.meta.layers
    }

    /// The sum of all file lengths in blocks of `BLOCK` bytes, each length rounded up.
    pub fn blocks(&self) -> u64 {
        self.meta.blocks
    }

    /// The problems found in the layers' entries, followed by those found while merging.
    pub fn problems(&self) -> Vec<LayerProblem> {
        let bytes = self.problems.get(0, self.problems.len());
        self.sane(postcard::from_bytes(bytes).ok())
            .unwrap_or_default()
    }

    /// The hidden names, if this is a tree of hidden names ([`Merger::finish_hidden`]). Empty for any
    /// other tree.
    pub fn hidden(&self) -> impl Iterator<Item = HiddenEntry> {
        let numbers = 0..self.hidden.records::<HIDDEN_LEN>();
        numbers.map_while(|number| self.hidden_at(number))
    }

    /// How a name of a tree of hidden names was removed. Returns `None` if the name itself is not hidden
    /// and only leads to a hidden name.
    pub fn hidden_entry(&self, id: DentryId) -> Option<HiddenEntry> {
        let entry = |number| {
            let record = self.hidden.record::<HIDDEN_LEN>(number)?;
            Some(u32_at(record, 0))
        };
        let (mut low, mut high) = (0, self.hidden.records::<HIDDEN_LEN>());
        while low < high {
            let middle = low + (high - low) / 2;
            match entry(middle)? < id.0 {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        self.hidden_at(low).filter(|taken| taken.name == id)
    }

    fn hidden_at(&self, number: u64) -> Option<HiddenEntry> {
        let record = self.hidden.record::<HIDDEN_LEN>(number)?;
        let [entry, layer, by, how] = [0, 4, 8, 12].map(|field| u32_at(record, field));
        let sane = entry < self.meta.dentries && layer < by && by < self.meta.layers;
        let how = RemovalKind::of(how).filter(|_| sane);
        Some(HiddenEntry {
            name: DentryId(entry),
            layer,
            by,
            how: self.sane(how)?,
        })
    }

    // Nodes.

    /// The numbers of all nodes.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeId> {
        Numbers(0..self.meta.nodes, NodeId)
    }

    /// The node with a number, or `None` if there is none.
    pub fn node(&self, id: NodeId) -> Option<Node> {
        let record = self.nodes.record(id.0.into())?;
        self.sane(Node::parse(record, id, &self.meta))
    }

    fn kind(&self, id: NodeId) -> Option<NodeKind> {
        self.node(id).map(|node| node.kind)
    }

    /// The target of a symbolic link.
    pub fn target(&self, id: NodeId) -> Option<&[u8]> {
        let node = self.node(id)?;
        let NodeData::Target(at) = node.data else {
            return None;
        };
        Some(self.targets.get(at, node.size))
    }

    /// The extended attributes of a node, in the order of the archive.
    pub fn xattrs(&self, node: &Node) -> Vec<Xattr<'_>> {
        let Some(at) = node.xattrs.map(u64::from) else {
            return Vec::new();
        };
        let head = self.xattrs.get(at, 8);
        let bytes = self.xattrs.get(at + 8, u32_at(head, 0).into());
        self.sane(xattrs(bytes, u32_at(head, 4)))
            .unwrap_or_default()
    }

    /// Where the bytes of a regular file are stored.
    pub fn data(&self, node: &Node) -> Data<'_> {
        match node.data {
            NodeData::Whole(at) => Data::Whole(at),
            NodeData::Sparse(first) => Data::Sparse(self.extents(first)),
            _ => Data::None,
        }
    }

    /// The number of bytes of a file that are stored, which excludes holes.
    pub fn stored_size(&self, node: &Node) -> u64 {
        match self.data(node) {
            Data::None => 0,
            Data::Whole(_) => node.size,
            Data::Sparse(extents) => extents.stored,
        }
    }

    fn extents(&self, first: u64) -> Extents<'_> {
        let head = self.extents.record::<EXTENT_LEN>(first);
        let (count, stored) = head.map_or((0, 0), |head| (u64_at(head, 0), u64_at(head, 8)));
        let all = self.extents.records::<EXTENT_LEN>();
        // The pieces follow the record that counts them.
        let inside = head.is_some() && count < all - first.min(all);
        self.sane(inside.then_some(()));
        Extents {
            tree: self,
            first: first.saturating_add(1),
            count: if inside { count } else { 0 },
            stored,
        }
    }

    // Names.

    /// The numbers of all directory entries.
    pub fn dentries(&self) -> impl ExactSizeIterator<Item = DentryId> {
        Numbers(0..self.meta.dentries, DentryId)
    }

    /// The directory entry with a number.
    pub fn dentry(&self, id: DentryId) -> Option<Dentry<'_>> {
        let record = self.dentries.record(id.0.into())?;
        let found = self.sane(DentryRecord::parse(record, &self.meta))?;
        Some(Dentry {
            name: self.names.get(found.at.into(), found.len.into()),
            node: found.node,
            kind: found.kind,
            parent: found.parent,
            executable: found.executable,
        })
    }

    /// The entries of a directory in byte order. Empty for other nodes.
    pub fn children(&self, id: NodeId) -> impl ExactSizeIterator<Item = DentryId> {
        Numbers(self.run(id), DentryId)
    }

    fn run(&self, dir: NodeId) -> Range<u32> {
        match self.node(dir).map(|node| node.data) {
            // The sum is checked when the record is read.
            Some(NodeData::Entries(first, count)) => first..first.saturating_add(count),
            _ => 0..0,
        }
    }

    /// The entry of a directory with the given name.
    pub fn lookup(&self, dir: NodeId, name: &[u8]) -> Option<(DentryId, Dentry<'_>)> {
        let mut run = self.run(dir);
        while !run.is_empty() {
            let middle = DentryId(run.start + (run.end - run.start) / 2);
            let dentry = self.dentry(middle)?;
            match dentry.name.cmp(name) {
                std::cmp::Ordering::Equal => return Some((middle, dentry)),
                std::cmp::Ordering::Less => run.start = middle.0 + 1,
                std::cmp::Ordering::Greater => run.end = middle.0,
            }
        }
        None
    }

    /// The parent of a directory. The root is its own parent.
    pub fn parent(&self, dir: NodeId) -> NodeId {
        let node = self
            .node(dir)
            .filter(|node| node.kind == NodeKind::Directory);
        let name = node.and_then(|node| self.dentry(node.name?));
        name.map_or(Self::ROOT, |name| name.parent)
    }

    /// The path of a directory entry, from the root, with a leading slash.
    pub fn path(&self, id: DentryId) -> Vec<u8> {
        let mut names: Vec<&[u8]> = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at {
            let Some(dentry) = self.dentry(id) else {
                break;
            };
            names.push(dentry.name);
            at = self.node(dentry.parent).and_then(|node| node.name);
            // The entry of a directory precedes the entries in it, so this loop ends.
            if at.is_some_and(|above| above >= id) {
                self.sane(None::<()>);
                break;
            }
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        path
    }

    /// Resolves a path as the kernel would with this tree as the root: `..` and absolute links stay
    /// inside. The last component is followed too if it is a symbolic link.
    pub fn resolve(&self, from: NodeId, path: &[u8]) -> Option<(Option<DentryId>, NodeId)> {
        // No budget is needed: the length of a single walk is bounded anyway.
        let (name, node) = resolve(self, from.0, path, &mut u64::MAX.clone())??;
        Some((name.map(DentryId), NodeId(node)))
    }

    /// The entry of the executable that an entry leads to, directly or through symbolic links.
    pub fn executable(&self, id: DentryId) -> Option<DentryId> {
        let dentry = self.dentry(id)?;
        match dentry.executable {
            Executable::No => None,
            Executable::At(found) => Some(found),
            Executable::Unknown => {
                let target = self.target(dentry.node)?;
                let (found, node) = self.resolve(dentry.parent, target)?;
                found.filter(|_| self.node(node).is_some_and(|node| node.executable))
            }
        }
    }
}

impl TreeAccess for Tree {
    fn root(&self) -> u32 {
        Self::ROOT.0
    }

    fn is_directory(&self, node: u32) -> bool {
        self.kind(NodeId(node)) == Some(NodeKind::Directory)
    }

    fn parent(&self, dir: u32) -> u32 {
        Self::parent(self, NodeId(dir)).0
    }

    fn find(&self, dir: u32, name: &[u8]) -> Option<(u32, u32)> {
        let (id, dentry) = self.lookup(NodeId(dir), name)?;
        Some((id.0, dentry.node.0))
    }

    fn target(&self, node: u32) -> Option<&[u8]> {
        Self::target(self, NodeId(node))
    }
}

/// A range of numbers as an iterator of ids.
struct Numbers<T>(Range<u32>, fn(u32) -> T);

impl<T> Iterator for Numbers<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.next().map(self.1)
    }

    fn nth(&mut self, n: usize) -> Option<T> {
        self.0.nth(n).map(self.1)
    }

    fn count(self) -> usize {
        self.0.count()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> ExactSizeIterator for Numbers<T> {}

/// An extended attribute of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xattr<'a> {
    /// The name, including its namespace.
    pub name: &'a [u8],
    /// The value. It may be empty and may contain any byte.
    pub value: &'a [u8],
}

/// Decodes attributes. Returns `None` if the lengths are inconsistent.
fn xattrs(mut bytes: &[u8], count: u32) -> Option<Vec<Xattr<'_>>> {
    let mut xattrs = Vec::new();
    for _ in 0..count {
        let (head, rest) = bytes.split_at_checked(8)?;
        let (name, rest) = rest.split_at_checked(u32_at(head, 0) as usize)?;
        let (value, rest) = rest.split_at_checked(u32_at(head, 4) as usize)?;
        xattrs.push(Xattr { name, value });
        bytes = rest;
    }
    bytes.is_empty().then_some(xattrs)
}

/// Where the bytes of a file are in its decoded layer.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// The file is empty, or the node is not a regular file.
    None,
    /// In one piece, from this offset.
    Whole(u64),
    /// In pieces with holes between them.
    Sparse(Extents<'a>),
}

/// The pieces of a sparse file, in order.
#[derive(Clone, Copy, Debug)]
pub struct Extents<'a> {
    tree: &'a Tree,
    first: u64,
    count: u64,
    stored: u64,
}

impl<'a> Extents<'a> {
    fn get(&self, index: u64) -> Option<Extent> {
        if index >= self.count {
            return None;
        }
        let record = self
            .tree
            .extents
            .record::<EXTENT_LEN>(self.first.checked_add(index)?);
        let parsed = record.and_then(|record| {
            let [offset, len, at] = [0, 8, 16].map(|field| u64_at(record, field));
            let sane =
                len > 0 && offset.checked_add(len).is_some() && at.checked_add(len).is_some();
            sane.then_some(Extent { offset, len, at })
        });
        self.tree.sane(parsed)
    }

    /// The pieces with bytes at or after `offset`. Ends at a piece that overlaps its predecessor, and
    /// marks the file damaged.
    pub fn from(self, offset: u64) -> impl Iterator<Item = Extent> + 'a {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle) {
                Some(e) if e.offset + e.len <= offset => low = middle + 1,
                _ => high = middle,
            }
        }
        let mut end = 0;
        (low..self.count).map_while(move |index| {
            let extent = self.get(index)?;
            let sane = extent.offset >= end;
            end = extent.offset + extent.len;
            self.tree.sane(sane.then_some(extent))
        })
    }
}
