//! The tree is what all layers together show: one file system, immutable, each node with the layer
//! that brought it.
//!
//! [`Merger`] applies layers by the rules of the OCI image-spec (layer.md) and writes the result;
//! [`Tree`] reads it. Between the two is a file of the cache, mapped into memory: nodes (inodes) and
//! directory entries in two rows of records that point into each other by number, every directory's
//! entries in one sorted run. So a tree is opened without reading it, and what nobody looks at takes
//! no memory. Where the file is, and whether it has a name, this room does not know.
//!
//! What is read from the file is checked when it is used. What makes no sense reads as if it were
//! not there, and marks the file damaged ([`Tree::is_damaged`]).

mod freeze;
mod grow;
mod hidden;
mod merge;
mod names;
mod node;
mod path;
mod record;
mod removed;
mod resolve;
#[cfg(test)]
mod tests;

use std::io;
use std::ops::Range;
use std::sync::Arc;

pub use hidden::{How, Taken};
pub use merge::Merger;
pub use node::{Dentry, DentryId, Executable, Kind, Node, NodeId};
pub use path::{clean_into, components};
pub use removed::{RemovalIndex, Removals, Removed};

use crate::cache::{CacheFile, Part};
use crate::layer::{Extent, Problem};
use node::Refers;
use record::{DENTRY_LEN, EXTENT_LEN, HIDDEN_LEN, META_LEN, Meta, NODE_LEN, Name, u32_at, u64_at};
use resolve::{Look, resolve};

/// Size of the blocks that [`Tree::blocks`] counts, in bytes.
pub const BLOCK: u32 = 4096;

/// Why layers could not be merged.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// They describe more than any real image does.
    #[error(
        "all layers together describe more than {} million files, or more than {} GiB of names and \
         attributes; no real image does",
        merge::MAX_ENTRIES >> 20,
        merge::MAX_SIZE >> 30
    )]
    TooMuch,
    /// What is known of one of them cannot be read again.
    #[error("the index of a layer is damaged: {0}; run imgfs cache verify")]
    Layer(#[source] io::Error),
    /// The result could not be written.
    #[error(
        "the merged tree cannot be written: {0}; make room, or name a directory that has some: \
         --cache-dir, or TMPDIR"
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

    /// Opens the tree that a file of the cache holds.
    ///
    /// # Errors
    /// If it holds none.
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
            && tree.kind(Self::ROOT) == Some(Kind::Directory);
        if !whole || tree.is_damaged() {
            let what = "it holds no tree";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(tree)
    }

    /// Whether something in the file was found damaged and nobody has asked this before.
    pub fn take_damage(&self) -> bool {
        self.file().take_damage()
    }

    /// Whether something in the file was found damaged. To be asked after other questions and before
    /// their answers are believed.
    pub fn is_damaged(&self) -> bool {
        self.nodes.file().is_damaged()
    }

    /// The file that it is in.
    pub fn file(&self) -> &Arc<CacheFile> {
        self.nodes.file()
    }

    /// What could be made sense of, or the file is damaged.
    fn sane<T>(&self, parsed: Option<T>) -> Option<T> {
        if parsed.is_none() {
            self.file().set_damaged();
        }
        parsed
    }

    /// How many layers were merged.
    pub fn layers(&self) -> u32 {
        self.meta.layers
    }

    /// The lengths of all files, each rounded up to blocks of [`BLOCK`] bytes, in blocks.
    pub fn blocks(&self) -> u64 {
        self.meta.blocks
    }

    /// What was wrong with the entries of the layers, those that merging found last.
    pub fn problems(&self) -> Vec<Problem> {
        let bytes = self.problems.get(0, self.problems.len());
        self.sane(postcard::from_bytes(bytes).ok())
            .unwrap_or_default()
    }

    /// In a tree of what is hidden ([`Merger::finish_hidden`]), the names that are. In any other tree,
    /// none.
    pub fn hidden(&self) -> impl Iterator<Item = Taken> {
        let numbers = 0..self.hidden.records::<HIDDEN_LEN>();
        numbers.map_while(|number| self.hidden_at(number))
    }

    /// What became of a name of such a tree; `None` if it is only there for what is below it.
    pub fn taken(&self, id: DentryId) -> Option<Taken> {
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

    fn hidden_at(&self, number: u64) -> Option<Taken> {
        let record = self.hidden.record::<HIDDEN_LEN>(number)?;
        let [entry, layer, by, how] = [0, 4, 8, 12].map(|field| u32_at(record, field));
        let sane = entry < self.meta.dentries && layer < by && by < self.meta.layers;
        let how = How::of(how).filter(|_| sane);
        Some(Taken {
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

    /// A node; `None` if there is none of that number.
    pub fn node(&self, id: NodeId) -> Option<Node> {
        let record = self.nodes.record(id.0.into())?;
        self.sane(Node::parse(record, id, &self.meta))
    }

    fn kind(&self, id: NodeId) -> Option<Kind> {
        self.node(id).map(|node| node.kind)
    }

    /// The target of a symbolic link.
    pub fn target(&self, id: NodeId) -> Option<&[u8]> {
        let node = self.node(id)?;
        let Refers::Target(at) = node.refers else {
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

    /// Where the bytes of a regular file lie.
    pub fn data(&self, node: &Node) -> Data<'_> {
        match node.refers {
            Refers::Whole(at) => Data::Whole(at),
            Refers::Sparse(first) => Data::Sparse(self.extents(first)),
            _ => Data::None,
        }
    }

    /// Bytes of a file that are stored, holes left out.
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
        // The pieces come after the record that counts them.
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

    /// A directory entry.
    pub fn dentry(&self, id: DentryId) -> Option<Dentry<'_>> {
        let record = self.dentries.record(id.0.into())?;
        let found = self.sane(Name::parse(record, &self.meta))?;
        Some(Dentry {
            name: self.names.get(found.at.into(), found.len.into()),
            node: found.node,
            kind: found.kind,
            parent: found.parent,
            executable: found.executable,
        })
    }

    /// A directory's entries in byte order; of all else, none.
    pub fn children(&self, id: NodeId) -> impl ExactSizeIterator<Item = DentryId> {
        Numbers(self.run(id), DentryId)
    }

    fn run(&self, dir: NodeId) -> Range<u32> {
        match self.node(dir).map(|node| node.refers) {
            // Their sum is checked when the record is read.
            Some(Refers::Entries(first, count)) => first..first.saturating_add(count),
            _ => 0..0,
        }
    }

    /// The entry of that name in a directory.
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

    /// The directory that holds a directory; the root holds itself.
    pub fn parent(&self, dir: NodeId) -> NodeId {
        let node = self.node(dir).filter(|node| node.kind == Kind::Directory);
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
            // Each directory's entry stands before those in it, so this ends.
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

    /// Follows a path as the kernel would with this tree as its root: `..` and absolute links stay
    /// inside. The last name is followed too if it is a link.
    pub fn resolve(&self, from: NodeId, path: &[u8]) -> Option<(Option<DentryId>, NodeId)> {
        // The length of one walk is bounded as it is.
        let (name, node) = resolve(self, from.0, path, &mut u64::MAX.clone())??;
        Some((name.map(DentryId), NodeId(node)))
    }

    /// The entry of the executable that an entry leads to, through symbolic links too.
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

impl Look for Tree {
    fn root(&self) -> u32 {
        Self::ROOT.0
    }

    fn is_directory(&self, node: u32) -> bool {
        self.kind(NodeId(node)) == Some(Kind::Directory)
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

/// Numbers of a kind, one after the other.
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
    /// Name with its namespace.
    pub name: &'a [u8],
    /// Value, which may be empty or hold any byte.
    pub value: &'a [u8],
}

/// Reads attributes; `None` if they are not what their lengths say.
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

/// Where the bytes of a file lie in its decoded layer.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// Nowhere: it is empty, or no regular file.
    None,
    /// In one piece, from this offset on.
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

    /// Those that have bytes at `offset` or after it, each behind the one before.
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
