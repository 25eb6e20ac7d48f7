//! Finds the layer that removed a path that the merged tree does not have.
//!
//! The tree of hidden names ([`Tree::hidden`]) lists the names that layers added and later layers
//! hid, each under its path at that time. The requested path may lead through symbolic links, so it is
//! first followed through the merged tree. The part that is missing there is looked up among the hidden
//! names.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::HashSet;

use super::Tree;
use super::hidden::{HiddenEntry, RemovalKind};
use super::node::{DentryId, NodeId, NodeKind};
use super::path::components;

/// A path leads through at most this many symbolic links (Linux, namei.h, `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// The maximum number of names on a path, including those of its links' targets.
const MAX_STEPS: usize = 8 << 10;

/// The maximum number of removed files of one name that are returned.
const MAX_NAMED: usize = 64;

/// The maximum number of names that all queries about one image may visit. Once it is used up,
/// further queries get no answer.
const BUDGET: u64 = 50_000_000;

/// A path that one layer added and a later layer removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The path in the image, from `/`, without symbolic links in its directories. It differs from the
    /// requested path if that led through a link.
    pub path: Vec<u8>,
    /// The layer that removed it, counted from 0.
    pub layer: u32,
    /// The layer that added it, counted from 0.
    pub added_by: u32,
    /// How it was removed.
    pub how: RemovalKind,
}

/// Looks up what layers removed from one image.
pub(crate) struct Removals<'a> {
    merged: &'a Tree,
    hidden: &'a Tree,
    /// The hidden names, sorted by name.
    by_name: &'a [DentryId],
    budget: &'a Cell<u64>,
}

/// The part of [`Removals`] that is computed once for an image.
#[derive(Debug)]
pub(crate) struct RemovalIndex {
    by_name: Vec<DentryId>,
}

impl RemovalIndex {
    /// Sorts the names of a tree of hidden names.
    pub(crate) fn new(hidden: &Tree) -> Self {
        let mut by_name: Vec<DentryId> = hidden.hidden().map(|taken| taken.name).collect();
        by_name.sort_by(|&a, &b| name_of(hidden, a).cmp(name_of(hidden, b)));
        Self { by_name }
    }

    /// The number of names that all queries about one image may visit.
    pub(crate) fn budget() -> u64 {
        BUDGET
    }
}

fn name_of(tree: &Tree, id: DentryId) -> &[u8] {
    tree.dentry(id).map_or(b"", |dentry| dentry.name)
}

/// The result of following a path through the merged tree.
struct Followed<'a> {
    /// The node that the path leads to, if there is one.
    node: Option<NodeId>,
    /// The last directory on the path that exists.
    dir: NodeId,
    /// The first missing name and the names after it. If none is missing, the last name.
    rest: Vec<&'a [u8]>,
    /// The symbolic links that were followed: the directory and name of each.
    links: Vec<(NodeId, &'a [u8])>,
}

impl<'a> Removals<'a> {
    /// Creates it from the image's merged tree, its tree of hidden names and their index. The budget
    /// starts at [`RemovalIndex::budget`] and is shared by all queries about the image.
    pub(crate) fn new(
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

    /// Returns the last removal that explains why `path`, absolute or relative to the root, does not
    /// lead to a regular file. Links on the path are followed. Returns `None` if no layer ever had such
    /// a path, or if the path leads to a regular file.
    ///
    /// The result is a directory above the last name of the path only if that directory was a symbolic
    /// link. Other removed directories are searched for the path itself.
    pub(crate) fn removed(&self, path: &[u8]) -> Option<Removed> {
        let followed = self.follow(path)?;
        let found = followed.node.and_then(|node| self.merged.node(node));
        if found.is_some_and(|node| node.kind == NodeKind::Regular) {
            return None;
        }
        let mut names = self.names_to(followed.dir);
        names.extend(followed.rest.iter().map(|name| name.to_vec()));
        let here = self.hidden_at(&names, followed.rest.len());
        // That a directory replaced another directory explains nothing.
        let kind = found.map(|node| node.kind);
        if let Some(removed) = here.filter(|(_, was)| kind != Some(*was)) {
            return Some(removed.0);
        }
        // A file may have been replaced by a link that leads nowhere.
        let mut links = followed.links.iter().rev();
        links.find_map(|&(dir, name)| {
            let mut names = self.names_to(dir);
            names.push(name.to_vec());
            let (removed, was) = self.hidden_at(&names, 1)?;
            (was != NodeKind::Symlink).then_some(removed)
        })
    }

    /// Returns the files and links with that file name, in any directory, that a layer removed and that
    /// the merged tree lacks: the last removal of each path, latest first. At most 64.
    pub(crate) fn removed_named(&self, name: &[u8]) -> Vec<Removed> {
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
            if kind == Some(NodeKind::Directory) {
                continue;
            }
            let Some(removed) = self
                .hidden
                .hidden_entry(id)
                .map(|taken| self.removal(taken))
            else {
                continue;
            };
            if self.merged.resolve(Tree::ROOT, &removed.path).is_none() {
                found.push(removed);
            }
        }
        found.sort_by_key(|removed| Reverse((removed.layer, removed.added_by)));
        let mut seen = HashSet::new();
        found.retain(|removed| seen.insert(removed.path.clone()));
        found
    }

    fn spend(&self, steps: u64) -> bool {
        let left = self.budget.get().checked_sub(steps);
        self.budget.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Follows a path through the merged tree. Returns `None` if it has more links or names than the
    /// limits allow.
    fn follow<'p>(&'p self, path: &'p [u8]) -> Option<Followed<'p>> {
        let tree = self.merged;
        let mut pending: Vec<&[u8]> = components(path).rev().collect();
        let mut followed = Followed {
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
                    followed.dir = tree.parent(followed.dir);
                    followed.node = Some(followed.dir);
                    continue;
                }
                _ => {}
            }
            let found = tree.lookup(followed.dir, name).map(|(_, dentry)| dentry);
            let target = found.and_then(|dentry| tree.target(dentry.node));
            match (found, target) {
                (Some(_), Some(target)) => {
                    followed.links.push((followed.dir, name));
                    if target.starts_with(b"/") {
                        followed.dir = Tree::ROOT;
                    }
                    pending.extend(components(target).rev());
                    steps += components(target).count();
                    if followed.links.len() > MAX_LINKS || steps > MAX_STEPS {
                        return None;
                    }
                }
                (Some(dentry), None)
                    if dentry.kind == NodeKind::Directory && !pending.is_empty() =>
                {
                    followed.dir = dentry.node;
                }
                (found, _) => {
                    // The end of the path, a missing name, or a file in place of a directory.
                    let last = pending.is_empty();
                    followed.node = found.filter(|_| last).map(|dentry| dentry.node);
                    followed.rest.push(name);
                    followed.rest.extend(pending.into_iter().rev());
                    return Some(followed);
                }
            }
        }
        Some(followed)
    }

    /// The components of a directory's path.
    fn names_to(&self, dir: NodeId) -> Vec<Vec<u8>> {
        let name = self.merged.node(dir).and_then(|node| node.name);
        let path = name.map(|name| self.merged.path(name)).unwrap_or_default();
        components(&path).map(<[u8]>::to_vec).collect()
    }

    /// Returns the last removal of a path and the kind of the removed file. `missing` is the number of
    /// trailing names that the merged tree lacks. The removal of a symbolic link among them counts too.
    fn hidden_at(&self, names: &[Vec<u8>], missing: usize) -> Option<(Removed, NodeKind)> {
        let known = names.len().checked_sub(missing.max(1))?;
        let mut best: Option<(HiddenEntry, NodeKind)> = None;
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
                let link = dentry.kind == NodeKind::Symlink && depth >= known;
                if (last || link)
                    && let Some(taken) = self.hidden.hidden_entry(id)
                    && best.is_none_or(|(best, _)| (best.by, best.layer) < (taken.by, taken.layer))
                {
                    best = Some((taken, dentry.kind));
                }
                dir = dentry.node;
            }
        }
        best.map(|(taken, kind)| (self.removal(taken), kind))
    }

    fn removal(&self, taken: HiddenEntry) -> Removed {
        let path = self.hidden.path(taken.name);
        // The first component is the number of the layer.
        let below = path
            .iter()
            .skip(1)
            .position(|&b| b == b'/')
            .map(|at| at + 1);
        let path = below.and_then(|at| path.get(at..)).unwrap_or_default();
        Removed {
            path: path.to_vec(),
            layer: taken.by,
            added_by: taken.layer,
            how: taken.how,
        }
    }
}
