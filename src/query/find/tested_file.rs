//! Evaluates the tests for a file.

use super::test::Test;
use crate::query::walk::{WalkEntry, resolve};
use crate::view::keys::Key;
use crate::view::{FileType, ImageFs, View, ViewError};

/// The last component of a path, as for basename(1).
fn name(path: &[u8]) -> &[u8] {
    match path.rsplit(|&b| b == b'/').next() {
        Some(name) if !name.is_empty() => name,
        _ => path,
    }
}

/// A file to be tested. Data is read only if a test needs it.
pub(super) struct TestedFile<'a> {
    pub view: &'a ImageFs,
    pub found: &'a WalkEntry,
}

impl<'a> TestedFile<'a> {
    pub(super) fn new(view: &'a ImageFs, found: &'a WalkEntry) -> Self {
        Self { view, found }
    }

    /// Returns the result of a test. Actions are true.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub(super) fn answer(&mut self, test: &Test) -> Result<bool, ViewError> {
        let attr = &self.found.attr;
        Ok(match test {
            Test::Constant(value) => *value,
            Test::Name(glob) => glob.matches(name(&self.found.path)),
            Test::Path(glob) => glob.matches(&self.found.path),
            Test::Target(glob) => {
                attr.kind == FileType::Symlink && glob.matches(self.view.readlink(attr.ino)?)
            }
            Test::Type(types) => types.contains(&attr.kind),
            Test::TargetType(types) => types.contains(&self.target_type()?),
            Test::Size(size) => size.matches(attr.size),
            Test::Perm(perm) => perm.matches(attr),
            Test::NewerThan(time) => attr.mtime > *time,
            Test::Empty => match attr.kind {
                FileType::Regular => attr.size == 0,
                FileType::Directory => self.is_empty_directory()?,
                _ => false,
            },
            Test::Uid(number) => number.matches(attr.uid.into()),
            Test::Gid(number) => number.matches(attr.gid.into()),
            Test::Links(number) => number.matches(attr.nlink.into()),
            Test::Layer(number) => self.view.layer_of(attr.ino)? == Some(*number),
            Test::Where(condition) => {
                let wanted = |key: &Key| condition.keys().any(|used| used == key);
                condition.holds(&self.view.facts_where(attr.ino, &wanted)?)
            }
            Test::Prune | Test::Quit | Test::Print | Test::Print0 => true,
        })
    }

    /// The type of the file that a symbolic link leads to inside the image. A dangling link has type
    /// link.
    fn target_type(&self) -> Result<FileType, ViewError> {
        let kind = self.found.attr.kind;
        if kind != FileType::Symlink {
            return Ok(kind);
        }
        match resolve(self.view, &self.found.path, true) {
            Ok(attr) => Ok(attr.kind),
            Err(error @ ViewError::Io { .. }) => Err(error),
            Err(_) => Ok(kind),
        }
    }

    fn is_empty_directory(&self) -> Result<bool, ViewError> {
        let mut is_empty = true;
        // Starts after `.` and `..`.
        self.view.list(self.found.attr.ino, 2, &mut |_, _| {
            is_empty = false;
            false
        })?;
        Ok(is_empty)
    }
}
