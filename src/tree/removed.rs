//! Which layer removed a path that the merged tree does not have.
//!
//! The tree of hidden names ([`Tree::hidden`]) lists what layers brought and later layers hid, each
//! under its path at that time. A path that somebody asks for may lead through symbolic links, so it is
//! first followed through the merged tree. Where it ends, the rest is looked up among the hidden names.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::HashSet;

use super::Tree;
use super::hidden::{How, Taken};
use super::node::{DentryId, Kind, NodeId};
use super::path::components;

/// A path leads through at most this many symbolic links (Linux, namei.h, `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// A path and the targets of its links have at most this many names together.
const MAX_STEPS: usize = 8 << 10;

/// At most this many removed files of one name are returned.
const MAX_NAMED: usize = 64;

/// All questions about one image may look at this many names. An image whose directories and layers
/// cost more gets no answer to the later questions.
const BUDGET: u64 = 50_000_000;

/// A path that a layer brought and a later layer removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The path in the image, from `/`, without symbolic links in its directories. Differs from the path
    /// that was asked for if that led through a link.
    pub path: Vec<u8>,
    /// The layer that removed it, counted from 0.
    pub layer: u32,
    /// The layer that had brought it, counted from 0.
    pub brought_by: u32,
    /// How it was removed.
    pub how: How,
}

/// Looks up what layers removed from one image.
pub struct Removals<'a> {
    merged: &'a Tree,
    hidden: &'a Tree,
    /// The hidden names, sorted by name.
    by_name: &'a [DentryId],
    budget: &'a Cell<u64>,
}

/// The part of [`Removals`] that is computed once for an image.
#[derive(Debug)]
pub struct RemovalIndex {
    by_name: Vec<DentryId>,
}

impl RemovalIndex {
    /// Sorts the names of a tree of hidden names.
    pub fn new(hidden: &Tree) -> Self {
        let mut by_name: Vec<DentryId> = hidden.hidden().map(|taken| taken.name).collect();
        by_name.sort_by(|&a, &b| name_of(hidden, a).cmp(name_of(hidden, b)));
        Self { by_name }
    }

    /// The number of names that an image's questions may look at together.
    pub fn budget() -> u64 {
        BUDGET
    }
}

fn name_of(tree: &Tree, id: DentryId) -> &[u8] {
    tree.dentry(id).map_or(b"", |dentry| dentry.name)
}

/// Where a path ends in the merged tree.
struct End<'a> {
    /// What it leads to, if it leads anywhere.
    node: Option<NodeId>,
    /// The last directory that exists.
    dir: NodeId,
    /// The first name that is missing and those after it; if nothing is missing, the last name.
    rest: Vec<&'a [u8]>,
    /// The symbolic links that were followed: the directory and name of each.
    links: Vec<(NodeId, &'a [u8])>,
}

impl<'a> Removals<'a> {
    /// The removals of an image: its merged tree, its tree of hidden names and their index. The budget
    /// starts at [`RemovalIndex::budget`] and is shared by all questions about the image.
    pub fn new(
        merged: &'a Tree,
        hidden: &'a Tree,
        index: &'a RemovalIndex,
        budget: &'a Cell<u64>,
    ) -> Self {
        Self {
            merged,
            hidden,
            by_name: &index.by_name,
            budget,
        }
    }

    /// The last removal that explains why `path`, absolute or relative to the root, does not lead to a
    /// regular file. Links on the path are followed. `None` if no layer ever had such a path, or if the
    /// path leads to a regular file.
    ///
    /// What is returned may be a directory above the path's last name only if that directory was a
    /// symbolic link: removed directories are searched for the path itself.
    pub fn removed(&self, path: &[u8]) -> Option<Removed> {
        let end = self.follow(path)?;
        let found = end.node.and_then(|node| self.merged.node(node));
        if found.is_some_and(|node| node.kind == Kind::Regular) {
            return None;
        }
        let mut names = self.names_to(end.dir);
        names.extend(end.rest.iter().map(|name| name.to_vec()));
        let here = self.hidden_at(&names, end.rest.len());
        // A directory that replaced another directory is no reason for anything.
        let kind = found.map(|node| node.kind);
        if let Some(removed) = here.filter(|(_, was)| kind != Some(*was)) {
            return Some(removed.0);
        }
        // A file may have been replaced by a link that leads nowhere.
        let mut links = end.links.iter().rev();
        links.find_map(|&(dir, name)| {
            let mut names = self.names_to(dir);
            names.push(name.to_vec());
            let (removed, was) = self.hidden_at(&names, 1)?;
            (was != Kind::Symlink).then_some(removed)
        })
    }

    /// All files and links of that file name, in any directory, that a layer removed and that are not in
    /// the merged tree: the last removal of each, and the latest of those first. At most 64.
    pub fn removed_named(&self, name: &[u8]) -> Vec<Removed> {
        let start = self
            .by_name
            .partition_point(|&id| name_of(self.hidden, id) < name);
        let same = self.by_name.iter().skip(start);
        let mut found = Vec::new();
        for &id in same.take_while(|&&id| name_of(self.hidden, id) == name) {
            if !self.spend(64) || found.len() >= MAX_NAMED {
                break;
            }
            let kind = self.hidden.dentry(id).map(|dentry| dentry.kind);
            if kind == Some(Kind::Directory) {
                continue;
            }
            let Some(removed) = self.hidden.taken(id).map(|taken| self.removal(taken)) else {
                continue;
            };
            if self.merged.resolve(Tree::ROOT, &removed.path).is_none() {
                found.push(removed);
            }
        }
        found.sort_by_key(|removed| Reverse((removed.layer, removed.brought_by)));
        let mut seen = HashSet::new();
        found.retain(|removed| seen.insert(removed.path.clone()));
        found
    }

    fn spend(&self, steps: u64) -> bool {
        let left = self.budget.get().checked_sub(steps);
        self.budget.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Follows a path through the merged tree. `None` if it has more links or names than the kernel
    /// follows.
    fn follow<'p>(&'p self, path: &'p [u8]) -> Option<End<'p>> {
        let tree = self.merged;
        let mut pending: Vec<&[u8]> = components(path).rev().collect();
        let mut end = End {
            node: Some(Tree::ROOT),
            dir: Tree::ROOT,
            rest: Vec::new(),
            links: Vec::new(),
        };
        let mut steps = pending.len();
        while let Some(name) = pending.pop() {
            match name {
                b"." => continue,
                b".." => {
                    end.dir = tree.parent(end.dir);
                    end.node = Some(end.dir);
                    continue;
                }
                _ => {}
            }
            let found = tree.lookup(end.dir, name).map(|(_, dentry)| dentry);
            let target = found.and_then(|dentry| tree.target(dentry.node));
            match (found, target) {
                (Some(_), Some(target)) => {
                    end.links.push((end.dir, name));
                    if target.starts_with(b"/") {
                        end.dir = Tree::ROOT;
                    }
                    pending.extend(components(target).rev());
                    steps += components(target).count();
                    if end.links.len() > MAX_LINKS || steps > MAX_STEPS {
                        return None;
                    }
                }
                (Some(dentry), None) if dentry.kind == Kind::Directory && !pending.is_empty() => {
                    end.dir = dentry.node;
                }
                (found, _) => {
                    // The end of the path, a name that is missing, or a file where a directory should be.
                    let last = pending.is_empty();
                    end.node = found.filter(|_| last).map(|dentry| dentry.node);
                    end.rest.push(name);
                    end.rest.extend(pending.into_iter().rev());
                    return Some(end);
                }
            }
        }
        Some(end)
    }

    /// The names of a directory's path.
    fn names_to(&self, dir: NodeId) -> Vec<Vec<u8>> {
        let name = self.merged.node(dir).and_then(|node| node.name);
        let path = name.map(|name| self.merged.path(name)).unwrap_or_default();
        components(&path).map(<[u8]>::to_vec).collect()
    }

    /// The last removal of a path, and what kind of file that was. `missing` is the number of its last
    /// names that the merged tree does not have: a link that was removed there is an answer too.
    fn hidden_at(&self, names: &[Vec<u8>], missing: usize) -> Option<(Removed, Kind)> {
        let known = names.len().checked_sub(missing.max(1))?;
        let mut best: Option<(Taken, Kind)> = None;
        for root in self.hidden.children(Tree::ROOT) {
            let mut dir = self.hidden.dentry(root)?.node;
            for (depth, name) in names.iter().enumerate() {
                if !self.spend(1) {
                    return None;
                }
                let Some((id, dentry)) = self.hidden.lookup(dir, name) else {
                    break;
                };
                let last = depth + 1 == names.len();
                let link = dentry.kind == Kind::Symlink && depth >= known;
                if (last || link)
                    && let Some(taken) = self.hidden.taken(id)
                    && best.is_none_or(|(best, _)| (best.by, best.layer) < (taken.by, taken.layer))
                {
                    best = Some((taken, dentry.kind));
                }
                dir = dentry.node;
            }
        }
        best.map(|(taken, kind)| (self.removal(taken), kind))
    }

    fn removal(&self, taken: Taken) -> Removed {
        let path = self.hidden.path(taken.name);
        // The first name is the number of the layer.
        let below = path
            .iter()
            .skip(1)
            .position(|&b| b == b'/')
            .map(|at| at + 1);
        let path = below.and_then(|at| path.get(at..)).unwrap_or_default();
        Removed {
            path: path.to_vec(),
            layer: taken.by,
            brought_by: taken.layer,
            how: taken.how,
        }
    }
}
