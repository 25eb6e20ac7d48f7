//! What later layers take away, written down while layers are merged: a second tree, in which the
//! directory `N` of the root has each name that layer N brought and a later one hid, under its path.
//!
//! It is a tree like the merged one, with the same kinds of records, so whoever reads files, attributes
//! or facts of one can do so of the other. Directories above what is hidden are there with the
//! attributes that they had; they are not hidden themselves unless they are listed.

use std::collections::HashMap;
use std::io;

use super::grow::{Growing, ROOT};
use super::node::DentryId;
use super::record::{HIDDEN, NONE};
use crate::cache::Writer;

/// How a name of a layer was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// By a whiteout of it, or of a directory above it.
    Whiteout,
    /// By an opaque marker in a directory above it.
    Opaque,
    /// Something else was put in its place, or in that of a directory above it.
    Replaced,
}

impl How {
    /// One word for it.
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

/// A name of a tree of what is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The name there.
    pub name: DentryId,
    /// The layer that brought it.
    pub layer: u32,
    /// The layer that took it away.
    pub by: u32,
    /// How that was done.
    pub how: How,
}

/// The tree of what is hidden, while it grows.
pub(super) struct Recorder {
    tree: Growing,
    /// For each layer, the directory of what it lost.
    roots: Vec<u32>,
    /// For a layer and a directory of the merged tree, the one that stands for it here.
    dirs: HashMap<(u32, u32), u32>,
    /// The same for all else: names of one file lead to one file here too.
    files: HashMap<(u32, u32), u32>,
    /// Each name that is hidden: its slot, which also knows the layer that brought it, the layer that hid
    /// it, and how.
    hidden: Vec<(u32, u32, How)>,
}

impl Recorder {
    pub fn new() -> Self {
        let mut tree = Growing::new();
        tree.follow_links = false;
        Self {
            tree,
            roots: Vec::new(),
            dirs: HashMap::new(),
            files: HashMap::new(),
            hidden: Vec::new(),
        }
    }

    /// Bytes of memory that it takes.
    pub fn size(&self) -> u64 {
        // Entries of the two tables take 12 bytes and some air.
        let tables = (self.dirs.len() + self.files.len()) * 24;
        let rest = self.hidden.len() * 12 + self.roots.len() * 4;
        self.tree.size() + (tables + rest) as u64
    }

    /// Begins the directory of the next layer.
    pub fn layer(&mut self) {
        let number = self.roots.len() as u32;
        let root = self.tree.implied(ROOT, number);
        self.tree
            .put(ROOT, number.to_string().as_bytes(), root, number);
        self.roots.push(root);
    }

    /// Layer `by` takes a name away, and all below it. What that layer brought itself does not count.
    /// `room` says how much more memory may be taken; where it ends, so does this.
    pub fn hide(&mut self, merged: &Growing, slot: u32, by: u32, how: How, room: u64) {
        let most = self.size().saturating_add(room);
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

    fn add(&mut self, merged: &Growing, slot: u32, by: u32, how: How) {
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

    fn adopt(&mut self, merged: &Growing, layer: u32, node: u32, parent: u32) -> u32 {
        let here = self.tree.adopt(merged, node, parent);
        match merged.is_directory(node) {
            true => self.dirs.insert((layer, node), here),
            false => self.files.insert((layer, node), here),
        };
        here
    }

    /// The directory that stands for one of the merged tree, made with those above it.
    fn directory(&mut self, merged: &Growing, layer: u32, dir: u32) -> Option<u32> {
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
            // Parents were made before what is in them, so this ends at the root.
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

    /// Writes the tree, and which of its names are hidden.
    pub fn freeze(self, layers: u32, writer: Writer) -> io::Result<Writer> {
        let hidden = self.hidden;
        self.tree.freeze(layers, &[], writer, |names, writer| {
            let numbers = |&(slot, by, how): &(u32, u32, How)| {
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
