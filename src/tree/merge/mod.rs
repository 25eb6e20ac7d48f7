//! Merges layers by the rules of the OCI image-spec (layer.md, "Applying Changesets" and "Whiteouts").
//!
//! Each layer is applied in two steps. First, its whiteouts and opaque markers are applied to the
//! result of the lower layers. "Whiteout files MUST only apply to resources in lower/parent layers",
//! so their position in the stream does not matter. Then the other entries are applied in stream
//! order. Where the spec is silent, this follows umoci: parents that are symbolic links are followed
//! inside the root, missing parents are created, and an entry replaces an existing file of another
//! type.
//!
//! Layers are applied one at a time, and nothing of a layer is kept in memory after that.

mod aufs_links;
mod walk;
mod whiteouts;

use std::collections::HashSet;
use std::io;

use super::TreeError;
use super::builder::{ROOT, TreeBuilder};
use super::hidden::{HiddenTreeBuilder, RemovalKind};
use super::name_table::NameTable;
use super::path::clean_into;
use crate::cache::{CacheKey, Unpublished, Writer};
use crate::layer::{EntryKind, LayerEntry, LayerIndex, LayerProblem, ProblemKind};
use aufs_links::{AufsLinks, is_aufs_link};
use walk::{MAX_NAME, MAX_PATH, WalkError};

/// The maximum number of entries of all layers together.
pub(super) const MAX_ENTRIES: u64 = 16 << 20;
/// The maximum memory that merging may use, in bytes.
pub(super) const MAX_SIZE: u64 = 2 << 30;
/// The maximum number of names that paths of all entries may lead through.
const MAX_WALKED: u64 = 1 << 30;

/// Merges layers, lowest first.
pub struct Merger {
    tree: TreeBuilder,
    problems: Vec<LayerProblem>,
    /// The memory that the problems use, in bytes.
    problems_size: u64,
    /// The number of the current or next layer.
    layer: u32,
    entries: u64,
    walked: u64,
    /// How often a directory or symbolic link was replaced. Paths may lead elsewhere afterwards.
    replaced: u64,
    /// While whiteouts are applied: the slots of symbolic links that directories of the same layer will
    /// replace.
    covered: HashSet<u32>,
    /// Records hidden names, if requested.
    hidden: Option<HiddenTreeBuilder>,
    /// Whether a single layer is shown as shipped, without the layers below it.
    alone: bool,
}

/// The resolved parent directory of the last entry. The next entry's parent is usually the same.
#[derive(Default)]
struct Parents<'a> {
    names: Vec<&'a [u8]>,
    dir: u32,
    replaced: u64,
}

/// What an entry adds at its path.
enum Addition<'a> {
    /// A new file described by this entry of the layer. Usually that is the added entry itself.
    File(u32, &'a LayerEntry),
    /// Another name of an existing node.
    Name(u32),
}

impl Default for Merger {
    fn default() -> Self {
        Self::new()
    }
}

impl Merger {
    /// Creates a merger that holds an empty root directory.
    pub fn new() -> Self {
        Self {
            tree: TreeBuilder::new(),
            problems: Vec::new(),
            problems_size: 0,
            layer: 0,
            entries: 0,
            walked: 0,
            replaced: 0,
            covered: HashSet::new(),
            hidden: None,
            alone: false,
        }
    }

    /// Like [`new`](Self::new), but also records the names that layers hide, for
    /// [`Merger::finish_hidden`].
    pub fn recording() -> Self {
        let mut merger = Self::new();
        merger.hidden = Some(HiddenTreeBuilder::new());
        merger
    }

    /// Creates a merger that shows layer `number` of an image alone, as shipped. Whiteouts appear as
    /// files with their own names. A hard link to a file of another layer becomes a symbolic link to it.
    pub fn alone(number: u32) -> Self {
        let mut merger = Self::new();
        merger.layer = number;
        merger.alone = true;
        merger
    }

    /// Applies the next layer.
    ///
    /// # Errors
    /// Returns `TooMuch` if all layers so far describe more than any real image does, and `Layer` if the
    /// layer's index is damaged.
    pub fn layer(&mut self, layer: &LayerIndex) -> Result<(), TreeError> {
        let problems = layer
            .problems(self.layer as usize)
            .map_err(TreeError::Layer)?;
        let entries = layer.entries().collect::<io::Result<Vec<LayerEntry>>>();
        self.apply(problems, &entries.map_err(TreeError::Layer)?)
    }

    /// Applies the entries of the next layer. `problems` are those already found in it.
    ///
    /// # Errors
    /// Returns `TooMuch`, as [`layer`](Self::layer) does.
    pub fn apply(
        &mut self,
        problems: Vec<LayerProblem>,
        entries: &[LayerEntry],
    ) -> Result<(), TreeError> {
        self.entries = self.entries.saturating_add(entries.len() as u64);
        for problem in problems {
            self.report(problem);
        }
        self.check()?;
        if let Some(hidden) = &mut self.hidden {
            hidden.layer();
        }
        let plain = match self.alone {
            true => (0..entries.len() as u32).collect(),
            false => self.whiteouts(entries)?,
        };
        let mut names = Vec::new();
        let mut parents = Parents::default();
        let mut aufs_links = AufsLinks::new(entries);
        for number in plain {
            let Some(entry) = entries.get(number as usize) else {
                continue;
            };
            clean_into(&entry.path, &mut names);
            if is_aufs_link(&names) && !self.alone {
                aufs_links.keep(number, entry, &names);
                continue;
            }
            let too_long = names.iter().any(|n| n.len() > MAX_NAME);
            if too_long || entry.path.len() > MAX_PATH {
                self.problem(entry, ProblemKind::NameTooLong);
            } else {
                self.entry(number, entry, &names, &aufs_links, &mut parents);
            }
            self.check()?;
        }
        // Cannot overflow: the manifest that lists the layers is at most some megabytes long.
        self.layer += 1;
        Ok(())
    }

    /// Writes the merged tree of all layers. Its cache key is `key`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn finish(self, writer: Writer, key: &CacheKey) -> Result<Unpublished, TreeError> {
        let nothing_more = |_: &NameTable, _: &mut Writer| Ok(());
        let tree = self.tree;
        let writer = tree.write(self.layer, &self.problems, writer, nothing_more)?;
        Ok(writer.finish(key)?)
    }

    /// Writes the tree of hidden names. Its root has a directory for each layer, named by the layer's
    /// number, with the names that the layer added and a later layer removed.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn finish_hidden(self, writer: Writer, key: &CacheKey) -> Result<Unpublished, TreeError> {
        let hidden = self.hidden.unwrap_or_else(HiddenTreeBuilder::new);
        let writer = hidden.write(self.layer, writer)?;
        Ok(writer.finish(key)?)
    }

    /// The memory that the merger uses, in bytes.
    fn size(&self) -> u64 {
        let recorded = self.hidden.as_ref().map_or(0, HiddenTreeBuilder::size);
        self.tree
            .size()
            .saturating_add(self.problems_size)
            .saturating_add(recorded)
    }

    /// Records that a name is about to be removed, or to lead elsewhere.
    fn hide(&mut self, slot: u32, how: RemovalKind) {
        // One byte over the limit makes the next `check` fail.
        let max_bytes = MAX_SIZE.saturating_sub(self.size()).saturating_add(1);
        if let Some(hidden) = &mut self.hidden {
            hidden.hide(&self.tree, slot, self.layer, how, max_bytes);
        }
    }

    fn check(&self) -> Result<(), TreeError> {
        if self.entries > MAX_ENTRIES || self.size() > MAX_SIZE || self.walked > MAX_WALKED {
            return Err(TreeError::TooMuch);
        }
        Ok(())
    }

    fn problem(&mut self, entry: &LayerEntry, kind: ProblemKind) {
        self.report(LayerProblem {
            layer: self.layer as usize,
            path: entry.path.clone(),
            kind,
        });
    }

    fn report(&mut self, problem: LayerProblem) {
        let more = match &problem.kind {
            ProblemKind::DanglingHardLink(target) => target.len(),
            ProblemKind::MediaType { claimed, found } => claimed.len() + found.len(),
            ProblemKind::Ambiguous(ambiguity) => ambiguity.text_len(),
            _ => 0,
        };
        self.problems_size += (size_of::<LayerProblem>() + 32 + problem.path.len() + more) as u64;
        self.problems.push(problem);
    }

    // Entries.

    fn entry<'a>(
        &mut self,
        number: u32,
        entry: &'a LayerEntry,
        names: &[&'a [u8]],
        aufs_links: &AufsLinks<'a>,
        parents: &mut Parents<'a>,
    ) {
        let Some((name, dirs)) = names.split_last() else {
            return self.root(number, entry);
        };
        // Resolved before anything is created or replaced, so that a dangling link leaves no trace.
        let addition = match &entry.kind {
            EntryKind::HardLink(target) => match self.hard_link(entry, target, aufs_links) {
                Some(addition) => addition,
                None if self.alone => {
                    return self.link_elsewhere(number, entry, target, names, parents);
                }
                None => return,
            },
            _ => Addition::File(number, entry),
        };
        let dir = match self.parents(dirs, parents) {
            Ok(dir) => dir,
            Err(WalkError::TooLong) => return self.problem(entry, ProblemKind::NameTooLong),
            Err(_) => return self.problem(entry, ProblemKind::SymlinkLoop),
        };
        let old = self.tree.child(dir, name);
        let node = match (addition, old) {
            (Addition::Name(node), Some(old)) if node == old => return,
            (Addition::Name(node), _) => node,
            (Addition::File(..), Some(old))
                if self.tree.is_directory(old) && entry.kind == EntryKind::Directory =>
            {
                return self.tree.describe(old, entry, self.layer, number);
            }
            (Addition::File(number, entry), _) => self.tree.make(dir, entry, self.layer, number),
        };
        if let Some(old) = old {
            if self.tree.is_of_layer(old, self.layer) {
                self.problem(entry, ProblemKind::DuplicateEntry);
            }
            self.replaces(old);
            self.hide_child(dir, name, RemovalKind::Replaced);
        }
        self.tree.put(dir, name, node, self.layer);
    }

    /// Adds a hard link whose target this layer lacks, as a symbolic link to the target.
    fn link_elsewhere<'a>(
        &mut self,
        number: u32,
        entry: &LayerEntry,
        target: &[u8],
        names: &[&'a [u8]],
        parents: &mut Parents<'a>,
    ) {
        let slash: &[u8] = if target.starts_with(b"/") { b"" } else { b"/" };
        let target = [slash, target].concat();
        let link = LayerEntry {
            kind: EntryKind::Symlink(target.into()),
            ..entry.clone()
        };
        let Some((name, dirs)) = names.split_last() else {
            return;
        };
        let Ok(dir) = self.parents(dirs, parents) else {
            return;
        };
        if let Some(old) = self.tree.child(dir, name) {
            self.replaces(old);
        }
        let node = self.tree.make(dir, &link, self.layer, number);
        self.tree.put(dir, name, node, self.layer);
    }

    fn replaces(&mut self, old: u32) {
        if self.tree.is_directory(old) || self.tree.target(old).is_some() {
            self.replaced += 1;
        }
    }

    /// The directory that holds an entry. Missing directories are created.
    fn parents<'a>(
        &mut self,
        names: &[&'a [u8]],
        last: &mut Parents<'a>,
    ) -> Result<u32, WalkError> {
        if last.names != names || last.replaced != self.replaced {
            *last = Parents::default();
            last.dir = self.walk(names, true, false)?;
            last.names.extend_from_slice(names);
            last.replaced = self.replaced;
        }
        Ok(last.dir)
    }

    /// Resolves a hard link. Reports a problem if it is dangling.
    fn hard_link<'a>(
        &mut self,
        entry: &LayerEntry,
        target: &[u8],
        aufs_links: &AufsLinks<'a>,
    ) -> Option<Addition<'a>> {
        let mut names = Vec::new();
        if clean_into(target, &mut names) {
            self.problem(entry, ProblemKind::EscapingPath);
        }
        let found = if is_aufs_link(&names) && !self.alone {
            let file = aufs_links.find(&names);
            file.map(|(number, entry)| Addition::File(number, entry))
        } else {
            self.link_target(&names).map(Addition::Name)
        };
        if found.is_none() {
            self.problem(entry, ProblemKind::DanglingHardLink(target.into()));
        }
        found
    }

    fn root(&mut self, number: u32, entry: &LayerEntry) {
        match entry.kind {
            EntryKind::Directory => self.tree.describe(ROOT, entry, self.layer, number),
            _ => self.problem(entry, ProblemKind::EscapingPath),
        }
    }

    /// The file that a hard link names. The last component is not followed, as for link(2).
    fn link_target(&mut self, names: &[&[u8]]) -> Option<u32> {
        let (name, dirs) = names.split_last()?;
        let dir = self.walk(dirs, false, true).ok()?;
        let node = self.tree.child_or_removed(dir, name, self.layer)?;
        (!self.tree.is_directory(node)).then_some(node)
    }
}
