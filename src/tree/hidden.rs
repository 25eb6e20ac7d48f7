//! The tree of hidden names: a record, made while layers are merged, of the names that later layers
//! remove. In this second tree, the directory `N` of the root holds each name that layer N added and
//! a later layer hid, under its path.
//!
//! It has the same kinds of records as the merged tree, so code that reads files, attributes or facts
//! works on both. Directories above a hidden name are included with the attributes that they had.
//! They count as hidden only if they are listed.

use std::collections::HashMap;
use std::io;

use super::builder::{ROOT, TreeBuilder};
use super::node::DentryId;
use super::record::{HIDDEN, NONE};
use crate::cache::Writer;

/// How a layer's name was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemovalKind {
    /// By a whiteout of the name, or of a directory above it.
    Whiteout,
    /// By an opaque marker in a directory above it.
    Opaque,
    /// By an entry that replaced the name, or a directory above it.
    Replaced,
}

impl RemovalKind {
    /// The identifier used in output, such as `whiteout`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whiteout => "whiteout",
            Self::Opaque => "opaque",
            Self::Replaced => "replaced",
        }
    }

    pub(super) fn number(self) -> u32 {
        match self {
            Self::Whiteout => 0,
            Self::Opaque => 1,
            Self::Replaced => 2,
        }
    }

    pub(super) fn of(number: u32) -> Option<Self> {
        let all = [Self::Whiteout, Self::Opaque, Self::Replaced];
        all.into_iter().find(|how| how.number() == number)
    }
}

/// A hidden name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HiddenEntry {
    /// The entry in the tree of hidden names.
    pub name: DentryId,
    /// The layer that added the name.
    pub layer: u32,
    /// The layer that removed it.
    pub by: u32,
    /// How it was removed.
    pub how: RemovalKind,
}

/// Builds the tree of hidden names.
pub(super) struct HiddenTreeBuilder {
    tree: TreeBuilder,
    /// For each layer, its directory in the root.
    roots: Vec<u32>,
    /// Maps a layer and a directory of the merged tree to the directory's copy in this tree.
    dirs: HashMap<(u32, u32), u32>,
    /// Likewise for all other nodes. Several names of one file lead to one copy.
    files: HashMap<(u32, u32), u32>,
    /// Each hidden name: its slot (which also records the layer that added it), the layer that hid it,
    /// and how.
    hidden: Vec<(u32, u32, RemovalKind)>,
}

impl HiddenTreeBuilder {
    pub(super) fn new() -> Self {
        let mut tree = TreeBuilder::new();
        tree.follow_links = false;
        Self {
            tree,
            roots: Vec::new(),
            dirs: HashMap::new(),
            files: HashMap::new(),
            hidden: Vec::new(),
        }
    }

    /// The memory that the recorder uses, in bytes.
    pub(super) fn size(&self) -> u64 {
        // An entry of either table takes 12 bytes; the rest is an allowance for free places.
        let tables = (self.dirs.len() + self.files.len()) * 24;
        let rest = self.hidden.len() * 12 + self.roots.len() * 4;
        self.tree.size() + (tables + rest) as u64
    }

    /// Adds the directory of the next layer.
    pub(super) fn layer(&mut self) {
        let number = self.roots.len() as u32;
        let root = self.tree.implied(ROOT, number);
        self.tree
            .put(ROOT, number.to_string().as_bytes(), root, number);
        self.roots.push(root);
    }

    /// Records that layer `by` removes a name and everything below it, except what layer `by` itself
    /// added. Stops early once this takes more than `max_bytes` additional bytes of memory.
    pub(super) fn hide(
        &mut self,
        merged: &TreeBuilder,
        slot: u32,
        by: u32,
        how: RemovalKind,
        max_bytes: u64,
    ) {
        let most = self.size().saturating_add(max_bytes);
        let mut pending = vec![slot];
        while let Some(slot) = pending.pop() {
            let node = merged.names.node(slot);
            let layer = merged.names.layer(slot);
            if layer < by {
                self.add(merged, slot, by, how);
            }
            if self.size() > most {
                return;
            }
            if merged.is_directory(node) {
                pending.extend(merged.slots(node));
            }
        }
    }

    fn add(&mut self, merged: &TreeBuilder, slot: u32, by: u32, how: RemovalKind) {
        let (layer, node) = (merged.names.layer(slot), merged.names.node(slot));
        let Some(parent) = self.directory(merged, layer, merged.names.dir(slot)) else {
            return;
        };
        let name = merged.names.name(slot);
        let place = if merged.is_directory(node) {
            self.dirs.get(&(layer, node))
        } else {
            self.files.get(&(layer, node))
        };
        let here = match place {
            Some(&here) => here,
            None => self.adopt(merged, layer, node, parent),
        };
        self.tree.put(parent, name, here, layer);
        if let Some(slot) = self.tree.names.find(parent, name) {
            self.hidden.push((slot, by, how));
        }
    }

    fn adopt(&mut self, merged: &TreeBuilder, layer: u32, node: u32, parent: u32) -> u32 {
        let here = self.tree.adopt(merged, node, parent);
        match merged.is_directory(node) {
            true => self.dirs.insert((layer, node), here),
            false => self.files.insert((layer, node), here),
        };
        here
    }

    /// The copy of a directory of the merged tree. Copies it and its ancestors if needed.
    fn directory(&mut self, merged: &TreeBuilder, layer: u32, dir: u32) -> Option<u32> {
        let mut missing = Vec::new();
        let mut at = dir;
        let mut here = loop {
            if at == ROOT {
                break *self.roots.get(layer as usize)?;
            }
            if let Some(&here) = self.dirs.get(&(layer, at)) {
                break here;
            }
            missing.push(at);
            // A directory is made before the entries in it, so this ends at the root.
            at = merged.parent(at);
        };
        for dir in missing.into_iter().rev() {
            let name = merged.names.name(merged.name_of(dir)?);
            let made = self.adopt(merged, layer, dir, here);
            self.tree.put(here, name, made, layer);
            here = made;
        }
        Some(here)
    }

    /// Writes the tree and the list of its hidden names.
    pub(super) fn write(self, layers: u32, writer: Writer) -> io::Result<Writer> {
        let hidden = self.hidden;
        self.tree.write(layers, &[], writer, |names, writer| {
            let numbers = |&(slot, by, how): &(u32, u32, RemovalKind)| {
                [names.number(slot), names.layer(slot), by, how.number()]
            };
            let mut records: Vec<[u32; 4]> = hidden.iter().map(numbers).collect();
            records.retain(|record| record[0] != NONE);
            records.sort_unstable();
            writer.section(HIDDEN)?;
            for number in records.as_flattened() {
                writer.append(&number.to_le_bytes())?;
            }
            Ok(())
        })
    }
}
