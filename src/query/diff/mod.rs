//! What differs between two images, path by path.
//!
//! Both are walked in the byte order of their paths, and the walks are joined as sorted lists are
//! (`join`). What has the same path is compared: type, content, attributes (`side`), which names are
//! one file (`links`), and of executables what they are (`facts`).
//!
//! **Content.** Two files are equal without a look at their bytes where both are the same entry of the
//! same layer, and different where their lengths differ. All others are compared by SHA-256. So that
//! each layer is decoded from its beginning to its end, and not back and forth as the paths would have
//! it, the files that have to be read are collected first, many at a time, and read in the order of their
//! layers, the two images side by side (`content`).
//!
//! **Only the build id.** Where the build id is the only fact that differs, the bytes are compared once
//! more: do they differ only where it stands (`build_id`)?
//!
//! A file that was moved is one that is gone and another one that is new.

mod build_id;
mod config;
mod content;
mod facts;
mod join;
mod links;
mod side;

use std::collections::VecDeque;

pub use config::{ConfigChange, Setting, config_changes};
pub use facts::FactChange;
pub use side::{Attribute, Side};

use crate::layer::printable;
use crate::view::{FileType, ImageFs, ViewError};
use content::{Digests, Verdict};
use join::{Join, Pair};
use links::Links;

/// So many things that may differ are looked at together.
const BATCH: usize = 1 << 16;

/// What is compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Only what `diff -r --no-dereference` of the unpacked trees would tell: what is there, types,
    /// contents, where links lead.
    pub content_only: bool,
    /// Times of modification too.
    pub times: bool,
    /// Give the digests of both files where contents differ, also where their lengths told it already.
    pub digests: bool,
}

/// Why two images could not be compared, as a whole or at one path.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// Something in one of them cannot be read.
    #[error("{image}: {}: {error}", printable(.path))]
    Read {
        /// The image.
        image: String,
        /// The path in it.
        path: Vec<u8>,
        /// What went wrong.
        error: String,
    },
    /// Neither image has the path below which they were to be compared.
    #[error("{}: no such file in either image", printable(.path))]
    Nowhere {
        /// The path.
        path: Vec<u8>,
    },
    /// From some path on it is not known which names are one file.
    #[error(
        "there are more hard links than can be compared; from {} on it was not told which names are one \
         file",
        printable(.path)
    )]
    Links {
        /// The first of those that were left out.
        path: Vec<u8>,
    },
}

impl DiffError {
    fn read(view: &ImageFs, path: &[u8], error: &ViewError) -> Self {
        Self::Read {
            image: view.image().name.clone(),
            path: path.to_vec(),
            error: reason(error),
        }
    }
}

/// An error without its path, which is told by who asked.
fn reason(error: &ViewError) -> String {
    match error {
        ViewError::Io { error, .. } => error.to_string(),
        other => other.to_string(),
    }
}

/// How a path differs, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the new image has it.
    Added,
    /// Only the old image has it.
    Removed,
    /// It is of another type.
    Type,
    /// It has other bytes, leads elsewhere, or is another device.
    Content,
    /// Only its attributes differ.
    Attributes,
}

/// A path that differs.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The path, with a leading slash.
    pub path: Vec<u8>,
    /// How it differs.
    pub change: Change,
    /// What the old image has there.
    pub old: Option<Side>,
    /// What the new image has there.
    pub new: Option<Side>,
    /// Which attributes differ; of what is of another type, none are compared.
    pub attributes: Vec<Attribute>,
    /// Which facts differ, of what is an executable in one of them.
    pub facts: Vec<FactChange>,
    /// Whether the build id is the only fact that differs and the bytes differ only where it stands.
    pub only_build_id: bool,
}

/// Something that both have and that differs, or may do so: its content must be looked at.
struct Candidate {
    path: Vec<u8>,
    sides: (Option<Side>, Option<Side>),
    change: Option<Change>,
    attributes: Vec<Attribute>,
    verdict: Verdict,
}

/// Two images being compared: an iterator over all that differs, in the byte order of the paths.
///
/// An error is about one path, and the comparison goes on after it, unless an image cannot be walked.
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
    /// Compares what two images have at a path and below it. A symbolic link that the path names is
    /// followed.
    ///
    /// # Errors
    /// `Nowhere`, or `Read`.
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

    /// Compares the next things, as many as are looked at together.
    fn fill(&mut self) {
        let mut candidates = Vec::new();
        while candidates.len() < BATCH {
            match self.join.next() {
                None => self.done = true,
                Some(Ok(pair)) => match self.consider(pair) {
                    Ok(candidate) => candidates.extend(candidate),
                    Err(error) => self.ready.push_back(Err(error)),
                },
                Some(Err(error)) => {
                    // What is below a directory that cannot be read is not known to be gone.
                    self.ready.push_back(Err(error));
                    self.done = true;
                }
            }
            if self.done {
                break;
            }
        }
        let asked = |pick: fn(&Candidate) -> Option<&Side>| {
            let asked = candidates.iter().filter(|c| match c.verdict {
                Verdict::Ask => true,
                Verdict::Different => self.options.digests,
                Verdict::Same => false,
            });
            asked.filter_map(pick).collect::<Vec<&Side>>()
        };
        let old = asked(|candidate| candidate.sides.0.as_ref());
        let new = asked(|candidate| candidate.sides.1.as_ref());
        let digests = Digests::of((self.old, &old), (self.new, &new));
        let failed = self.ready.len();
        for candidate in candidates {
            if let Some(found) = self.finish(candidate, &digests).transpose() {
                self.ready.push_back(found);
            }
        }
        // What could not be considered is told behind what was there before it.
        self.ready.rotate_left(failed);
    }

    /// `None` for what is the same.
    fn consider(&mut self, pair: Pair) -> Result<Option<Candidate>, DiffError> {
        let Pair { path, old, new } = pair;
        let read = |view: &ImageFs, attr: Option<_>| -> Result<Option<Side>, DiffError> {
            let side = attr.map(|attr| Side::read(view, attr)).transpose();
            side.map_err(|error| DiffError::read(view, &path, &error))
        };
        let (mut old, mut new) = (read(self.old, old)?, read(self.new, new)?);
        let mut attributes = Vec::new();
        let mut verdict = Verdict::Same;
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
                    (Verdict::Different, _) => Some(Change::Content),
                    (_, false) => Some(Change::Attributes),
                    (Verdict::Ask, true) => None,
                    (Verdict::Same, true) => return Ok(None),
                }
            }
        };
        Ok(Some(Candidate {
            path,
            sides: (old, new),
            change,
            attributes,
            verdict,
        }))
    }

    /// Decides about the content. `None` for what is the same after all.
    fn finish(
        &self,
        candidate: Candidate,
        digests: &Digests,
    ) -> Result<Option<Difference>, DiffError> {
        let Candidate {
            path,
            sides: (mut old, mut new),
            mut change,
            attributes,
            verdict,
        } = candidate;
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
                && (a != b || verdict == Verdict::Different)
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
        // Facts are of the bytes; whether a script is one hangs on its mode too.
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
