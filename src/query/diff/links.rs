//! Compares hard links. A file with several names is identified by the first of those names that both
//! images have. If the first names of the two files at a path differ, a link was added or removed.

use std::collections::HashMap;

use super::error::DiffError;
use super::side::DiffSide;
use crate::view::FileType;

/// The maximum memory for the paths of hard links, in bytes.
const MAX_SIZE: usize = 64 << 20;
/// The memory that an entry takes besides its path, in bytes.
const ENTRY: usize = 64;

/// The first name of each file with several names, in both images.
#[derive(Default)]
pub(super) struct Links {
    old: HashMap<u64, Box<[u8]>>,
    new: HashMap<u64, Box<[u8]>>,
    size: usize,
    /// Whether the limit was exceeded. The error was returned then.
    is_full: bool,
}

impl Links {
    /// Records a path that both images have, and sets the first names of its two files.
    ///
    /// # Errors
    /// Returns an error once, when there are too many hard links.
    pub(super) fn note(
        &mut self,
        path: &[u8],
        old: &mut DiffSide,
        new: &mut DiffSide,
    ) -> Result<(), DiffError> {
        let has_several =
            |side: &DiffSide| side.attr.kind != FileType::Directory && side.attr.nlink > 1;
        for side in [&*old, &*new] {
            self.size += match has_several(side) {
                true => path.len().saturating_add(ENTRY),
                false => 0,
            };
        }
        if self.size > MAX_SIZE {
            let first = !self.is_full;
            // Record nothing more, and drop what is recorded: comparing with only a part would be wrong.
            *self = Self {
                size: self.size.min(MAX_SIZE + 1),
                is_full: true,
                ..Self::default()
            };
            return match first {
                true => Err(DiffError::Links { path: path.into() }),
                false => Ok(()),
            };
        }
        let mut first = |side: &DiffSide, is_old: bool| {
            if !has_several(side) {
                return None;
            }
            let known = if is_old { &mut self.old } else { &mut self.new };
            let first = known.entry(side.attr.ino).or_insert_with(|| path.into());
            (**first != *path).then(|| first.to_vec())
        };
        (old.hard_link, new.hard_link) = (first(old, true), first(new, false));
        Ok(())
    }
}
