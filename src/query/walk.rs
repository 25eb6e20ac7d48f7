//! Resolves paths in an image as the kernel would, and walks directory trees.
//!
//! A walk visits files in the byte order of their paths, so its output is that of `LC_ALL=C sort` and
//! can be joined with another walk. This differs from the order of names within each directory: `a.b`
//! comes between `a` and `a/b`. So each directory has two positions among its siblings: that of its
//! name, and that of its name with a slash, where its contents are visited. Archives need the other
//! order ([`Walk::by_directory`]).

use crate::view::{Attr, FileType, ImageFs, View, ViewError};

/// A path leads through at most this many symbolic links (Linux, namei.h, `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;
/// The maximum number of names on one path, including those of its links' targets.
const MAX_STEPS: usize = 8 << 10;
/// The inode number of the root.
const ROOT: u64 = 1;

/// A file in an image, and the path that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkEntry {
    /// The path from the root, with a leading slash.
    pub path: Vec<u8>,
    /// The number of names below the start of the walk.
    pub depth: usize,
    /// Its attributes, as for stat(2).
    pub attr: Attr,
}

/// The components of a resolved path, each with the attributes of its file.
pub(crate) type ResolvedPath = Vec<(Vec<u8>, Attr)>;

/// Resolves a path with the root of the image as the root: `..` and absolute links stay inside. If the
/// last component is a symbolic link, it is followed only with `follow`.
///
/// # Errors
/// Returns `NotFound` if the path does not exist or its links form a loop, or `NotDirectory`.
pub(crate) fn resolve(view: &ImageFs, path: &[u8], follow: bool) -> Result<Attr, ViewError> {
    locate(view, path, follow).map(|found| found.attr)
}

/// Like [`resolve`], but also returns the path of the file, which contains no symbolic links.
///
/// # Errors
/// As for [`resolve`].
pub(crate) fn locate(view: &ImageFs, path: &[u8], follow: bool) -> Result<WalkEntry, ViewError> {
    let root = view.getattr(ROOT)?;
    let trail = trail(view, root, path, follow)?;
    let names: Vec<&[u8]> = trail.iter().map(|(name, _)| name.as_slice()).collect();
    Ok(WalkEntry {
        path: [b"/", names.join(&b'/').as_slice()].concat(),
        depth: 0,
        attr: trail.last().map_or(root, |(_, attr)| *attr),
    })
}

/// Like [`resolve`], but takes any directory as the root and returns the whole resolved path: the names
/// of its directories, with symbolic links followed, and the name of the file. Empty for the root.
///
/// # Errors
/// As for [`resolve`].
pub(crate) fn trail(
    view: &ImageFs,
    root: Attr,
    path: &[u8],
    follow: bool,
) -> Result<ResolvedPath, ViewError> {
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        let names = path.split(|&b| b == b'/').filter(|name| !name.is_empty());
        names.map(<[u8]>::to_vec).collect()
    };
    let mut pending = names(path);
    pending.reverse();
    let mut trail = ResolvedPath::new();
    let (mut links, mut steps) = (0, 0);
    // As in the kernel, a final slash means that a symbolic link is followed.
    let follow = follow || path.ends_with(b"/");
    let here = |trail: &ResolvedPath| trail.last().map_or(root, |(_, attr)| *attr);
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

/// Returns the names in a directory with their inode numbers and types, without `.` and `..`, in byte
/// order.
///
/// # Errors
/// Returns `NotDirectory`, or `Io` if the image cannot be read.
pub(crate) fn children(
    view: &ImageFs,
    dir: u64,
) -> Result<Vec<(Vec<u8>, u64, FileType)>, ViewError> {
    let mut list = Vec::new();
    view.list(dir, 2, &mut |_, entry| {
        list.push((entry.name.into_owned(), entry.ino, entry.kind));
        true
    })?;
    list.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(list)
}

/// A pending step in a directory.
enum Step {
    /// Yield the file with this name.
    Show(Vec<u8>, u64),
    /// Enter the directory with this name.
    Enter(Vec<u8>, u64),
}

/// An iterator over a file and everything below it, in the byte order of the paths.
pub(crate) struct Walk<'a> {
    view: &'a ImageFs,
    start: Option<WalkEntry>,
    /// The directories on the current path, each with its path and its pending steps, the next one last.
    dirs: Vec<(Vec<u8>, Vec<Step>)>,
    max_depth: usize,
    by_directory: bool,
}

impl<'a> Walk<'a> {
    /// Creates a walk that starts at a file, whose path is shown as `path`.
    pub(crate) fn new(view: &'a ImageFs, path: &[u8], attr: Attr) -> Self {
        let path = path.to_vec();
        let depth = 0;
        Self {
            view,
            start: Some(WalkEntry { path, depth, attr }),
            dirs: Vec::new(),
            max_depth: usize::MAX,
            by_directory: false,
        }
    }

    /// Limits the walk to `depth` levels below its start.
    pub(crate) fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth;
        self
    }

    /// Changes the order to that of find(1) and tar(1): the contents of a directory follow it directly,
    /// and the names in each directory are in byte order.
    pub(crate) fn by_directory(mut self) -> Self {
        self.by_directory = true;
        self
    }

    /// Skips the contents of the directory that the walk just yielded. Must be called before the next
    /// step.
    pub(crate) fn skip_contents(&mut self, found: &WalkEntry) {
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
        // Sort both kinds of steps together, in reverse because the last one is taken first.
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

    /// The name without a final slash, and whether it has one.
    fn bare(&self) -> (&[u8], bool) {
        let name = self.name();
        match name.strip_suffix(b"/") {
            Some(bare) => (bare, true),
            None => (name, false),
        }
    }
}

/// Joins the path of a directory and a name in it.
pub(crate) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, slash, name].concat()
}

/// Returns a path as displayed: with a leading slash, without empty components and `.`.
pub(crate) fn clean(path: &[u8]) -> Vec<u8> {
    let names = path.split(|&b| b == b'/');
    let names = names.filter(|name| !name.is_empty() && *name != b".");
    let mut clean = Vec::with_capacity(path.len() + 1);
    for name in names {
        clean.push(b'/');
        clean.extend_from_slice(name);
    }
    if clean.is_empty() {
        clean.push(b'/');
    }
    clean
}

impl Iterator for Walk<'_> {
    /// An error concerns one path. The walk continues after it.
    type Item = Result<WalkEntry, (Vec<u8>, ViewError)>;

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
                        Ok(attr) => Ok(WalkEntry { path, depth, attr }),
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

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn paths_are_shown_from_the_root() {
        for (path, expected) in [("", "/"), ("/", "/"), ("./a//b/", "/a/b"), ("/a", "/a")] {
            assert_eq!(clean(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }
}
