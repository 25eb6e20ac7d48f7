//! The tree is what all layers together show: one file system, immutable, each node with the layer
//! that brought it. Pure: it is made from layers and does no I/O.
//!
//! [`Tree::merge`] applies the layers by the rules of the OCI image-spec (layer.md). The result is
//! flat: nodes (inodes) and directory entries in two vectors that point into each other by number,
//! every directory's entries in one sorted run. A node points to its entry in its layer and holds
//! no copy of it.

mod merge;
mod node;
mod path;

use std::sync::Arc;

pub use node::{Dentry, DentryId, Kind, Node, NodeId, Origin};
pub use path::{clean, components};

use crate::layer::{Entry, EntryKind, Mtime};

/// A path leads through at most this many symbolic links (Linux, namei.h, `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// Names on one path, those of its links among them: else a few links in a row could cost much.
const MAX_STEPS: usize = 8 << 10;

/// A longer target is none that the kernel follows (PATH_MAX).
const MAX_TARGET: usize = 4096;

/// The merged tree of an image.
pub struct Tree {
    layers: Vec<Arc<Vec<Entry>>>,
    nodes: Vec<Node>,
    dentries: Vec<Dentry>,
}

impl Tree {
    /// The root directory.
    pub const ROOT: NodeId = NodeId(0);

    /// A node; `None` if there is none of that number.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// A directory entry.
    pub fn dentry(&self, id: DentryId) -> Option<&Dentry> {
        self.dentries.get(id.0 as usize)
    }

    /// All nodes and their numbers. Those that a later layer replaced are left out.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        let numbered = (0..).map(NodeId).zip(&self.nodes);
        numbered.filter(|(_, node)| node.nlink > 0)
    }

    /// All directory entries and their numbers.
    pub fn dentries(&self) -> impl Iterator<Item = (DentryId, &Dentry)> {
        (0..).map(DentryId).zip(&self.dentries)
    }

    /// The layer entry that a node was made from; `None` for a directory that only had to exist.
    pub fn entry(&self, id: NodeId) -> Option<&Entry> {
        let node = self.node(id)?;
        let layer = self.layers.get(node.layer as usize)?;
        match node.origin {
            Origin::Entry(number) => layer.get(number as usize),
            Origin::Implied => None,
        }
    }

    /// Permission bits. A directory that no layer describes has `0755`.
    pub fn mode(&self, id: NodeId) -> u16 {
        self.entry(id).map_or(0o755, |e| e.mode)
    }

    /// Owner and group.
    pub fn owner(&self, id: NodeId) -> (u32, u32) {
        self.entry(id).map_or((0, 0), |e| (e.uid, e.gid))
    }

    /// Time of last modification. A directory that no layer describes has the epoch.
    pub fn mtime(&self, id: NodeId) -> Mtime {
        self.entry(id).map_or_else(Mtime::default, |e| e.mtime)
    }

    /// The target of a symbolic link.
    pub fn target(&self, id: NodeId) -> Option<&[u8]> {
        match &self.entry(id)?.kind {
            EntryKind::Symlink(target) => Some(target),
            _ => None,
        }
    }

    /// A directory's entries in byte order, with the number of the first. Empty for all else.
    pub fn children(&self, id: NodeId) -> (DentryId, &[Dentry]) {
        let Some(Kind::Directory { first, count, .. }) = self.node(id).map(|n| n.kind) else {
            return (DentryId(0), &[]);
        };
        let from = first.0 as usize;
        let run = self.dentries.get(from..from.saturating_add(count as usize));
        (first, run.unwrap_or_default())
    }

    /// The entry of that name in a directory.
    pub fn lookup(&self, dir: NodeId, name: &[u8]) -> Option<(DentryId, &Dentry)> {
        let (first, run) = self.children(dir);
        let at = run.binary_search_by(|d| (*d.name).cmp(name)).ok()?;
        // The run lies inside the vector of entries, whose numbers fit a u32.
        Some((DentryId(first.0 + at as u32), run.get(at)?))
    }

    /// The directory that holds a directory; the root holds itself.
    pub fn parent(&self, dir: NodeId) -> NodeId {
        match self.node(dir).map(|n| n.kind) {
            Some(Kind::Directory { parent, .. }) => parent,
            _ => Self::ROOT,
        }
    }

    /// The path of a directory entry, from the root, with a leading slash.
    pub fn path(&self, id: DentryId) -> Vec<u8> {
        let mut names: Vec<&[u8]> = Vec::new();
        let mut at = self.dentry(id);
        while let Some(dentry) = at {
            names.push(&dentry.name);
            at = match self.node(dentry.parent).map(|n| n.kind) {
                Some(Kind::Directory { name, .. }) => name.and_then(|id| self.dentry(id)),
                _ => None,
            };
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
        let start = if path.starts_with(b"/") {
            Self::ROOT
        } else {
            from
        };
        let mut at = (None, start);
        let mut pending: Vec<&[u8]> = components(path).rev().collect();
        let mut links = 0;
        let mut steps = 0;
        while let Some(name) = pending.pop() {
            steps += 1;
            if steps > MAX_STEPS {
                return None;
            }
            if !matches!(self.node(at.1)?.kind, Kind::Directory { .. }) {
                return None;
            }
            match name {
                b"." => {}
                b".." => at = (None, self.parent(at.1)),
                name => {
                    let (id, dentry) = self.lookup(at.1, name)?;
                    match self.target(dentry.node) {
                        None => at = (Some(id), dentry.node),
                        Some(target) => {
                            links += 1;
                            if links > MAX_LINKS || target.len() > MAX_TARGET {
                                return None;
                            }
                            if target.starts_with(b"/") {
                                at = (None, Self::ROOT);
                            }
                            pending.extend(components(target).rev());
                        }
                    }
                }
            }
        }
        Some(at)
    }
}
