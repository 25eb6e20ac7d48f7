//! Hard links into `.wh..wh.plnk`, in layers of Docker 1.12 and before on aufs.
//!
//! aufs keeps a file that has several names in a directory of its own, `.wh..wh.plnk` in the root of the
//! layer, named by its inode numbers. Its layers may have the names as hard links to it. The directory is
//! not shown. moby (`UnpackLayer` in pkg/archive/diff.go) makes a file of its own of each such link, with
//! the attributes and the bytes of what it leads to, if that stands before it in the stream of the same
//! layer; so does [`Merger`](super::Merger).

use std::collections::HashMap;

use crate::layer::{AUFS_LINKS, Entry, EntryKind};

/// The files of one layer's `.wh..wh.plnk` that were seen so far. Takes less memory than the entries do.
pub(super) struct Plnk<'a> {
    entries: &'a [Entry],
    /// By the last name of the path, as in moby.
    numbers: HashMap<&'a [u8], u32>,
}

/// Whether a path, as its names, leads into the directory.
pub(super) fn is_plnk(names: &[&[u8]]) -> bool {
    names.first() == Some(&AUFS_LINKS)
}

impl<'a> Plnk<'a> {
    /// The same for a layer of these entries, of which none was seen.
    pub fn new(entries: &'a [Entry]) -> Self {
        Self {
            entries,
            numbers: HashMap::new(),
        }
    }

    /// Keeps entry `number`, which stands in the directory. Only regular files can be linked to; of two of
    /// one name the later one counts.
    pub fn keep(&mut self, number: u32, entry: &Entry, names: &[&'a [u8]]) {
        if let [_, .., name] = names
            && entry.kind == EntryKind::Regular
        {
            self.numbers.insert(name, number);
        }
    }

    /// The number of the entry that a hard link to such a path leads to, and the entry.
    pub fn find(&self, names: &[&[u8]]) -> Option<(u32, &'a Entry)> {
        let [_, .., name] = names else {
            return None;
        };
        let number = *self.numbers.get(name)?;
        Some((number, self.entries.get(number as usize)?))
    }
}
