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
    /// A name is not there.
    Missing,
    /// Links go in circles, or on for too long.
    Loop,
    /// A link names a directory that is to be made, and no file system holds such a name.
    TooLong,
}

impl Merger {
    /// Follows names from the root. With `make`, what is missing is made and what is no directory
    /// is replaced by one; with `removed`, what this layer's whiteouts took away is still found.
    pub(super) fn walk(&mut self, names: &[&[u8]], make: bool, removed: bool) -> Result<u32, Stop> {
        let mut at = ROOT;
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
                    at = self.tree.parent(at);
                    continue;
                }
                _ => {}
            }
            let child = if removed {
                self.tree.child_or_removed(at, &name, self.layer)
            } else {
                self.tree.child(at, &name)
            };
            if let Some(child) = child {
                if self.tree.is_directory(child) {
                    at = child;
                    continue;
                }
                if let Some(target) = self.tree.target(child) {
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
            if !make {
                return Err(Stop::Missing);
            }
            if name.len() > MAX_NAME {
                return Err(Stop::TooLong);
            }
            if let Some(child) = child {
                self.report(Problem {
                    layer: self.layer as usize,
                    path: names.join(&b'/').into(),
                    kind: ProblemKind::ParentNotDirectory,
                });
                self.replaces(child);
                self.hide_child(at, &name, How::Replaced);
            }
            let made = self.tree.implied(at, self.layer);
            self.tree.put(at, &name, made, self.layer);
            at = made;
        }
        Ok(at)
    }
}
