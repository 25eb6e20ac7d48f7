//! Ways through an image: following a path as the kernel would, and passing everything below a
//! directory.
//!
//! A walk goes in the byte order of the paths, so that its output is that of `LC_ALL=C sort` and can be
//! joined with another. That is not the order of the names in each directory: `a.b` stands between `a`
//! and `a/b`. So a directory has two places in the row of its siblings: its own name, and behind it the
//! same name with a slash, where what is in it comes. An archive wants the other order
//! ([`Walk::by_directory`]).

use crate::view::{Attr, FileType, ImageFs, ViewError};

/// A path leads through at most this many symbolic links (Linux, namei.h, `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;
/// Names on one path, those of its links among them.
const MAX_STEPS: usize = 8 << 10;
/// The inode number of the root.
const ROOT: u64 = 1;

/// Something in an image, and the path that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The path from the root, with a leading slash.
    pub path: Vec<u8>,
    /// How many names below where the walk began.
    pub depth: usize,
    /// What stat(2) tells of it.
    pub attr: Attr,
}

/// The way to something: each name on it, and what that leads to.
pub type Trail = Vec<(Vec<u8>, Attr)>;

/// Follows a path with the image's root as its root: `..` and absolute links stay inside. The last
/// name is followed only with `follow`.
///
/// # Errors
/// `NotFound`, also where links go in circles, and `NotDirectory`.
pub fn resolve(view: &ImageFs, path: &[u8], follow: bool) -> Result<Attr, ViewError> {
    locate(view, path, follow).map(|found| found.attr)
}

/// The same, and the path of what was found, which leads through no link.
///
/// # Errors
/// As [`resolve`].
pub fn locate(view: &ImageFs, path: &[u8], follow: bool) -> Result<Found, ViewError> {
    let root = view.getattr(ROOT)?;
    let trail = trail(view, root, path, follow)?;
    let names: Vec<&[u8]> = trail.iter().map(|(name, _)| name.as_slice()).collect();
    Ok(Found {
        path: [b"/", names.join(&b'/').as_slice()].concat(),
        depth: 0,
        attr: trail.last().map_or(root, |(_, attr)| *attr),
    })
}

/// The same with any directory as the root, and with the way: the real name of each directory that
/// the path leads through, links followed, and what it leads to at the end. Nothing for the root.
///
/// # Errors
/// As [`resolve`].
pub fn trail(view: &ImageFs, root: Attr, path: &[u8], follow: bool) -> Result<Trail, ViewError> {
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        let names = path.split(|&b| b == b'/').filter(|name| !name.is_empty());
        names.map(<[u8]>::to_vec).collect()
    };
    let mut pending = names(path);
    pending.reverse();
    let mut trail = Trail::new();
    let (mut links, mut steps) = (0, 0);
    // A slash at the end asks for what is behind a link, as by the kernel.
    let follow = follow || path.ends_with(b"/");
    let here = |trail: &Trail| trail.last().map_or(root, |(_, attr)| *attr);
    while let Some(name) = pending.pop() {
        steps += 1;
        if steps > MAX_STEPS {
            return Err(ViewError::NotFound);
        }
        let at = here(&trail);
        if at.kind != FileType::Directory {
            return Err(ViewError::NotDirectory);
        }
        match name.as_slice() {
            b"." => continue,
            b".." => {
                trail.pop();
                continue;
            }
            _ => {}
        }
        let found = view.lookup(at.ino, &name)?;
        if found.kind == FileType::Symlink && (follow || !pending.is_empty()) {
            links += 1;
            if links > MAX_LINKS {
                return Err(ViewError::NotFound);
            }
            let target = view.readlink(found.ino)?;
            if target.starts_with(b"/") {
                trail.clear();
            }
            pending.extend(names(target).into_iter().rev());
            continue;
        }
        trail.push((name, found));
    }
    if path.ends_with(b"/") && here(&trail).kind != FileType::Directory {
        return Err(ViewError::NotDirectory);
    }
    Ok(trail)
}

/// The names in a directory with their inode numbers and types, `.` and `..` left out, in byte order.
///
/// # Errors
/// `NotDirectory`, or `Io` if the image cannot be read.
pub fn children(view: &ImageFs, dir: u64) -> Result<Vec<(Vec<u8>, u64, FileType)>, ViewError> {
    let mut list = Vec::new();
    view.list(dir, 2, &mut |_, entry| {
        list.push((entry.name.into_owned(), entry.ino, entry.kind));
        true
    })?;
    list.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(list)
}

/// What comes next of a directory that is being passed.
enum Step {
    /// The thing of that name.
    Show(Vec<u8>, u64),
    /// What is in the directory of that name.
    Enter(Vec<u8>, u64),
}

/// Everything below a path, itself first, in the byte order of the paths.
pub struct Walk<'a> {
    view: &'a ImageFs,
    start: Option<Found>,
    /// The directories on the way, each with its path and what of it is left, the next at the end.
    dirs: Vec<(Vec<u8>, Vec<Step>)>,
    max_depth: usize,
    by_directory: bool,
}

impl<'a> Walk<'a> {
    /// A walk that begins at something, whose path is shown as `path`.
    pub fn new(view: &'a ImageFs, path: &[u8], attr: Attr) -> Self {
        let path = path.to_vec();
        let depth = 0;
        Self {
            view,
            start: Some(Found { path, depth, attr }),
            dirs: Vec::new(),
            max_depth: usize::MAX,
            by_directory: false,
        }
    }

    /// The same, but not deeper than so many names below its beginning.
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth;
        self
    }

    /// The same in the order of find(1) and tar(1): what is in a directory comes right behind it, and
    /// names stand in byte order in each.
    pub fn by_directory(mut self) -> Self {
        self.by_directory = true;
        self
    }

    /// What was shown last is not entered. To be called right after it was shown.
    pub fn leave_out(&mut self, found: &Found) {
        if let Some((_, steps)) = self.dirs.last_mut() {
            if found.depth == 0 {
                steps.clear();
            } else {
                steps.retain(|step| !matches!(step, Step::Enter(_, ino) if *ino == found.attr.ino));
            }
        }
    }

    fn enter(&mut self, path: Vec<u8>, dir: u64) -> Result<(), ViewError> {
        if self.dirs.len() >= self.max_depth {
            return Ok(());
        }
        let mut steps = Vec::new();
        for (name, ino, kind) in children(self.view, dir)? {
            if kind == FileType::Directory {
                let mut inside = name.clone();
                inside.push(b'/');
                steps.push(Step::Enter(inside, ino));
            }
            steps.push(Step::Show(name, ino));
        }
        // Both kinds in one row; the last is taken first.
        if self.by_directory {
            steps.sort_unstable_by(|a, b| b.bare().cmp(&a.bare()));
        } else {
            steps.sort_unstable_by(|a, b| b.name().cmp(a.name()));
        }
        self.dirs.push((path, steps));
        Ok(())
    }
}

impl Step {
    fn name(&self) -> &[u8] {
        match self {
            Self::Show(name, _) | Self::Enter(name, _) => name,
        }
    }

    /// The name without the slash that may follow it, and which of the two it is.
    fn bare(&self) -> (&[u8], bool) {
        let name = self.name();
        match name.strip_suffix(b"/") {
            Some(bare) => (bare, true),
            None => (name, false),
        }
    }
}

/// A path and a name below it.
pub fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, slash, name].concat()
}

impl Iterator for Walk<'_> {
    /// An error is about one place; the walk goes on after it.
    type Item = Result<Found, (Vec<u8>, ViewError)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(found) = self.start.take() {
            if found.attr.kind == FileType::Directory
                && let Err(error) = self.enter(found.path.clone(), found.attr.ino)
            {
                return Some(Err((found.path, error)));
            }
            return Some(Ok(found));
        }
        loop {
            let depth = self.dirs.len();
            let (dir, steps) = self.dirs.last_mut()?;
            let Some(step) = steps.pop() else {
                self.dirs.pop();
                continue;
            };
            let path = join(dir, step.name());
            match step {
                Step::Show(_, ino) => {
                    return Some(match self.view.getattr(ino) {
                        Ok(attr) => Ok(Found { path, depth, attr }),
                        Err(error) => Err((path, error)),
                    });
                }
                Step::Enter(_, ino) => {
                    if let Err(error) = self.enter(path.clone(), ino) {
                        return Some(Err((path, error)));
                    }
                }
            }
        }
    }
}
