//! Merging: layers on top of each other, by the rules of the OCI image-spec (layer.md, "Applying
//! Changesets" and "Whiteouts").
//!
//! Each layer is applied in two steps. First its whiteouts and opaque markers, against what lower
//! layers left: "whiteout files MUST only apply to resources in lower/parent layers", so their place
//! in the stream does not matter. Then its other entries in the order of the stream. Where the
//! spec is silent, what umoci does is done: parents that are symbolic links are followed inside the
//! root, missing parents are made, an entry of another type replaces what was there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Tree;
use super::node::{Dentry, DentryId, Kind, Node, NodeId, Origin};
use super::path::{clean, components};
use crate::layer::{Entry, EntryKind, LayerIndex, Marker, Problem, ProblemKind, marker};

/// Symbolic links on one path while merging. Higher than the kernel's limit, as in umoci's
/// securejoin: what was built by an unpacker must merge.
const MAX_LINKS: usize = 255;
/// Names on one path, those of links among them: links that double with each one would else go on
/// for ever without a circle.
const MAX_STEPS: usize = 16 << 10;
/// NAME_MAX and PATH_MAX (Linux, limits.h).
const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4096;

impl Tree {
    /// Merges layers, the lowest first, and says what was wrong with their entries.
    pub fn merge<'a>(
        indexes: impl Iterator<Item = &'a LayerIndex>,
    ) -> std::io::Result<(Self, Vec<Problem>)> {
        let mut merger = Merger::new();
        let mut layers = Vec::new();
        for (number, layer) in indexes.enumerate() {
            merger.problems.extend(layer.problems(number)?);
            let entries = layer.entries().collect::<std::io::Result<Vec<_>>>()?;
            merger.apply(number, &entries);
            layers.push(Arc::new(entries));
        }
        let problems = std::mem::take(&mut merger.problems);
        let (nodes, dentries) = merger.freeze();
        let tree = Self {
            layers,
            nodes,
            dentries,
        };
        Ok((tree, problems))
    }
}

/// A node while the tree still changes.
struct Growing {
    layer: u32,
    origin: Origin,
    what: What,
}

enum What {
    Directory {
        children: BTreeMap<Box<[u8]>, u32>,
        parent: u32,
    },
    Symlink(Box<[u8]>),
    Other(Kind),
}

/// Why a walk along a path ended early.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// A name is not there.
    Missing,
    /// Links go in circles, or on for too long.
    Loop,
}

struct Merger {
    nodes: Vec<Growing>,
    problems: Vec<Problem>,
    /// What the current layer's whiteouts took away, by directory and name: its hard links may
    /// still name it.
    removed: HashMap<(u32, Box<[u8]>), u32>,
    layer: u32,
}

const ROOT: u32 = 0;

impl Merger {
    fn new() -> Self {
        let mut merger = Self {
            nodes: Vec::new(),
            problems: Vec::new(),
            removed: HashMap::new(),
            layer: 0,
        };
        merger.directory(ROOT, Origin::Implied);
        merger
    }

    fn apply(&mut self, number: usize, entries: &[Entry]) {
        // Layers are counted by a manifest of at most some megabytes.
        self.layer = number as u32;
        self.removed.clear();
        let mut plain = Vec::with_capacity(entries.len());
        for (i, entry) in entries.iter().enumerate() {
            let (names, escaped) = clean(&entry.path);
            if escaped {
                self.problem(entry, ProblemKind::EscapingPath);
            }
            let markers = names.iter().map(|name| marker(name));
            if markers.clone().any(|m| m == Marker::Aufs) {
                continue;
            }
            let last = markers.clone().next_back();
            let above = markers.rev().skip(1).any(|m| m != Marker::Name);
            match last {
                None | Some(Marker::Name) if !above => plain.push((i, names)),
                Some(Marker::Whiteout(hidden)) if !above => self.whiteout(&names, hidden),
                Some(Marker::Opaque) if !above => self.opaque(&names),
                _ => self.problem(entry, ProblemKind::BadWhiteout),
            }
        }
        for (i, names) in plain {
            let Some(entry) = entries.get(i) else {
                continue;
            };
            let too_long = names.iter().any(|n| n.len() > MAX_NAME);
            if too_long || entry.path.len() > MAX_PATH {
                self.problem(entry, ProblemKind::NameTooLong);
                continue;
            }
            self.entry(i as u32, entry, &names);
        }
    }

    fn problem(&mut self, entry: &Entry, kind: ProblemKind) {
        self.problems.push(Problem {
            layer: self.layer as usize,
            path: entry.path.clone(),
            kind,
        });
    }

    // Whiteouts.

    /// Takes a name of lower layers away. That it is not there is no error: the spec does not ask
    /// for it, and builders write such whiteouts.
    fn whiteout(&mut self, names: &[&[u8]], hidden: &[u8]) {
        let Some(dir) = self.marked_directory(names) else {
            return;
        };
        if let Some(children) = self.children(dir)
            && let Some(node) = children.remove(hidden)
        {
            self.removed.insert((dir, hidden.into()), node);
        }
    }

    /// Takes all names of lower layers in a directory away.
    fn opaque(&mut self, names: &[&[u8]]) {
        let Some(dir) = self.marked_directory(names) else {
            return;
        };
        if let Some(children) = self.children(dir) {
            for (name, node) in std::mem::take(children) {
                self.removed.insert((dir, name), node);
            }
        }
    }

    fn marked_directory(&mut self, names: &[&[u8]]) -> Option<u32> {
        let (_, dir) = names.split_last()?;
        // Another whiteout of this layer may have taken the directory away already.
        let dir = self.walk(dir, false, false).ok()?;
        matches!(self.nodes.get(dir as usize)?.what, What::Directory { .. }).then_some(dir)
    }

    // Entries.

    fn entry(&mut self, number: u32, entry: &Entry, names: &[&[u8]]) {
        let origin = Origin::Entry(number);
        let Some((name, dirs)) = names.split_last() else {
            return self.root(origin, entry);
        };
        // Found before anything is made or replaced: a link to nothing leaves no trace.
        let linked = match &entry.kind {
            EntryKind::HardLink(target) => match self.hard_link(entry, target) {
                Some(node) => Some(node),
                None => return,
            },
            _ => None,
        };
        let dir = match self.walk(dirs, true, false) {
            Ok(dir) => dir,
            Err(_) => return self.problem(entry, ProblemKind::SymlinkLoop),
        };
        let old = self.child(dir, name);
        let node = match (linked, old) {
            (Some(node), Some(old)) if node == old => return,
            (Some(node), _) => node,
            (None, Some(old)) if self.is_directory(old) && entry.kind == EntryKind::Directory => {
                return self.describe(old, origin);
            }
            (None, _) => self.make(dir, entry, origin),
        };
        if old.is_some_and(|old| self.is_of_this_layer(old)) {
            self.problem(entry, ProblemKind::DuplicateEntry);
        }
        if let Some(children) = self.children(dir) {
            children.insert((*name).into(), node);
        }
    }

    /// A new node for an entry in a directory.
    fn make(&mut self, dir: u32, entry: &Entry, origin: Origin) -> u32 {
        let what = match &entry.kind {
            EntryKind::Directory => return self.directory(dir, origin),
            EntryKind::Symlink(target) => What::Symlink(target.clone()),
            EntryKind::CharDevice(..) => What::Other(Kind::CharDevice),
            EntryKind::BlockDevice(..) => What::Other(Kind::BlockDevice),
            EntryKind::Fifo => What::Other(Kind::Fifo),
            // A hard link makes no node: it was resolved to one.
            EntryKind::Regular | EntryKind::HardLink(_) => What::Other(Kind::Regular),
        };
        self.add(what, origin)
    }

    /// The node that a hard link leads to; that there is none is reported.
    fn hard_link(&mut self, entry: &Entry, target: &[u8]) -> Option<u32> {
        let (names, escaped) = clean(target);
        if escaped {
            self.problem(entry, ProblemKind::EscapingPath);
        }
        let node = self.link_target(&names);
        if node.is_none() {
            self.problem(entry, ProblemKind::DanglingHardLink(target.into()));
        }
        node
    }

    fn root(&mut self, origin: Origin, entry: &Entry) {
        match entry.kind {
            EntryKind::Directory => self.describe(ROOT, origin),
            _ => self.problem(entry, ProblemKind::EscapingPath),
        }
    }

    /// A directory over a directory: its attributes are replaced, its children stay.
    fn describe(&mut self, node: u32, origin: Origin) {
        let layer = self.layer;
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.layer = layer;
            node.origin = origin;
        }
    }

    /// The file that a hard link names. Its last name is not followed, as by link(2).
    fn link_target(&mut self, names: &[&[u8]]) -> Option<u32> {
        let (name, dirs) = names.split_last()?;
        let dir = self.walk(dirs, false, true).ok()?;
        let node = self.child_or_removed(dir, name)?;
        (!self.is_directory(node)).then_some(node)
    }

    // Walking.

    /// Follows names from the root. With `make`, what is missing is made and what is no directory
    /// is replaced by one; with `removed`, what this layer's whiteouts took away is still found.
    fn walk(&mut self, names: &[&[u8]], make: bool, removed: bool) -> Result<u32, Stop> {
        let mut at = ROOT;
        let mut links = 0;
        let mut steps = 0;
        let mut pending: Vec<Box<[u8]>> = names.iter().rev().map(|&n| n.into()).collect();
        while let Some(name) = pending.pop() {
            steps += 1;
            if steps > MAX_STEPS {
                return Err(Stop::Loop);
            }
            match &*name {
                b"." => continue,
                b".." => {
                    at = self.parent(at);
                    continue;
                }
                _ => {}
            }
            let child = if removed {
                self.child_or_removed(at, &name)
            } else {
                self.child(at, &name)
            };
            let what = child
                .and_then(|c| self.nodes.get(c as usize))
                .map(|n| &n.what);
            match (child, what) {
                (Some(child), Some(What::Directory { .. })) => at = child,
                (_, Some(What::Symlink(target))) => {
                    links += 1;
                    if links > MAX_LINKS || target.len() > MAX_PATH {
                        return Err(Stop::Loop);
                    }
                    if target.starts_with(b"/") {
                        at = ROOT;
                    }
                    pending.extend(components(target).rev().map(Into::into));
                }
                _ if !make => return Err(Stop::Missing),
                (child, _) => {
                    if child.is_some() {
                        self.problems.push(Problem {
                            layer: self.layer as usize,
                            path: names.join(&b'/').into(),
                            kind: ProblemKind::ParentNotDirectory,
                        });
                    }
                    let made = self.directory(at, Origin::Implied);
                    if let Some(children) = self.children(at) {
                        children.insert(name, made);
                    }
                    at = made;
                }
            }
        }
        Ok(at)
    }

    // Nodes.

    fn add(&mut self, what: What, origin: Origin) -> u32 {
        let id = self.nodes.len() as u32;
        self.nodes.push(Growing {
            layer: self.layer,
            origin,
            what,
        });
        id
    }

    fn directory(&mut self, parent: u32, origin: Origin) -> u32 {
        let children = BTreeMap::new();
        self.add(What::Directory { children, parent }, origin)
    }

    fn children(&mut self, dir: u32) -> Option<&mut BTreeMap<Box<[u8]>, u32>> {
        match &mut self.nodes.get_mut(dir as usize)?.what {
            What::Directory { children, .. } => Some(children),
            _ => None,
        }
    }

    fn child(&self, dir: u32, name: &[u8]) -> Option<u32> {
        match &self.nodes.get(dir as usize)?.what {
            What::Directory { children, .. } => children.get(name).copied(),
            _ => None,
        }
    }

    fn child_or_removed(&self, dir: u32, name: &[u8]) -> Option<u32> {
        let removed = || self.removed.get(&(dir, name.into())).copied();
        self.child(dir, name).or_else(removed)
    }

    fn parent(&self, dir: u32) -> u32 {
        match self.nodes.get(dir as usize).map(|n| &n.what) {
            Some(What::Directory { parent, .. }) => *parent,
            _ => ROOT,
        }
    }

    fn is_directory(&self, node: u32) -> bool {
        let node = self.nodes.get(node as usize);
        node.is_some_and(|n| matches!(n.what, What::Directory { .. }))
    }

    fn is_of_this_layer(&self, node: u32) -> bool {
        let node = self.nodes.get(node as usize);
        node.is_some_and(|n| n.layer == self.layer && n.origin != Origin::Implied)
    }

    /// Lays the tree flat: each directory's entries in one sorted run, links counted.
    fn freeze(self) -> (Vec<Node>, Vec<Dentry>) {
        let mut nodes: Vec<Node> = self
            .nodes
            .iter()
            .map(|growing| Node {
                layer: growing.layer,
                origin: growing.origin,
                nlink: 0,
                kind: match &growing.what {
                    What::Directory { .. } => Kind::Directory {
                        first: DentryId(0),
                        count: 0,
                        parent: NodeId(ROOT),
                        name: None,
                    },
                    What::Symlink(_) => Kind::Symlink,
                    What::Other(kind) => *kind,
                },
            })
            .collect();
        let mut dentries: Vec<Dentry> = Vec::new();
        let mut growing: Vec<Option<What>> = self.nodes.into_iter().map(|g| Some(g.what)).collect();
        // Breadth first: a directory's parent is known before the directory comes up.
        let mut pending = std::collections::VecDeque::from([(ROOT, ROOT, None)]);
        while let Some((id, parent, name)) = pending.pop_front() {
            let taken = growing.get_mut(id as usize).and_then(Option::take);
            let Some(What::Directory { children, .. }) = taken else {
                continue;
            };
            let first = dentries.len() as u32;
            let count = children.len() as u32;
            let mut directories = 0;
            for (name, child) in children {
                let dentry = DentryId(dentries.len() as u32);
                dentries.push(Dentry {
                    name,
                    node: NodeId(child),
                    parent: NodeId(id),
                });
                if let Some(node) = nodes.get_mut(child as usize) {
                    if matches!(node.kind, Kind::Directory { .. }) {
                        directories += 1;
                        pending.push_back((child, id, Some(dentry)));
                    } else {
                        node.nlink += 1;
                    }
                }
            }
            if let Some(node) = nodes.get_mut(id as usize) {
                node.nlink = 2 + directories;
                node.kind = Kind::Directory {
                    first: DentryId(first),
                    count,
                    parent: NodeId(parent),
                    name,
                };
            }
        }
        (nodes, dentries)
    }
}
