//! Hard links into `.wh..wh.plnk`, in layers that Docker 1.12 and earlier made on aufs.
//!
//! aufs keeps a file that has several names in a separate directory, `.wh..wh.plnk` in the root of the
//! layer, under its inode numbers. A layer may contain the names as hard links to that file. The
//! directory itself is not shown. moby (`UnpackLayer` in pkg/archive/diff.go) turns each such link into
//! a separate file with the attributes and bytes of the link's target, if the target precedes it in the
//! stream of the same layer. [`Merger`](super::Merger) does the same.

use std::collections::HashMap;

use crate::layer::{AUFS_LINKS, EntryKind, LayerEntry};

/// The files of one layer's `.wh..wh.plnk` seen so far. Uses less memory than the entries.
pub(super) struct AufsLinks<'a> {
    entries: &'a [LayerEntry],
    /// Entry numbers by the last component of the path, as in moby.
    numbers: HashMap<&'a [u8], u32>,
}

/// Whether a path, split into its components, is in the directory.
pub(super) fn is_aufs_link(names: &[&[u8]]) -> bool {
    names.first() == Some(&AUFS_LINKS)
}

impl<'a> AufsLinks<'a> {
    /// Creates an empty set for a layer with these entries.
    pub(super) fn new(entries: &'a [LayerEntry]) -> Self {
        Self {
            entries,
            numbers: HashMap::new(),
        }
    }

    /// Adds entry `number`, which is in the directory. Only regular files can be linked to. If two have
    /// the same name, the later one wins.
    pub(super) fn keep(&mut self, number: u32, entry: &LayerEntry, names: &[&'a [u8]]) {
        if let [_, .., name] = names
            && entry.kind == EntryKind::Regular
        {
            self.numbers.insert(name, number);
        }
    }

    /// The entry that a hard link to such a path leads to, with its number.
    pub(super) fn find(&self, names: &[&[u8]]) -> Option<(u32, &'a LayerEntry)> {
        let [_, .., name] = names else {
            return None;
        };
        let number = *self.numbers.get(name)?;
        Some((number, self.entries.get(number as usize)?))
    }
}
