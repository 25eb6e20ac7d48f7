//! Tracks which names exist below a layer. Paths are taken literally, without following links.
//!
//! For each path, this records the last layer that had an entry there; the last layer with a whiteout of
//! the path, which removes it and everything below; and the last layer with an opaque marker or a file
//! there, which removes only everything below. A path exists if neither it nor one of its parents was
//! removed since its entry. Paths are identified by 64-bit hashes, so long paths take no more memory
//! than short ones.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::layer::{EntryKind, LayerEntry, Marker, marker};
use crate::tree::clean_into;

/// Longer paths are ignored, as when layers are merged (PATH_MAX, Linux, limits.h).
const MAX_PATH: usize = 4096;

/// What existed at a path before a layer added an entry there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing, or a directory.
    Nothing,
    /// A file, meaning anything but a directory.
    File,
    /// Irrelevant, because the entry is a directory or the layer already had a file at this path.
    Irrelevant,
}

/// The state of a path. Layers are counted from 1; 0 means never.
#[derive(Clone, Copy, Default)]
struct PathState {
    /// The last layer with an entry at this path or below it.
    brought: u32,
    is_directory: bool,
    /// The last layer that removed the path and everything below it.
    gone: u32,
    /// The last layer that removed everything below the path.
    emptied: u32,
}

/// The names of all layers so far.
#[derive(Default)]
pub(super) struct Names {
    hasher: RandomState,
    known: HashMap<u64, PathState>,
}

/// The layer that is being processed. Its effects become visible to the next layer.
pub(super) struct LayerNames<'a> {
    names: &'a mut Names,
    number: u32,
    /// The effects of the layer on each path.
    done: HashMap<u64, LayerEffect>,
}

/// The effect of one layer on a path.
#[derive(Clone, Copy, Default)]
struct LayerEffect {
    /// `true` if the layer has a directory there, `false` for any other file. `None` if the layer has
    /// neither an entry for the path nor one below it.
    brought: Option<bool>,
    /// Whether a file at the path was counted.
    is_counted: bool,
    gone: bool,
    emptied: bool,
}

impl Names {
    /// Starts the next layer. `number` is counted from 0.
    pub(super) fn layer(&mut self, number: u32) -> LayerNames<'_> {
        LayerNames {
            names: self,
            number: number.saturating_add(1),
            done: HashMap::new(),
        }
    }

    /// The hashes of a path and all its parents, starting with the root.
    fn hashes<'a>(&'a self, names: &'a [&[u8]]) -> impl Iterator<Item = u64> + 'a {
        let mut hash = 0;
        let below = names.iter().map(move |name| {
            hash = self.hasher.hash_one((hash, name));
            hash
        });
        std::iter::once(0).chain(below)
    }

    /// Returns `None` if a path does not exist, and otherwise whether it is a directory.
    fn find(&self, names: &[&[u8]]) -> Option<bool> {
        let mut taken = 0;
        let mut last = PathState::default();
        for hash in self.hashes(names) {
            taken = taken.max(last.emptied);
            last = self.known.get(&hash).copied().unwrap_or_default();
            taken = taken.max(last.gone);
        }
        (last.brought > 0 && last.brought >= taken).then_some(last.is_directory)
    }
}

impl LayerNames<'_> {
    /// Processes an entry. Returns `None` if it adds nothing, because it is a whiteout or invalid.
    pub(super) fn bring(&mut self, entry: &LayerEntry) -> Option<Before> {
        if entry.path.len() > MAX_PATH {
            return None;
        }
        let mut names = Vec::new();
        clean_into(&entry.path, &mut names);
        let is_name = |name: &&[u8]| marker(name) == Marker::Name;
        if let Some((last, dirs)) = names.split_last()
            && !is_name(last)
        {
            if dirs.iter().all(is_name) {
                self.take(dirs, marker(last));
            }
            return None;
        }
        if !names.iter().all(is_name) {
            return None;
        }
        let is_directory = entry.kind == EntryKind::Directory;
        let hashes: Vec<u64> = self.names.hashes(&names).collect();
        let (last, above) = hashes.split_last()?;
        for hash in above {
            let dir = self.done.entry(*hash).or_default();
            dir.brought = Some(true);
        }
        let done = self.done.entry(*last).or_default();
        done.brought = Some(is_directory);
        done.emptied |= !is_directory;
        if is_directory || std::mem::replace(&mut done.is_counted, true) {
            return Some(Before::Irrelevant);
        }
        Some(match self.names.find(&names) {
            Some(false) => Before::File,
            Some(true) | None => Before::Nothing,
        })
    }

    /// Applies a whiteout or an opaque marker in a directory.
    fn take(&mut self, dirs: &[&[u8]], what: Marker<'_>) {
        match what {
            Marker::Whiteout(name) => {
                let path = [dirs, &[name]].concat();
                if let Some(hash) = self.names.hashes(&path).last() {
                    self.done.entry(hash).or_default().gone = true;
                }
            }
            Marker::Opaque => {
                if let Some(hash) = self.names.hashes(dirs).last() {
                    self.done.entry(hash).or_default().emptied = true;
                }
            }
            Marker::Name | Marker::Aufs | Marker::Bad => {}
        }
    }

    /// Makes the effects of the layer visible to the next one.
    pub(super) fn finish(self) {
        for (hash, done) in self.done {
            let known = self.names.known.entry(hash).or_default();
            if let Some(is_directory) = done.brought {
                (known.brought, known.is_directory) = (self.number, is_directory);
            }
            if done.gone {
                known.gone = self.number;
            }
            if done.emptied {
                known.emptied = self.number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Data, Mtime};

    fn entry(path: &str, kind: EntryKind) -> LayerEntry {
        LayerEntry {
            path: path.as_bytes().into(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Mtime::default(),
            size: 0,
            xattrs: Vec::new(),
            data: Data::None,
            format: None,
        }
    }

    /// Processes a layer and returns the result for each path. Paths with a final slash are directories.
    fn layer(names: &mut Names, number: u32, paths: &[&str]) -> Vec<Option<Before>> {
        let mut layer = names.layer(number);
        let mut was = Vec::new();
        for path in paths {
            let kind = match path.ends_with('/') {
                true => EntryKind::Directory,
                false => EntryKind::Regular,
            };
            was.push(layer.bring(&entry(path, kind)));
        }
        layer.finish();
        was
    }

    #[test]
    fn a_whiteout_takes_away_what_is_below() {
        let new = Some(Before::Nothing);
        let names = &mut Names::default();
        assert_eq!(layer(names, 0, &["d/e/f", "./d//g", "d/"])[..2], [new, new]);
        // The position of a whiteout does not matter, and the layer's own entries stay.
        let second = layer(names, 1, &["d/g", ".wh.d", "d/h"]);
        assert_eq!(second, [Some(Before::File), None, new]);
        let third = layer(names, 2, &["d/e/f", "/d/g", "d/h"]);
        let file = Some(Before::File);
        assert_eq!(third, [new, file, file]);
        // A file replaces the directory.
        assert_eq!(layer(names, 3, &["d"]), [new]);
        assert_eq!(layer(names, 4, &["d", "d/h"]), [file, new]);
    }

    #[test]
    fn an_opaque_marker_takes_away_what_is_below_only() {
        let names = &mut Names::default();
        layer(names, 0, &["d/f", "x"]);
        layer(names, 1, &["d/.wh..wh..opq"]);
        let (new, file) = (Some(Before::Nothing), Some(Before::File));
        assert_eq!(layer(names, 2, &["d/f", "x", "x"])[..2], [new, file]);
        assert_eq!(layer(names, 3, &[".wh..wh..opq"]), [None]);
        assert_eq!(layer(names, 4, &["d/f", "x"]), [new, new]);
        // An empty whiteout, a marker below a whiteout's name, and a file of aufs.
        let odd = layer(names, 5, &[".wh.", ".wh.d/f", ".wh..wh.plnk/1", "x"]);
        assert_eq!(odd, [None, None, None, file]);
        assert_eq!(
            layer(names, 6, &["x", "x", "d/"])[1..],
            [Some(Before::Irrelevant); 2]
        );
    }
}
