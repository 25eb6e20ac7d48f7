//! Following a path while layers are merged.

use std::borrow::Cow;

use super::super::grow::ROOT;
use super::super::hidden::How;
use super::super::path::components;
use super::Merger;
use crate::layer::{Problem, ProblemKind};

/// Symbolic links on one path while merging. Higher than the kernel's limit, as in umoci's
/// securejoin: what was built by an unpacker must merge.
const MAX_LINKS: usize = 255;
/// Names on one path, those of links among them: links that double with each one would else go on
/// for ever without a circle.
const MAX_STEPS: u64 = 16 << 10;
/// NAME_MAX and PATH_MAX (Linux, limits.h).
pub(super) const MAX_NAME: usize = 255;
pub(super) const MAX_PATH: usize = 4096;

/// Why a walk along a path ended early.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The path leads to no directory.
    Missing,
    /// Links go in circles, or on for too long.
    Loop,
    /// A link leads through a name that no file system holds.
    TooLong,
}

impl Merger {
    /// Follows names from the root, as umoci does (`SecureJoinVFS` of filepath-securejoin) and containerd
    /// (`fs.RootPath` of continuity): a name that is not there, or is no directory, may still be left by
    /// `..`, and then nothing is made of it. The kernel would say ENOENT or ENOTDIR there.
    ///
    /// With `make`, names that are missing in the end are made, and what is no directory is replaced by
    /// one. With `removed`, what this layer's whiteouts took away is still found.
    ///
    /// # Errors
    /// `Missing` only without `make`.
    pub(super) fn walk(&mut self, names: &[&[u8]], make: bool, removed: bool) -> Result<u32, Stop> {
        let mut at = ROOT;
        // Names below `at` that lead to no directory.
        let mut missing: Vec<Cow<'_, [u8]>> = Vec::new();
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
                    if missing.pop().is_none() {
                        at = self.tree.parent(at);
                    }
                    continue;
                }
                name if name.len() > MAX_NAME => return Err(Stop::TooLong),
                _ => {}
            }
            let child = if !missing.is_empty() {
                None
            } else if removed {
                self.tree.child_or_removed(at, &name, self.layer)
            } else {
                self.tree.child(at, &name)
            };
            if let Some(child) = child {
                if self.tree.is_directory(child) {
                    at = child;
                    continue;
                }
                if let Some(target) = self.tree.target(child)
                    && !self.is_covered(at, &name)
                {
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
            missing.push(name);
        }
        if !make && !missing.is_empty() {
            return Err(Stop::Missing);
        }
        for name in missing {
            at = self.make_parent(at, &name, names);
        }
        Ok(at)
    }

    /// Makes a directory that no entry describes, in place of what was there. `path` is the one that
    /// leads through it.
    fn make_parent(&mut self, dir: u32, name: &[u8], path: &[&[u8]]) -> u32 {
        if let Some(child) = self.tree.child(dir, name) {
            self.report(Problem {
                layer: self.layer as usize,
                path: path.join(&b'/').into(),
                kind: ProblemKind::ParentNotDirectory,
            });
            self.replaces(child);
            self.hide_child(dir, name, How::Replaced);
        }
        let made = self.tree.implied(dir, self.layer);
        self.tree.put(dir, name, made, self.layer);
        made
    }
}
