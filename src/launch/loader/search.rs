//! Directories, and looking into them: each directory is resolved once, and each name looked up in it
//! once, however many files are looked for there.

use std::collections::{BTreeSet, HashMap};

use super::fault::{Fault, Fit, fit};
use super::kind::{Kind as LoaderKind, Loader};
use crate::launch::access::{self, Blocked};
use crate::launch::errno::Errno;
use crate::launch::image::{Image, base};
use crate::launch::user::Credentials;
use crate::tree::{Kind, NodeId};

/// Number of a directory in [`Dirs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DirId(u32);

impl DirId {
    /// A relative directory where the working directory is unknown. Nothing is found in it.
    pub const UNKNOWN: Self = Self(u32::MAX);
}

/// What is in a directory under the name of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing, or a file for another machine.
    None,
    /// A file of the other class (32 or 64 bits), which glibc passes over and mentions at the end.
    OtherClass,
    /// A file that fits: the node, and the directory that it is in, which may be one of those for
    /// better processors.
    Fits(NodeId, DirId),
    /// A file that is there and cannot be loaded, at which the loader gives up.
    Broken(NodeId, DirId, Fault),
}

impl Entry {
    /// Whether the search ends here.
    pub fn ends(self) -> bool {
        matches!(self, Self::Fits(..) | Self::Broken(..))
    }

    /// The outcome of a search that goes on after `self` and then meets `next`.
    pub fn or(self, next: Self) -> Self {
        match (self, next) {
            (Self::OtherClass, Self::None) => self,
            _ => next,
        }
    }
}

/// Below each directory of a search path, glibc looks into these where the processor allows
/// (`sysdeps/*/dl-hwcaps_subdirs.c`), before the directory itself. Which processor it will be nobody
/// knows: x86-64-v3 is what most machines have that run containers, so that is taken for granted.
const BEFORE: [&str; 2] = ["glibc-hwcaps/x86-64-v3", "glibc-hwcaps/x86-64-v2"];

/// These are for other processors, or were looked into before glibc 2.37 only. What is there and nowhere
/// else is found by some, which is better than by none.
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

/// In which order paths of the cache are tried: the lowest first.
pub fn rank(path: &[u8]) -> usize {
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

/// No more paths than this are kept of files that may not be opened.
const MAX_CLOSED: usize = 64;

struct Dir {
    /// The directory as the loader writes it in paths: it may be relative, and `..` and links are in it.
    shown: Vec<u8>,
    /// The same, from the root.
    path: Vec<u8>,
    node: Option<NodeId>,
    /// Where to look: the directory itself, and what there is of [`BEFORE`] and [`AFTER`] around it.
    /// Found out when it is looked into first.
    places: Option<Vec<DirId>>,
}

/// All directories that were looked into.
#[derive(Default)]
pub struct Dirs {
    dirs: Vec<Dir>,
    by_path: HashMap<(Vec<u8>, Vec<u8>), DirId>,
    /// Whose permissions count; root's at first.
    reader: Credentials,
    /// Paths of files that the reader may not open. A loader passes over them.
    closed: BTreeSet<Vec<u8>>,
}

impl Dirs {
    /// From now on this user's permissions count. Whether that is another one than before.
    pub fn read_as(&mut self, reader: &Credentials) -> bool {
        if self.reader == *reader {
            return false;
        }
        self.reader = reader.clone();
        self.closed.clear();
        true
    }

    /// The path of a file of that name that the reader may not open, if one was met.
    pub fn closed(&self, name: &[u8]) -> Option<&[u8]> {
        let mut closed = self.closed.iter().map(Vec::as_slice);
        closed.find(|path| base(path) == name)
    }

    /// Whether the reader may open a file. `EACCES` does not end the search of glibc (`open_path` in
    /// `elf/dl-load.c`) nor that of musl (`path_open` in `ldso/dynlink.c`).
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

    /// The directory that `shown` leads to from a working directory, which matters to relative ones
    /// only. The empty path is the root.
    pub fn get(&mut self, image: &Image<'_>, shown: &[u8], cwd: Option<&[u8]>) -> DirId {
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
            found.is_some_and(|node| node.kind == Kind::Directory)
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

    /// The path of a directory, absolute.
    pub fn path(&self, id: DirId) -> &[u8] {
        self.dirs.get(id.0 as usize).map_or(b"", |dir| &dir.path)
    }

    /// The path of a directory as the loader writes it.
    pub fn shown(&self, id: DirId) -> &[u8] {
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
                    // The working directory is what the path has before the part that is shown.
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

    /// Looks for a library in a directory: as glibc does, in those for better processors too, and past
    /// files for other machines; or as musl does, which takes the first file of that name.
    pub fn look(&mut self, image: &Image<'_>, dir: DirId, name: &[u8], loader: &Loader) -> Entry {
        let places = match loader.kind {
            LoaderKind::Glibc => self.places(image, dir),
            _ => vec![dir],
        };
        let mut found = Entry::None;
        for place in places {
            found = found.or(self.look_here(image, place, name, loader));
            if found.ends() {
                break;
            }
        }
        found
    }

    /// Looks for a name in a directory alone.
    pub fn look_here(
        &mut self,
        image: &Image<'_>,
        dir: DirId,
        name: &[u8],
        loader: &Loader,
    ) -> Entry {
        let dir_node = self.node(dir);
        let found = dir_node.and_then(|node| image.tree.resolve(node, name));
        let Some((_, node)) = found else {
            return Entry::None;
        };
        if !self.may_open(image, dir, name) {
            return Entry::None;
        }
        match fit(image, node, loader) {
            Fit::Yes => Entry::Fits(node, dir),
            Fit::Passed(true) => Entry::OtherClass,
            Fit::Passed(false) => Entry::None,
            Fit::Broken(fault) => Entry::Broken(node, dir, fault),
        }
    }
}
