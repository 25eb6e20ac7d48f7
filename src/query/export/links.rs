//! Files with several names: the first name has the file's data, the others are hard links to it.
//!
//! The names are stored as directories and their entries, not as paths, because an image can have very
//! many of them in deep directories.

use std::collections::HashMap;

use crate::view::{Attr, FileType};

/// The first names of the files that have several names.
#[derive(Debug, Default)]
pub(super) struct FirstNames {
    /// The directories of these names: the index of each directory's parent, and its name.
    dirs: Vec<(Option<usize>, Box<[u8]>)>,
    /// The path to the last directory that was added, as indices.
    way: Vec<usize>,
    first: HashMap<u64, First>,
}

#[derive(Debug)]
struct First {
    dir: Option<usize>,
    name: Box<[u8]>,
    /// The number of names that have not occurred yet.
    left: u32,
}

impl FirstNames {
    /// Returns the first path of a file, or `None` if this is the first.
    pub(super) fn before(&mut self, path: &[u8], attr: &Attr) -> Option<Vec<u8>> {
        if attr.nlink < 2 || attr.kind == FileType::Directory {
            return None;
        }
        if let Some(first) = self.first.get_mut(&attr.ino) {
            first.left = first.left.saturating_sub(1);
            let (dir, done) = (first.dir, first.left == 0);
            let path = path_of(&self.dirs, dir, &first.name);
            if done {
                self.first.remove(&attr.ino);
            }
            return Some(path);
        }
        let mut names: Vec<&[u8]> = path.split(|&b| b == b'/').skip(1).collect();
        let name = names.pop().unwrap_or_default();
        let first = First {
            dir: self.directory(&names),
            name: name.into(),
            left: attr.nlink - 1,
        };
        self.first.insert(attr.ino, first);
        None
    }

    /// The index of a directory. All entries of a directory arrive together, so each is stored only
    /// once.
    fn directory(&mut self, names: &[&[u8]]) -> Option<usize> {
        let dirs = &mut self.dirs;
        let known = self.way.iter().zip(names);
        let known =
            known.take_while(|(dir, name)| dirs.get(**dir).is_some_and(|d| *d.1 == ***name));
        let known = known.count();
        self.way.truncate(known);
        for name in names.iter().skip(known) {
            dirs.push((self.way.last().copied(), (*name).into()));
            self.way.push(dirs.len() - 1);
        }
        self.way.last().copied()
    }
}

fn path_of(dirs: &[(Option<usize>, Box<[u8]>)], dir: Option<usize>, name: &[u8]) -> Vec<u8> {
    let mut names = vec![name];
    let mut at = dir;
    // The parent of a directory has a lower index, so this ends.
    while let Some((above, name)) = at.and_then(|at| dirs.get(at)) {
        names.push(name);
        at = *above;
    }
    let mut path = Vec::new();
    for name in names.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Mtime;

    fn attr(ino: u64, nlink: u32) -> Attr {
        Attr {
            ino,
            kind: FileType::Regular,
            mode: 0o644,
            nlink,
            uid: 0,
            gid: 0,
            device: (0, 0),
            size: 0,
            blocks: 0,
            mtime: Mtime::default(),
        }
    }

    #[test]
    fn the_first_name_is_told_until_all_have_come() {
        let mut names = FirstNames::default();
        let (a, b) = (attr(1, 3), attr(2, 2));
        assert_eq!(names.before(b"/d/e/a", &a), None);
        assert_eq!(names.before(b"/d/b", &b), None);
        assert_eq!(names.before(b"/d/f/a", &a).unwrap(), b"/d/e/a");
        assert_eq!(names.before(b"/d/alone", &attr(3, 1)), None);
        assert_eq!(names.before(b"/x", &a).unwrap(), b"/d/e/a");
        assert_eq!(names.before(b"/y", &b).unwrap(), b"/d/b");
        assert!(names.first.is_empty());
        assert_eq!(names.before(b"/z", &b), None);
        assert_eq!(names.before(b"/d/z", &b).unwrap(), b"/z");
        // d, and e in d.
        assert_eq!(names.dirs.len(), 2);
    }
}
