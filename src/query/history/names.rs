//! Which names were there below a layer, by the letter of the paths.
//!
//! For each path that a layer has described it is known when that was last, and when a whiteout last
//! took it away with all below it, or an opaque marker or something that is no directory all below it.
//! A path is there if none of its parents was taken away since. Paths are known by a hash of 64 bits, so
//! that long ones take no more memory than short ones.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::layer::{Entry, EntryKind, Marker, marker};
use crate::tree::clean_into;

/// Longer paths are left out when layers are merged (PATH_MAX, Linux, limits.h).
const MAX_PATH: usize = 4096;

/// What was at a path before a layer brought something there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    /// Nothing, or a directory.
    Nothing,
    /// Something else than a directory.
    File,
    /// A directory is brought, or the layer has brought something there before.
    NoMatter,
}

/// What is known of a path. Layers are counted from 1, and 0 is never.
#[derive(Clone, Copy, Default)]
struct Known {
    /// The last layer that brought it.
    brought: u32,
    is_directory: bool,
    /// The last layer that took it and all below it away.
    gone: u32,
    /// The last layer that took all below it away.
    emptied: u32,
}

/// The names of all layers so far.
#[derive(Default)]
pub(super) struct Names {
    hasher: RandomState,
    known: HashMap<u64, Known>,
}

/// A layer that is being looked at. What it does counts for the next one.
pub(super) struct LayerNames<'a> {
    names: &'a mut Names,
    number: u32,
    /// What it has done to each path.
    done: HashMap<u64, Done>,
}

/// What one layer has done to a path.
#[derive(Clone, Copy, Default)]
struct Done {
    /// It has brought something there; whether a directory.
    brought: Option<bool>,
    /// That was counted.
    is_counted: bool,
    gone: bool,
    emptied: bool,
}

impl Names {
    /// The next layer, by its number from 0.
    pub fn layer(&mut self, number: u32) -> LayerNames<'_> {
        LayerNames {
            names: self,
            number: number.saturating_add(1),
            done: HashMap::new(),
        }
    }

    /// The hash of each path on the way to one, the root's first.
    fn hashes<'a>(&'a self, names: &'a [&[u8]]) -> impl Iterator<Item = u64> + 'a {
        let mut hash = 0;
        let below = names.iter().map(move |name| {
            hash = self.hasher.hash_one((hash, name));
            hash
        });
        std::iter::once(0).chain(below)
    }

    /// Whether a path is there, and then whether it is a directory.
    fn find(&self, names: &[&[u8]]) -> Option<bool> {
        let mut taken = 0;
        let mut last = Known::default();
        for hash in self.hashes(names) {
            taken = taken.max(last.emptied);
            last = self.known.get(&hash).copied().unwrap_or_default();
            taken = taken.max(last.gone);
        }
        (last.brought > 0 && last.brought >= taken).then_some(last.is_directory)
    }
}

impl LayerNames<'_> {
    /// Looks at an entry; `None` if it brings nothing: it is a whiteout, or means nothing.
    pub fn bring(&mut self, entry: &Entry) -> Option<Was> {
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
            return Some(Was::NoMatter);
        }
        Some(match self.names.find(&names) {
            Some(false) => Was::File,
            Some(true) | None => Was::Nothing,
        })
    }

    /// A whiteout or an opaque marker in a directory.
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

    /// All entries were looked at.
    pub fn finish(self) {
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

    fn entry(path: &str, kind: EntryKind) -> Entry {
        Entry {
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

    /// What each path of a layer was; those that end in a slash are directories.
    fn layer(names: &mut Names, number: u32, paths: &[&str]) -> Vec<Option<Was>> {
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
        let new = Some(Was::Nothing);
        let names = &mut Names::default();
        assert_eq!(layer(names, 0, &["d/e/f", "./d//g", "d/"])[..2], [new, new]);
        // Its place in the layer does not matter, and what the layer brings itself stays.
        let second = layer(names, 1, &["d/g", ".wh.d", "d/h"]);
        assert_eq!(second, [Some(Was::File), None, new]);
        let third = layer(names, 2, &["d/e/f", "/d/g", "d/h"]);
        let file = Some(Was::File);
        assert_eq!(third, [new, file, file]);
        // A file takes the directory's place.
        assert_eq!(layer(names, 3, &["d"]), [new]);
        assert_eq!(layer(names, 4, &["d", "d/h"]), [file, new]);
    }

    #[test]
    fn an_opaque_marker_takes_away_what_is_below_only() {
        let names = &mut Names::default();
        layer(names, 0, &["d/f", "x"]);
        layer(names, 1, &["d/.wh..wh..opq"]);
        let (new, file) = (Some(Was::Nothing), Some(Was::File));
        assert_eq!(layer(names, 2, &["d/f", "x", "x"])[..2], [new, file]);
        assert_eq!(layer(names, 3, &[".wh..wh..opq"]), [None]);
        assert_eq!(layer(names, 4, &["d/f", "x"]), [new, new]);
        // A whiteout of nothing, one below a whiteout, what aufs left.
        let odd = layer(names, 5, &[".wh.", ".wh.d/f", ".wh..wh.plnk/1", "x"]);
        assert_eq!(odd, [None, None, None, file]);
        assert_eq!(
            layer(names, 6, &["x", "x", "d/"])[1..],
            [Some(Was::NoMatter); 2]
        );
    }
}
