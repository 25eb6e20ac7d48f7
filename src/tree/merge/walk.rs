//! Follows paths while layers are merged.

use std::borrow::Cow;

use super::super::builder::ROOT;
use super::super::hidden::RemovalKind;
use super::super::path::components;
use super::Merger;
use crate::layer::{LayerProblem, ProblemKind};

/// The maximum number of symbolic links on one path while merging. Higher than the kernel's limit, as
/// in umoci's securejoin, because layers built by an unpacker with that limit must merge.
const MAX_LINKS: usize = 255;
/// The maximum number of names on one path, including those of links' targets. Without it, links that
/// double the path each time would take practically forever, even without a loop.
const MAX_STEPS: u64 = 16 << 10;
/// NAME_MAX and PATH_MAX (Linux, limits.h).
pub(super) const MAX_NAME: usize = 255;
pub(super) const MAX_PATH: usize = 4096;

/// Why following a path failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WalkError {
    /// The path does not lead to a directory.
    Missing,
    /// Symbolic links form a loop or a chain that is too long.
    Loop,
    /// A symbolic link contains a name that is too long for any file system.
    TooLong,
}

impl Merger {
    /// Follows names from the root, as umoci (`SecureJoinVFS` of filepath-securejoin) and containerd
    /// (`fs.RootPath` of continuity) do. A name that is missing or not a directory may still be left by
    /// `..`; then nothing is created for it. The kernel would return ENOENT or ENOTDIR there.
    ///
    /// With `make`, the names that are missing in the end are created, and files that are not
    /// directories are replaced by directories. With `removed`, names that this layer's whiteouts
    /// removed are still found.
    ///
    /// # Errors
    /// Returns `Missing` only without `make`.
    pub(super) fn walk(
        &mut self,
        names: &[&[u8]],
        make: bool,
        removed: bool,
    ) -> Result<u32, WalkError> {
        let mut at = ROOT;
        // Names below `at` that do not lead to a directory.
        let mut missing: Vec<Cow<'_, [u8]>> = Vec::new();
        let mut links = 0;
        let mut steps = 0;
        let mut pending: Vec<Cow<'_, [u8]>> =
            names.iter().rev().map(|&n| Cow::Borrowed(n)).collect();
        while let Some(name) = pending.pop() {
            steps += 1;
            self.walked += 1;
            if steps > MAX_STEPS {
                return Err(WalkError::Loop);
            }
            match &*name {
                b"." => continue,
                b".." => {
                    if missing.pop().is_none() {
                        at = self.tree.parent(at);
                    }
                    continue;
                }
                name if name.len() > MAX_NAME => return Err(WalkError::TooLong),
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
                        return Err(WalkError::Loop);
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
            return Err(WalkError::Missing);
        }
        for name in missing {
            at = self.make_parent(at, &name, names);
        }
        Ok(at)
    }

    /// Creates a directory that no entry describes, replacing any existing file. `path` is the path that
    /// leads through it.
    fn make_parent(&mut self, dir: u32, name: &[u8], path: &[&[u8]]) -> u32 {
        if let Some(child) = self.tree.child(dir, name) {
            self.report(LayerProblem {
                layer: self.layer as usize,
                path: path.join(&b'/').into(),
                kind: ProblemKind::ParentNotDirectory,
            });
            self.replaces(child);
            self.hide_child(dir, name, RemovalKind::Replaced);
        }
        let made = self.tree.implied(dir, self.layer);
        self.tree.put(dir, name, made, self.layer);
        made
    }
}
