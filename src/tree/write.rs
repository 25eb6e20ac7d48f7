//! Writes a growing tree to its file.
//!
//! Each directory's names become one sorted run. Link counts are computed, nodes without a name are
//! left out, and each symbolic link is followed once.

use std::io;

use super::BLOCK;
use super::builder::{ROOT, TreeBuilder};
use super::name_table::NameTable;
use super::node::{DentryId, Executable, NodeId, NodeKind};
use super::record::{
    DENTRIES, DentryRecord, EXECUTABLE, EXTENTS, META, Meta, NAMES, NODES, NONE, NodeRecord,
    PROBLEMS, SPARSE, TARGETS, XATTRS, pair,
};
use super::resolve::{TreeAccess, resolve};
use crate::cache::Writer;
use crate::layer::LayerProblem;

/// The number of names that may be followed per entry of the tree to resolve links ahead of time.
/// Links of real images lead through a handful.
const STEPS_PER_ENTRY: u64 = 16;

/// The order in which entries and nodes are written to the file.
struct Layout {
    /// The slot of each directory entry, by entry number.
    slots: Vec<u32>,
    /// The growing tree's node for each node number of the file.
    nodes: Vec<u32>,
    /// The file's number of each node of the growing tree, or [`NONE`] if no name leads to it.
    numbers: Vec<u32>,
}

impl TreeBuilder {
    /// Writes the tree. Then calls `more`, which may write sections that refer to the numbered names.
    pub(super) fn write(
        mut self,
        layers: u32,
        problems: &[LayerProblem],
        mut writer: Writer,
        more: impl FnOnce(&NameTable, &mut Writer) -> io::Result<()>,
    ) -> io::Result<Writer> {
        let layout = self.lay_out();
        writer.section(META)?;
        writer.append(&self.meta(layers, &layout).bytes())?;
        self.write_names(&layout, &mut writer)?;
        self.write_nodes(&layout, &mut writer)?;
        let problems = postcard::to_allocvec(problems).map_err(io::Error::other)?;
        writer.section(PROBLEMS)?;
        writer.append(&problems)?;
        more(&self.names, &mut writer)?;
        Ok(writer)
    }

    /// Numbers entries and nodes breadth first. An entry of a directory precedes the entries in that
    /// directory, and the first of several names of a file is the one nearest to the root.
    fn lay_out(&mut self) -> Layout {
        let mut layout = Layout {
            slots: Vec::new(),
            nodes: vec![ROOT],
            numbers: vec![NONE; self.nodes.len()],
        };
        if let Some(number) = layout.numbers.get_mut(ROOT as usize) {
            *number = 0;
        }
        let mut run = Vec::new();
        let mut dir = Some(ROOT);
        let mut next = 0;
        while let Some(id) = dir {
            self.lay_out_directory(id, &mut run, &mut layout);
            // The next directory in the order of the entries. A directory has only one entry.
            dir = None;
            while dir.is_none()
                && let Some(&slot) = layout.slots.get(next)
            {
                next += 1;
                dir = Some(self.names.node(slot)).filter(|&node| self.is_directory(node));
            }
        }
        layout
    }

    fn lay_out_directory(&mut self, dir: u32, run: &mut Vec<(u64, u32)>, layout: &mut Layout) {
        run.clear();
        for slot in self.slots(dir) {
            run.push((beginning(self.names.name(slot)), slot));
        }
        run.sort_unstable_by(|a, b| {
            let rest = || self.names.name(a.1).cmp(self.names.name(b.1));
            a.0.cmp(&b.0).then_with(rest)
        });
        let first = layout.slots.len() as u32;
        let mut directories = 0;
        for &(_, slot) in run.iter() {
            let dentry = layout.slots.len() as u32;
            layout.slots.push(slot);
            self.names.set_number(slot, dentry);
            let id = self.names.node(slot);
            let number = layout.numbers.get_mut(id as usize);
            let (Some(node), Some(number)) = (self.nodes.get_mut(id as usize), number) else {
                continue;
            };
            if *number == NONE {
                *number = layout.nodes.len() as u32;
                layout.nodes.push(id);
                node.name = dentry;
            }
            if node.kind == NodeKind::Directory {
                directories += 1;
            } else {
                node.nlink += 1;
            }
        }
        if let Some(node) = self.nodes.get_mut(dir as usize) {
            node.nlink = 2 + directories;
            node.size = pair(first, run.len() as u32);
        }
    }

    fn meta(&self, layers: u32, layout: &Layout) -> Meta {
        let records = layout
            .nodes
            .iter()
            .filter_map(|&id| self.nodes.get(id as usize));
        let blocks = records
            .filter(|r| r.kind == NodeKind::Regular)
            .map(|r| r.size.div_ceil(BLOCK.into()));
        Meta {
            nodes: layout.nodes.len() as u32,
            dentries: layout.slots.len() as u32,
            layers,
            blocks: blocks.fold(0, u64::saturating_add),
        }
    }

    fn write_names(&self, layout: &Layout, writer: &mut Writer) -> io::Result<()> {
        let number = |node: u32| NodeId(*layout.numbers.get(node as usize).unwrap_or(&NONE));
        let mut budget = (layout.slots.len() as u64 + 4096) * STEPS_PER_ENTRY;
        let mut at = 0;
        writer.section(DENTRIES)?;
        for &slot in &layout.slots {
            let node = self.names.node(slot);
            let len = self.names.name(slot).len();
            let Some(record) = self.nodes.get(node as usize) else {
                continue;
            };
            let name = DentryRecord {
                at,
                node: number(node),
                parent: number(self.names.dir(slot)),
                executable: self.executable(slot, record, &mut budget),
                // The length fits: longer names were refused.
                len: len as u8,
                kind: record.kind,
            };
            at += len as u32;
            writer.append(&name.bytes())?;
        }
        writer.section(NAMES)?;
        for &slot in &layout.slots {
            writer.append(self.names.name(slot))?;
        }
        Ok(())
    }

    /// The executable that a name leads to.
    fn executable(&self, slot: u32, record: &NodeRecord, budget: &mut u64) -> Executable {
        let is_executable = |node: u32| {
            let record = self.nodes.get(node as usize);
            record.is_some_and(|r| r.flags & EXECUTABLE != 0)
        };
        let at = |slot: u32| Executable::At(DentryId(self.names.number(slot)));
        let target = match record.kind {
            NodeKind::Symlink if !self.follow_links => return Executable::No,
            NodeKind::Symlink => self.target(self.names.node(slot)).unwrap_or_default(),
            NodeKind::Regular if record.flags & EXECUTABLE != 0 => return at(slot),
            _ => return Executable::No,
        };
        match resolve(self, self.names.dir(slot), target, budget) {
            None => Executable::Unknown,
            Some(Some((Some(slot), node))) if is_executable(node) => at(slot),
            Some(_) => Executable::No,
        }
    }

    /// Writes the nodes, then the data that they refer to, in the order of the nodes.
    fn write_nodes(&self, layout: &Layout, writer: &mut Writer) -> io::Result<()> {
        let records = || {
            let nodes = layout.nodes.iter();
            nodes.filter_map(|&id| self.nodes.get(id as usize))
        };
        let (mut targets, mut extents, mut xattrs) = (0, 0, 0);
        writer.section(NODES)?;
        for record in records() {
            let mut record = *record;
            match record.kind {
                NodeKind::Directory => record.data = 0,
                NodeKind::Symlink => record.data = advance(&mut targets, record.size),
                NodeKind::Regular if record.flags & SPARSE != 0 => {
                    let run = self.extents_of(&record);
                    record.data = advance(&mut extents, run.len() as u64);
                }
                _ => {}
            }
            if record.xattrs != NONE {
                let len = self.xattrs_of(&record).len() as u32;
                let at = xattrs;
                xattrs += len;
                record.xattrs = at;
            }
            writer.append(&record.bytes())?;
        }
        writer.section(TARGETS)?;
        for record in records().filter(|r| r.kind == NodeKind::Symlink) {
            let from = record.data as usize;
            let target = self.targets.get(from..from + record.size as usize);
            writer.append(target.unwrap_or_default())?;
        }
        writer.section(EXTENTS)?;
        for record in records().filter(|r| r.flags & SPARSE != 0) {
            for number in self.extents_of(record).as_flattened() {
                writer.append(&number.to_le_bytes())?;
            }
        }
        writer.section(XATTRS)?;
        for record in records().filter(|r| r.xattrs != NONE) {
            writer.append(self.xattrs_of(record))?;
        }
        Ok(())
    }
}

/// Adds `by` to `position` and returns the value before the addition.
fn advance(position: &mut u64, by: u64) -> u64 {
    let before = *position;
    *position += by;
    before
}

/// The first 8 bytes of a name as a number that sorts like them. Most names differ there.
fn beginning(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(name) {
        *to = *from;
    }
    u64::from_be_bytes(bytes)
}

/// While the tree is written, a name is a slot, and each directory still knows its parent.
impl TreeAccess for TreeBuilder {
    fn root(&self) -> u32 {
        ROOT
    }

    fn is_directory(&self, node: u32) -> bool {
        Self::is_directory(self, node)
    }

    fn parent(&self, dir: u32) -> u32 {
        Self::parent(self, dir)
    }

    fn find(&self, dir: u32, name: &[u8]) -> Option<(u32, u32)> {
        let slot = self.names.find(dir, name)?;
        let there = self.names.gone(slot).is_none();
        there.then(|| (slot, self.names.node(slot)))
    }

    fn target(&self, node: u32) -> Option<&[u8]> {
        Self::target(self, node)
    }
}
