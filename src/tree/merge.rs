//! Merging: layers on top of each other, by the rules of the OCI image-spec (layer.md, "Applying
//! Changesets" and "Whiteouts").
//!
//! Each layer is applied in two steps. First its whiteouts and opaque markers, against what lower
//! layers left: "whiteout files MUST only apply to resources in lower/parent layers", so their place
//! in the stream does not matter. Then its other entries in the order of the stream. Where the
//! spec is silent, what umoci does is done: parents that are symbolic links are followed inside the
//! root, missing parents are made, an entry of another type replaces what was there.
//!
//! Layers come one at a time, and nothing of one is held once it is applied.

use std::borrow::Cow;
use std::io;

use super::TreeError;
use super::grow::{Growing, ROOT};
use super::hidden::{How, Recorder};
use super::names::Names;
use super::path::{clean_into, components};
use crate::cache::{Key, Unpublished, Writer};
use crate::layer::{Entry, EntryKind, LayerIndex, Marker, Problem, ProblemKind, marker};

/// Symbolic links on one path while merging. Higher than the kernel's limit, as in umoci's
/// securejoin: what was built by an unpacker must merge.
const MAX_LINKS: usize = 255;
/// Names on one path, those of links among them: links that double with each one would else go on
/// for ever without a circle.
const MAX_STEPS: u64 = 16 << 10;
/// NAME_MAX and PATH_MAX (Linux, limits.h).
const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4096;

/// All layers together have at most so many entries, …
pub(super) const MAX_ENTRIES: u64 = 16 << 20;
/// …take at most so many bytes of memory while they are merged, …
pub(super) const MAX_SIZE: u64 = 2 << 30;
/// …and lead through at most so many names.
const MAX_WALKED: u64 = 1 << 30;

/// Why a walk along a path ended early.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// A name is not there.
    Missing,
    /// Links go in circles, or on for too long.
    Loop,
    /// A link names a directory that is to be made, and no file system holds such a name.
    TooLong,
}

/// Merges layers, the lowest first.
pub struct Merger {
    tree: Growing,
    problems: Vec<Problem>,
    /// Bytes that the problems take.
    problems_size: u64,
    /// The number of the next layer, and while one is applied, its own.
    layer: u32,
    entries: u64,
    walked: u64,
    /// How often something took the place of a directory or a link: paths may lead elsewhere then.
    replaced: u64,
    /// Writes down what is hidden, if somebody wants to know.
    recorder: Option<Recorder>,
    /// Whether a layer is shown as it is shipped, without those below it.
    alone: bool,
}

/// Where the last entry's parents led: the next one's are mostly the same.
#[derive(Default)]
struct Parents<'a> {
    names: Vec<&'a [u8]>,
    dir: u32,
    replaced: u64,
}

impl Default for Merger {
    fn default() -> Self {
        Self::new()
    }
}

impl Merger {
    /// An empty root.
    pub fn new() -> Self {
        Self {
            tree: Growing::new(),
            problems: Vec::new(),
            problems_size: 0,
            layer: 0,
            entries: 0,
            walked: 0,
            replaced: 0,
            recorder: None,
            alone: false,
        }
    }

    /// The same, and what layers hide of each other is written down on the way, for
    /// [`Merger::finish_hidden`].
    pub fn recording() -> Self {
        let mut merger = Self::new();
        merger.recorder = Some(Recorder::new());
        merger
    }

    /// Shows layer `number` of an image alone, as it is shipped: whiteouts are files of their names. A
    /// hard link to what another layer has is a symbolic link to it.
    pub fn alone(number: u32) -> Self {
        let mut merger = Self::new();
        merger.layer = number;
        merger.alone = true;
        merger
    }

    /// Applies the next layer.
    ///
    /// # Errors
    /// `TooMuch`, if all layers so far describe more than any real image does; `Layer`, if its index
    /// is damaged.
    pub fn layer(&mut self, layer: &LayerIndex) -> Result<(), TreeError> {
        let problems = layer
            .problems(self.layer as usize)
            .map_err(TreeError::Layer)?;
        let entries = layer.entries().collect::<io::Result<Vec<Entry>>>();
        self.apply(problems, &entries.map_err(TreeError::Layer)?)
    }

    /// Applies the entries of the next layer, in which these problems were found before.
    ///
    /// # Errors
    /// `TooMuch`, as above.
    pub fn apply(&mut self, problems: Vec<Problem>, entries: &[Entry]) -> Result<(), TreeError> {
        self.entries = self.entries.saturating_add(entries.len() as u64);
        for problem in problems {
            self.report(problem);
        }
        self.check()?;
        if let Some(recorder) = &mut self.recorder {
            recorder.layer();
        }
        let plain = match self.alone {
            true => (0..entries.len() as u32).collect(),
            false => self.whiteouts(entries)?,
        };
        let mut names = Vec::new();
        let mut parents = Parents::default();
        for number in plain {
            let Some(entry) = entries.get(number as usize) else {
                continue;
            };
            clean_into(&entry.path, &mut names);
            let too_long = names.iter().any(|n| n.len() > MAX_NAME);
            if too_long || entry.path.len() > MAX_PATH {
                self.problem(entry, ProblemKind::NameTooLong);
            } else {
                self.entry(number, entry, &names, &mut parents);
            }
            self.check()?;
        }
        // Layers are counted by a manifest of at most some megabytes.
        self.layer += 1;
        Ok(())
    }

    /// Writes the tree of all layers, to be found under `key`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self, writer: Writer, key: &Key) -> Result<Unpublished, TreeError> {
        let nothing_more = |_: &Names, _: &mut Writer| Ok(());
        let tree = self.tree;
        let writer = tree.freeze(self.layer, &self.problems, writer, nothing_more)?;
        Ok(writer.finish(key)?)
    }

    /// Writes the tree of what layers hide of each other: in its root a directory for each layer, named
    /// by its number, with the names that it brought and a later layer took away.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish_hidden(self, writer: Writer, key: &Key) -> Result<Unpublished, TreeError> {
        let recorder = self.recorder.unwrap_or_else(Recorder::new);
        let writer = recorder.freeze(self.layer, writer)?;
        Ok(writer.finish(key)?)
    }

    /// Bytes of memory that all of it takes.
    fn size(&self) -> u64 {
        let recorded = self.recorder.as_ref().map_or(0, Recorder::size);
        self.tree
            .size()
            .saturating_add(self.problems_size)
            .saturating_add(recorded)
    }

    /// A name is about to be taken away, or to lead elsewhere.
    fn hide(&mut self, slot: u32, how: How) {
        // What goes beyond is refused by the next check.
        let room = MAX_SIZE.saturating_sub(self.size()).saturating_add(1);
        if let Some(recorder) = &mut self.recorder {
            recorder.hide(&self.tree, slot, self.layer, how, room);
        }
    }

    fn check(&self) -> Result<(), TreeError> {
        if self.entries > MAX_ENTRIES || self.size() > MAX_SIZE || self.walked > MAX_WALKED {
            return Err(TreeError::TooMuch);
        }
        Ok(())
    }

    fn problem(&mut self, entry: &Entry, kind: ProblemKind) {
        self.report(Problem {
            layer: self.layer as usize,
            path: entry.path.clone(),
            kind,
        });
    }

    fn report(&mut self, problem: Problem) {
        let more = match &problem.kind {
            ProblemKind::DanglingHardLink(target) => target.len(),
            ProblemKind::MediaType { claimed, found } => claimed.len() + found.len(),
            ProblemKind::Ambiguous(ambiguity) => ambiguity.text_len(),
            _ => 0,
        };
        self.problems_size += (size_of::<Problem>() + 32 + problem.path.len() + more) as u64;
        self.problems.push(problem);
    }

    // Whiteouts.

    /// Applies the whiteouts of a layer, and returns the numbers of its other entries.
    fn whiteouts(&mut self, entries: &[Entry]) -> Result<Vec<u32>, TreeError> {
        let mut plain = Vec::with_capacity(entries.len());
        let mut names = Vec::new();
        for (number, entry) in (0..).zip(entries) {
            if clean_into(&entry.path, &mut names) {
                self.problem(entry, ProblemKind::EscapingPath);
            }
            let markers = names.iter().map(|name| marker(name));
            if markers.clone().any(|m| m == Marker::Aufs) {
                continue;
            }
            let last = markers.clone().next_back();
            let above = markers.rev().skip(1).any(|m| m != Marker::Name);
            match last {
                None | Some(Marker::Name) if !above => plain.push(number),
                Some(Marker::Whiteout(hidden)) if !above => self.whiteout(&names, Some(hidden)),
                Some(Marker::Opaque) if !above => self.whiteout(&names, None),
                _ => self.problem(entry, ProblemKind::BadWhiteout),
            }
            self.check()?;
        }
        Ok(plain)
    }

    /// Takes a name of lower layers away, or all names of a directory. That there is none is no
    /// error: the spec does not ask for it, and builders write such whiteouts.
    fn whiteout(&mut self, names: &[&[u8]], hidden: Option<&[u8]>) {
        let Some((_, dirs)) = names.split_last() else {
            return;
        };
        // Another whiteout of this layer may have taken the directory away already.
        let Ok(dir) = self.walk(dirs, false, false) else {
            return;
        };
        if self.recorder.is_some() {
            match hidden {
                Some(name) => self.hide_child(dir, name, How::Whiteout),
                None => {
                    let slots: Vec<u32> = self.tree.slots(dir).collect();
                    for slot in slots {
                        self.hide(slot, How::Opaque);
                    }
                }
            }
        }
        match hidden {
            Some(name) => self.tree.remove(dir, name, self.layer),
            None => self.tree.remove_all(dir, self.layer),
        }
    }

    fn hide_child(&mut self, dir: u32, name: &[u8], how: How) {
        if let Some(slot) = self.tree.names.find(dir, name)
            && self.tree.names.gone(slot).is_none()
        {
            self.hide(slot, how);
        }
    }

    // Entries.

    fn entry<'a>(
        &mut self,
        number: u32,
        entry: &'a Entry,
        names: &[&'a [u8]],
        parents: &mut Parents<'a>,
    ) {
        let Some((name, dirs)) = names.split_last() else {
            return self.root(number, entry);
        };
        // Found before anything is made or replaced: a link to nothing leaves no trace.
        let linked = match &entry.kind {
            EntryKind::HardLink(target) => match self.hard_link(entry, target) {
                Some(node) => Some(node),
                None if self.alone => {
                    return self.link_elsewhere(number, entry, target, names, parents);
                }
                None => return,
            },
            _ => None,
        };
        let dir = match self.parents(dirs, parents) {
            Ok(dir) => dir,
            Err(Stop::TooLong) => return self.problem(entry, ProblemKind::NameTooLong),
            Err(_) => return self.problem(entry, ProblemKind::SymlinkLoop),
        };
        let old = self.tree.child(dir, name);
        let node = match (linked, old) {
            (Some(node), Some(old)) if node == old => return,
            (Some(node), _) => node,
            (None, Some(old))
                if self.tree.is_directory(old) && entry.kind == EntryKind::Directory =>
            {
                return self.tree.describe(old, entry, self.layer, number);
            }
            (None, _) => self.tree.make(dir, entry, self.layer, number),
        };
        if let Some(old) = old {
            if self.tree.is_of_layer(old, self.layer) {
                self.problem(entry, ProblemKind::DuplicateEntry);
            }
            self.replaces(old);
            self.hide_child(dir, name, How::Replaced);
        }
        self.tree.put(dir, name, node, self.layer);
    }

    /// A hard link to what this layer does not have, as a symbolic link that says where it leads.
    fn link_elsewhere<'a>(
        &mut self,
        number: u32,
        entry: &Entry,
        target: &[u8],
        names: &[&'a [u8]],
        parents: &mut Parents<'a>,
    ) {
        let slash: &[u8] = if target.starts_with(b"/") { b"" } else { b"/" };
        let target = [slash, target].concat();
        let link = Entry {
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

    /// The directory of an entry's parents, made where it is missing.
    fn parents<'a>(&mut self, names: &[&'a [u8]], last: &mut Parents<'a>) -> Result<u32, Stop> {
        if last.names != names || last.replaced != self.replaced {
            *last = Parents::default();
            last.dir = self.walk(names, true, false)?;
            last.names.extend_from_slice(names);
            last.replaced = self.replaced;
        }
        Ok(last.dir)
    }

    /// The node that a hard link leads to; that there is none is reported.
    fn hard_link(&mut self, entry: &Entry, target: &[u8]) -> Option<u32> {
        let mut names = Vec::new();
        if clean_into(target, &mut names) {
            self.problem(entry, ProblemKind::EscapingPath);
        }
        let node = self.link_target(&names);
        if node.is_none() {
            self.problem(entry, ProblemKind::DanglingHardLink(target.into()));
        }
        node
    }

    fn root(&mut self, number: u32, entry: &Entry) {
        match entry.kind {
            EntryKind::Directory => self.tree.describe(ROOT, entry, self.layer, number),
            _ => self.problem(entry, ProblemKind::EscapingPath),
        }
    }

    /// The file that a hard link names. Its last name is not followed, as by link(2).
    fn link_target(&mut self, names: &[&[u8]]) -> Option<u32> {
        let (name, dirs) = names.split_last()?;
        let dir = self.walk(dirs, false, true).ok()?;
        let node = self.tree.child_or_removed(dir, name, self.layer)?;
        (!self.tree.is_directory(node)).then_some(node)
    }

    // Walking.

    /// Follows names from the root. With `make`, what is missing is made and what is no directory
    /// is replaced by one; with `removed`, what this layer's whiteouts took away is still found.
    fn walk(&mut self, names: &[&[u8]], make: bool, removed: bool) -> Result<u32, Stop> {
        let mut at = ROOT;
        let mut links = 0;
        let mut steps = 0;
        let mut pending: Vec<Cow<'_, [u8]>> =
            names.iter().rev().map(|&n| Cow::Borrowed(n)).collect();
        while let Some(name) = pending.pop() {
            steps += 1;
            self.walked += 1;
            if steps > MAX_STEPS {
                return Err(Stop::Loop);
            }
            match &*name {
                b"." => continue,
                b".." => {
                    at = self.tree.parent(at);
                    continue;
                }
                _ => {}
            }
            let child = if removed {
                self.tree.child_or_removed(at, &name, self.layer)
            } else {
                self.tree.child(at, &name)
            };
            if let Some(child) = child {
                if self.tree.is_directory(child) {
                    at = child;
                    continue;
                }
                if let Some(target) = self.tree.target(child) {
                    links += 1;
                    if links > MAX_LINKS || target.len() > MAX_PATH {
                        return Err(Stop::Loop);
                    }
                    if target.starts_with(b"/") {
                        at = ROOT;
                    }
                    let before = pending.len();
                    pending.extend(components(target).rev().map(|n| Cow::Owned(n.to_vec())));
                    self.walked += (pending.len() - before) as u64;
                    continue;
                }
            }
            if !make {
                return Err(Stop::Missing);
            }
            if name.len() > MAX_NAME {
                return Err(Stop::TooLong);
            }
            if let Some(child) = child {
                self.report(Problem {
                    layer: self.layer as usize,
                    path: names.join(&b'/').into(),
                    kind: ProblemKind::ParentNotDirectory,
                });
                self.replaces(child);
                self.hide_child(at, &name, How::Replaced);
            }
            let made = self.tree.implied(at, self.layer);
            self.tree.put(at, &name, made, self.layer);
            at = made;
        }
        Ok(at)
    }
}
