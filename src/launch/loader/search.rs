//! Searches directories for libraries. Each directory is resolved once, and each name is looked up in
//! it once, no matter how many files need it.

use std::collections::{BTreeSet, HashMap};

use super::fault::{Fault, Fit, fit};
use super::kind::{Loader, LoaderKind};
use crate::launch::access::{self, Blocked};
use crate::launch::errno::Errno;
use crate::launch::image::{Image, base};
use crate::launch::user::Credentials;
use crate::tree::{NodeId, NodeKind};

/// Index of a directory in [`Dirs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DirId(u32);

impl DirId {
    /// Stands for a relative directory if the working directory is unknown. Nothing is found in it.
    pub(crate) const UNKNOWN: Self = Self(u32::MAX);
}

/// What a directory contains under the name of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DirLookup {
    /// Nothing, or a file that the loader skips silently, for example one for another machine.
    None,
    /// A file of the other class (32 or 64 bits). glibc skips it, but mentions it at the end.
    OtherClass,
    /// A file that can be loaded: its node, and the directory that it is in, which may be one of the
    /// `glibc-hwcaps` subdirectories.
    Fits(NodeId, DirId),
    /// A file that cannot be loaded and ends the search.
    Broken(NodeId, DirId, Fault),
}

impl DirLookup {
    /// Returns true if the search ends with this result.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Self::Fits(..) | Self::Broken(..))
    }

    /// Returns the result of a search that found `self` first and `next` after it.
    pub(crate) fn or(self, next: Self) -> Self {
        match (self, next) {
            (Self::OtherClass, Self::None) => self,
            _ => next,
        }
    }
}

/// Subdirectories that glibc searches before each directory of a search path if the processor supports
/// them (`sysdeps/*/dl-hwcaps_subdirs.c`). The actual processor is unknown. x86-64-v3 is assumed,
/// because most machines that run containers have it.
const BEFORE: [&str; 2] = ["glibc-hwcaps/x86-64-v3", "glibc-hwcaps/x86-64-v2"];

/// Subdirectories for other processors, and those that only glibc before 2.37 searches. A library that
/// exists only there is found on some machines, so these are searched last.
const AFTER: [&str; 12] = [
    "glibc-hwcaps/x86-64-v4",
    "glibc-hwcaps/power9",
    "glibc-hwcaps/power10",
    "glibc-hwcaps/z13",
    "glibc-hwcaps/z14",
    "glibc-hwcaps/z15",
    "glibc-hwcaps/z16",
    "tls",
    "x86_64",
    "tls/x86_64",
    "haswell",
    "haswell/x86_64",
];

/// Returns the rank of a path of the cache. Paths are tried in ascending order.
pub(super) fn rank(path: &[u8]) -> usize {
    let dir = crate::launch::image::parent(path);
    if let Some(at) = BEFORE
        .iter()
        .position(|name| dir.ends_with(name.as_bytes()))
    {
        return at;
    }
    let after = AFTER.iter().position(|name| dir.ends_with(name.as_bytes()));
    BEFORE.len() + after.map_or(0, |at| at + 1)
}

/// The maximum number of paths of unreadable files that are kept.
const MAX_CLOSED: usize = 64;

struct Dir {
    /// The directory as the loader writes it in paths. It may be relative, and may contain `..` and
    /// links.
    shown: Vec<u8>,
    /// Like `shown`, but absolute.
    path: Vec<u8>,
    node: Option<NodeId>,
    /// The directories to search: the directory itself, and the existing subdirectories of [`BEFORE`]
    /// and [`AFTER`] around it. Determined at the first search.
    places: Option<Vec<DirId>>,
}

/// All directories that were searched.
#[derive(Default)]
pub(super) struct Dirs {
    dirs: Vec<Dir>,
    by_path: HashMap<(Vec<u8>, Vec<u8>), DirId>,
    /// The user whose permissions apply, root by default.
    reader: Credentials,
    /// Paths of files that the reader may not open. A loader skips them.
    closed: BTreeSet<Vec<u8>>,
}

impl Dirs {
    /// Sets the user whose permissions apply. Returns true if that is a different user than before.
    pub(super) fn read_as(&mut self, reader: &Credentials) -> bool {
        if self.reader == *reader {
            return false;
        }
        self.reader = reader.clone();
        self.closed.clear();
        true
    }

    /// Returns the path of a file of that name that the reader may not open, if a search met one.
    pub(super) fn closed(&self, name: &[u8]) -> Option<&[u8]> {
        let mut closed = self.closed.iter().map(Vec::as_slice);
        closed.find(|path| base(path) == name)
    }

    /// Returns true if the reader may open a file. `EACCES` ends neither the search of glibc
    /// (`open_path` in `elf/dl-load.c`) nor that of musl (`path_open` in `ldso/dynlink.c`).
    fn may_open(&mut self, image: &Image<'_>, dir: DirId, name: &[u8]) -> bool {
        if self.reader.is_root() {
            return true;
        }
        let path = [self.path(dir), b"/", name].concat();
        let open = match access::follow(image, &self.reader, b"/", &path) {
            Ok(reached) => {
                let node = image.tree.node(reached.node);
                node.is_none_or(|node| access::may_read(&node, &self.reader))
            }
            Err(Blocked::Error(Errno::Access, _)) => false,
            Err(_) => true,
        };
        if !open && self.closed.len() < MAX_CLOSED {
            self.closed.insert(path);
        }
        open
    }

    /// Returns the directory for a path as the loader writes it. A relative path starts at the working
    /// directory `cwd`. The empty path is the root.
    pub(super) fn get(&mut self, image: &Image<'_>, shown: &[u8], cwd: Option<&[u8]>) -> DirId {
        let relative = !(shown.is_empty() || shown.starts_with(b"/"));
        let from = match (relative, cwd) {
            (false, _) => &b""[..],
            (true, Some(cwd)) => cwd,
            (true, None) => return DirId::UNKNOWN,
        };
        let key = (shown.to_vec(), from.to_vec());
        if let Some(id) = self.by_path.get(&key) {
            return *id;
        }
        let path = match relative {
            true => [from, b"/", shown].concat(),
            false => shown.to_vec(),
        };
        let node = image.resolve(&[&path[..], b"/"].concat()).filter(|&node| {
            let found = image.tree.node(node);
            found.is_some_and(|node| node.kind == NodeKind::Directory)
        });
        let Some(id) = u32::try_from(self.dirs.len()).ok().map(DirId) else {
            return DirId::UNKNOWN;
        };
        self.dirs.push(Dir {
            shown: shown.to_vec(),
            path,
            node,
            places: None,
        });
        self.by_path.insert(key, id);
        id
    }

    /// Returns the absolute path of a directory.
    pub(super) fn path(&self, id: DirId) -> &[u8] {
        self.dirs.get(id.0 as usize).map_or(b"", |dir| &dir.path)
    }

    /// Returns the path of a directory as the loader writes it.
    pub(super) fn shown(&self, id: DirId) -> &[u8] {
        self.dirs.get(id.0 as usize).map_or(b"", |dir| &dir.shown)
    }

    fn node(&self, id: DirId) -> Option<NodeId> {
        self.dirs.get(id.0 as usize)?.node
    }

    fn places(&mut self, image: &Image<'_>, id: DirId) -> Vec<DirId> {
        let Some(dir) = self.dirs.get(id.0 as usize) else {
            return Vec::new();
        };
        if let Some(places) = &dir.places {
            return places.clone();
        }
        let mut places = Vec::new();
        if let Some(node) = dir.node {
            let (shown, path) = (dir.shown.clone(), dir.path.clone());
            for name in BEFORE.iter().chain(&[""]).chain(&AFTER) {
                if name.is_empty() {
                    places.push(id);
                } else if image.tree.resolve(node, name.as_bytes()).is_some() {
                    let below = [&shown, &b"/"[..], name.as_bytes()].concat();
                    // The working directory is the part of `path` before `shown`.
                    let cwd = path.strip_suffix(&shown[..]).unwrap_or_default();
                    let cwd = cwd.strip_suffix(b"/").unwrap_or(cwd);
                    places.push(self.get(image, &below, Some(cwd)));
                }
            }
        }
        if let Some(dir) = self.dirs.get_mut(id.0 as usize) {
            dir.places = Some(places.clone());
        }
        places
    }

    /// Searches a directory for a library. With glibc's rules, this includes subdirectories for better
    /// processors, and files for other machines are skipped. With musl's rules, the first file of that
    /// name is the result.
    pub(super) fn look(
        &mut self,
        image: &Image<'_>,
        dir: DirId,
        name: &[u8],
        loader: &Loader,
    ) -> DirLookup {
        let places = match loader.kind {
            LoaderKind::Glibc => self.places(image, dir),
            _ => vec![dir],
        };
        let mut found = DirLookup::None;
        for place in places {
            found = found.or(self.look_here(image, place, name, loader));
            if found.ends() {
                break;
            }
        }
        found
    }

    /// Looks up a name in a directory, without its subdirectories.
    pub(super) fn look_here(
        &mut self,
        image: &Image<'_>,
        dir: DirId,
        name: &[u8],
        loader: &Loader,
    ) -> DirLookup {
        let dir_node = self.node(dir);
        let found = dir_node.and_then(|node| image.tree.resolve(node, name));
        let Some((_, node)) = found else {
            return DirLookup::None;
        };
        if !self.may_open(image, dir, name) {
            return DirLookup::None;
        }
        match fit(image, node, loader) {
            Fit::Yes => DirLookup::Fits(node, dir),
            Fit::Passed(true) => DirLookup::OtherClass,
            Fit::Passed(false) => DirLookup::None,
            Fit::Broken(fault) => DirLookup::Broken(node, dir, fault),
        }
    }
}
