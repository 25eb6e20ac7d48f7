//! Which names are one file. Names of one file are told by the first of them, of those that both
//! images have: where two names of a path have different firsts, something was linked or split.

use std::collections::HashMap;

use super::{DiffError, Side};
use crate::view::FileType;

/// Bytes that the paths of hard links may take.
const MAX_SIZE: usize = 64 << 20;
/// What an entry takes besides its path.
const ENTRY: usize = 64;

/// The first name of each file with several, in both images.
#[derive(Default)]
pub(super) struct Links {
    old: HashMap<u64, Box<[u8]>>,
    new: HashMap<u64, Box<[u8]>>,
    size: usize,
    /// There were too many, and that was said.
    is_full: bool,
}

impl Links {
    /// Notes a path that both images have, and sets the first names of the two files.
    ///
    /// # Errors
    /// Once, when there are too many.
    pub fn note(&mut self, path: &[u8], old: &mut Side, new: &mut Side) -> Result<(), DiffError> {
        let has_several =
            |side: &Side| side.attr.kind != FileType::Directory && side.attr.nlink > 1;
        for side in [&*old, &*new] {
            self.size += match has_several(side) {
                true => path.len().saturating_add(ENTRY),
                false => 0,
            };
        }
        if self.size > MAX_SIZE {
            let first = !self.is_full;
            // Nothing more is noted; what is known already would only be told by half.
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
        let mut first = |side: &Side, is_old: bool| {
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
