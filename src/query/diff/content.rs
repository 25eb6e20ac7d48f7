//! Compares the contents of two files.

use std::collections::HashMap;

use super::error::reason;
use super::side::DiffSide;
use crate::blob::Digest;
use crate::tree::Node;
use crate::view::{FileType, ImageFs};

/// The result of comparing two files of one type without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentComparison {
    /// They have the same bytes, the same link target, or the same device number.
    Same,
    /// They differ.
    Different,
    /// Their bytes must be compared.
    Ask,
}

pub(super) fn compare(old: (&ImageFs, &DiffSide), new: (&ImageFs, &DiffSide)) -> ContentComparison {
    let (a, b) = (old.1, new.1);
    let same = match a.attr.kind {
        FileType::Directory | FileType::Fifo => true,
        FileType::Symlink => a.target == b.target,
        FileType::CharDevice | FileType::BlockDevice => a.attr.device == b.attr.device,
        FileType::Regular if a.attr.size != b.attr.size => false,
        FileType::Regular if a.attr.size == 0 || same_entry(old, new) => true,
        FileType::Regular => return ContentComparison::Ask,
    };
    if same {
        ContentComparison::Same
    } else {
        ContentComparison::Different
    }
}

/// Whether both files are the same entry of the same layer. Layers are the same if the verified digests
/// of their stored or decoded bytes are equal. Digests that are only claimed by a config do not count.
fn same_entry(old: (&ImageFs, &DiffSide), new: (&ImageFs, &DiffSide)) -> bool {
    let (Some(a), Some(b)) = (&old.1.node, &new.1.node) else {
        return false;
    };
    if a.entry.is_none() || a.entry != b.entry {
        return false;
    }
    let layer = |view: &ImageFs, node: &Node| {
        let layer = view.image().layers.get(node.layer as usize)?;
        Some((layer.index.digest().clone(), layer.index.diff_id().cloned()))
    };
    let (Some(a), Some(b)) = (layer(old.0, a), layer(new.0, b)) else {
        return false;
    };
    a.0 == b.0 || (a.1.is_some() && a.1 == b.1)
}

/// The digest of a file, or why it could not be computed.
type DigestResult = Result<Digest, String>;

/// The digests of the files that had to be read, by inode number.
#[derive(Default)]
pub(super) struct Digests {
    old: HashMap<u64, DigestResult>,
    new: HashMap<u64, DigestResult>,
}

impl Digests {
    /// Computes digests of files of both images, in parallel.
    pub(super) fn of(old: (&ImageFs, &[&DiffSide]), new: (&ImageFs, &[&DiffSide])) -> Self {
        if old.1.is_empty() && new.1.is_empty() {
            return Self::default();
        }
        std::thread::scope(|scope| {
            let other = scope.spawn(|| digests(old.0, old.1));
            let new = digests(new.0, new.1);
            let old = other.join();
            // Propagate a panic of the other thread.
            let old = old.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Self { old, new }
        })
    }

    /// Returns the digests of two files, or `None` if they were not computed.
    ///
    /// # Errors
    /// Returns the reason why a file could not be read, and whether that is the old file.
    pub(super) fn pair(
        &self,
        old: u64,
        new: u64,
    ) -> Result<Option<(Digest, Digest)>, (bool, String)> {
        let (Some(old), Some(new)) = (self.old.get(&old), self.new.get(&new)) else {
            return Ok(None);
        };
        let old = old.clone().map_err(|error| (true, error))?;
        let new = new.clone().map_err(|error| (false, error))?;
        Ok(Some((old, new)))
    }
}

/// Computes the digests of files, in the order of their data in the layers.
fn digests(view: &ImageFs, sides: &[&DiffSide]) -> HashMap<u64, DigestResult> {
    let place = |side: &&DiffSide| {
        let node = side.node.map(|node| (node.layer, node.entry));
        (node, side.attr.ino)
    };
    let mut places: Vec<_> = sides
        .iter()
        .filter(|side| side.attr.kind == FileType::Regular)
        .map(place)
        .collect();
    places.sort_unstable();
    places.dedup();
    let digest = |ino| match view.digest(ino) {
        Ok(Some(digest)) => Ok(digest),
        // Only regular files are included, so this is the only reason for a missing digest.
        Ok(None) => Err("its holes are too long to read".to_owned()),
        Err(error) => Err(reason(&error)),
    };
    let inos = places.into_iter().map(|(_, ino)| ino);
    inos.map(|ino| (ino, digest(ino))).collect()
}
