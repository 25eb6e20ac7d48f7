//! Compares two images, path by path.
//!
//! Both are walked in the byte order of their paths, and the walks are merged like sorted lists
//! (`join`). Files at the same path are compared by type, content, attributes (`side`), hard links
//! (`links`) and, for executables, facts (`facts`).
//!
//! **Content.** Two files are equal if both are the same entry of the same layer, and different if their
//! lengths differ. Neither case requires reading their bytes. All other files are compared by SHA-256.
//! If they were read in the order of their paths, layers would be decoded back and forth. So the files
//! are collected in large batches and read in the order of their layers, both images in parallel
//! (`content`).
//!
//! **Only the build id.** If the build id is the only fact that differs, the bytes are compared once
//! more, to check whether they differ only where the id is stored (`build_id`).
//!
//! A file that was moved is reported as one removed and one added file.

mod build_id;
mod config;
mod content;
mod error;
mod facts;
mod join;
mod links;
mod side;

use std::collections::VecDeque;

pub(crate) use config::{ConfigChange, Setting, config_changes};
pub(crate) use error::DiffError;
pub(crate) use facts::FactChange;
pub(crate) use side::{Attribute, DiffSide};

use crate::view::{FileType, ImageFs};
use content::{ContentComparison, Digests};
use join::{Join, Pair};
use links::Links;

/// The number of possible differences that are processed together.
const BATCH: usize = 1 << 16;

/// What to compare.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Compare only what `diff -r --no-dereference` of the unpacked trees would compare: existence,
    /// types, contents, link targets.
    pub content_only: bool,
    /// Compare times of modification too.
    pub times: bool,
    /// Return the digests of both files if contents differ, even if their lengths already differ.
    pub digests: bool,
}

/// How a path differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the new image has it.
    Added,
    /// Only the old image has it.
    Removed,
    /// The types differ.
    Type,
    /// The bytes, link targets or device numbers differ.
    Content,
    /// Only the attributes differ.
    Attributes,
}

/// A path that differs.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The path, with a leading slash.
    pub path: Vec<u8>,
    /// How it differs.
    pub change: Change,
    /// The file in the old image.
    pub old: Option<DiffSide>,
    /// The file in the new image.
    pub new: Option<DiffSide>,
    /// The attributes that differ. Empty if the types differ.
    pub attributes: Vec<Attribute>,
    /// The facts that differ, if the file is an executable in at least one image.
    pub facts: Vec<FactChange>,
    /// Whether the build id is the only fact that differs and the bytes differ only where it is stored.
    pub only_build_id: bool,
}

/// A path that differs, or that may differ depending on the files' contents.
struct PendingDifference {
    path: Vec<u8>,
    sides: (Option<DiffSide>, Option<DiffSide>),
    change: Option<Change>,
    attributes: Vec<Attribute>,
    verdict: ContentComparison,
}

/// A comparison of two images: an iterator over all differences, in the byte order of the paths.
///
/// An error concerns one path. The comparison continues after it, unless an image cannot be walked.
pub struct Diff<'a> {
    old: &'a ImageFs,
    new: &'a ImageFs,
    options: Options,
    join: Join<'a>,
    links: Links,
    ready: VecDeque<Result<Difference, DiffError>>,
    done: bool,
}

impl<'a> Diff<'a> {
    /// Compares the files of two images at a path and below it. If the path leads to a symbolic link,
    /// the link is followed.
    ///
    /// # Errors
    /// Returns `Nowhere` or `Read`.
    pub fn new(
        old: &'a ImageFs,
        new: &'a ImageFs,
        path: &[u8],
        options: Options,
    ) -> Result<Self, DiffError> {
        Ok(Self {
            old,
            new,
            options,
            join: Join::new(old, new, path)?,
            links: Links::default(),
            ready: VecDeque::new(),
            done: false,
        })
    }

    /// Compares the next batch of paths.
    fn fill(&mut self) {
        let mut pending = Vec::new();
        while pending.len() < BATCH {
            match self.join.next() {
                None => self.done = true,
                Some(Ok(pair)) => match self.consider(pair) {
                    Ok(difference) => pending.extend(difference),
                    Err(error) => self.ready.push_back(Err(error)),
                },
                Some(Err(error)) => {
                    // The files below a directory that cannot be read must not be reported as removed.
                    self.ready.push_back(Err(error));
                    self.done = true;
                }
            }
            if self.done {
                break;
            }
        }
        let asked = |pick: fn(&PendingDifference) -> Option<&DiffSide>| {
            let asked = pending.iter().filter(|c| match c.verdict {
                ContentComparison::Ask => true,
                ContentComparison::Different => self.options.digests,
                ContentComparison::Same => false,
            });
            asked.filter_map(pick).collect::<Vec<&DiffSide>>()
        };
        let old = asked(|difference| difference.sides.0.as_ref());
        let new = asked(|difference| difference.sides.1.as_ref());
        let digests = Digests::of((self.old, &old), (self.new, &new));
        let failed = self.ready.len();
        for difference in pending {
            if let Some(found) = self.finish(difference, &digests).transpose() {
                self.ready.push_back(found);
            }
        }
        // Report the errors of this batch after its differences.
        self.ready.rotate_left(failed);
    }

    /// Compares a pair without reading contents. Returns `None` if there is no difference.
    fn consider(&mut self, pair: Pair) -> Result<Option<PendingDifference>, DiffError> {
        let Pair { path, old, new } = pair;
        let read = |view: &ImageFs, attr: Option<_>| -> Result<Option<DiffSide>, DiffError> {
            let side = attr.map(|attr| DiffSide::read(view, attr)).transpose();
            side.map_err(|error| DiffError::read(view, &path, &error))
        };
        let (mut old, mut new) = (read(self.old, old)?, read(self.new, new)?);
        let mut attributes = Vec::new();
        let mut verdict = ContentComparison::Same;
        let change = match (&mut old, &mut new) {
            (None, _) => Some(Change::Added),
            (_, None) => Some(Change::Removed),
            (Some(old), Some(new)) if old.attr.kind != new.attr.kind => Some(Change::Type),
            (Some(old), Some(new)) => {
                verdict = content::compare((self.old, old), (self.new, new));
                if !self.options.content_only {
                    let noted = self.links.note(&path, old, new);
                    self.ready.extend(noted.err().map(Err));
                    attributes = side::attributes(old, new, self.options.times);
                }
                match (verdict, attributes.is_empty()) {
                    (ContentComparison::Different, _) => Some(Change::Content),
                    (_, false) => Some(Change::Attributes),
                    (ContentComparison::Ask, true) => None,
                    (ContentComparison::Same, true) => return Ok(None),
                }
            }
        };
        Ok(Some(PendingDifference {
            path,
            sides: (old, new),
            change,
            attributes,
            verdict,
        }))
    }

    /// Compares the contents of a difference. Returns `None` if there is no difference.
    fn finish(
        &self,
        difference: PendingDifference,
        digests: &Digests,
    ) -> Result<Option<Difference>, DiffError> {
        let PendingDifference {
            path,
            sides: (mut old, mut new),
            mut change,
            attributes,
            verdict,
        } = difference;
        if let (Some(old), Some(new)) = (&mut old, &mut new)
            && old.attr.kind == FileType::Regular
            && new.attr.kind == FileType::Regular
        {
            let pair = digests.pair(old.attr.ino, new.attr.ino);
            let pair = pair.map_err(|(is_old, error)| DiffError::Read {
                image: if is_old { self.old } else { self.new }
                    .image()
                    .name
                    .clone(),
                path: path.clone(),
                error,
            })?;
            if let Some((a, b)) = pair
                && (a != b || verdict == ContentComparison::Different)
            {
                change = Some(Change::Content);
                (old.digest, new.digest) = (Some(a), Some(b));
            }
        }
        let Some(change) = change else {
            return Ok(None);
        };
        let mut found = Difference {
            path,
            change,
            old,
            new,
            attributes,
            facts: Vec::new(),
            only_build_id: false,
        };
        if !self.options.content_only {
            self.compare_facts(&mut found)?;
        }
        Ok(Some(found))
    }

    fn compare_facts(&self, found: &mut Difference) -> Result<(), DiffError> {
        let (Some(old), Some(new)) = (&found.old, &found.new) else {
            return Ok(());
        };
        let both = [old, new];
        let regular = both.iter().all(|s| s.attr.kind == FileType::Regular);
        let executable = both.iter().any(|s| s.is_executable());
        // Facts depend on the bytes. Whether a script is an executable also depends on its mode.
        let may_differ =
            found.change == Change::Content || old.is_executable() != new.is_executable();
        if !regular || !executable || !may_differ {
            return Ok(());
        }
        let (path, ino) = (&found.path, (old.attr.ino, new.attr.ino));
        let of = |view: &ImageFs, ino| {
            let facts = facts::of(view, ino);
            facts.map_err(|error| DiffError::read(view, path, &error))
        };
        let (old_facts, new_facts) = (of(self.old, ino.0)?, of(self.new, ino.1)?);
        let changes = facts::changes(&old_facts, &new_facts);
        if let [one] = changes.as_slice()
            && old.attr.size == new.attr.size
            && let Some(ids) = one.build_ids()
        {
            let only = build_id::only((self.old, ino.0), (self.new, ino.1), ids);
            found.only_build_id =
                only.map_err(|(view, error)| DiffError::read(view, path, &error))?;
        }
        found.facts = changes;
        Ok(())
    }
}

impl Iterator for Diff<'_> {
    type Item = Result<Difference, DiffError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.done {
            self.fill();
        }
        self.ready.pop_front()
    }
}
