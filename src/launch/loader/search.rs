//! Directories, and looking into them: each directory is resolved once, and each name looked up in it
//! once, however many files are looked for there.

use std::collections::HashMap;

use super::kind::{Kind as LoaderKind, Loader};
use crate::inspect::{Format, Kind as BinaryKind};
use crate::launch::image::{Image, Machine};
use crate::tree::{Kind, NodeId};

/// Number of a directory in [`Dirs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DirId(u32);

/// What is in a directory under the name of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing, or what a loader passes over: another machine's or class's file.
    None,
    /// A file that fits: the node, and the directory that it is in, which may be one of those for
    /// better processors.
    Fits(NodeId, DirId),
    /// A file that is there and cannot be loaded, at which the loader gives up.
    Broken(NodeId),
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

struct Dir {
    path: Vec<u8>,
    node: Option<NodeId>,
    /// Where to look: the directory itself, and what there is of [`BEFORE`] and [`AFTER`] around it.
    /// Found out when somebody looks.
    places: Option<Vec<DirId>>,
}

/// All directories that were looked into.
#[derive(Default)]
pub struct Dirs {
    dirs: Vec<Dir>,
    by_path: HashMap<Vec<u8>, DirId>,
}

impl Dirs {
    /// The directory at a path, which is absolute.
    pub fn get(&mut self, image: &Image<'_>, path: &[u8]) -> DirId {
        if let Some(id) = self.by_path.get(path) {
            return *id;
        }
        let id = DirId(u32::try_from(self.dirs.len()).unwrap_or(u32::MAX));
        let node = image.resolve(path).filter(|&node| {
            let found = image.tree.node(node);
            found.is_some_and(|node| node.kind == Kind::Directory)
        });
        self.dirs.push(Dir {
            path: path.to_vec(),
            node,
            places: None,
        });
        self.by_path.insert(path.to_vec(), id);
        id
    }

    /// The path by which a directory was asked for.
    pub fn path(&self, id: DirId) -> &[u8] {
        self.dirs.get(id.0 as usize).map_or(b"", |dir| &dir.path)
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
            let base = dir.path.clone();
            for name in BEFORE.iter().chain(&[""]).chain(&AFTER) {
                if name.is_empty() {
                    places.push(id);
                } else if image.tree.resolve(node, name.as_bytes()).is_some() {
                    let path = [&base, &b"/"[..], name.as_bytes()].concat();
                    places.push(self.get(image, &path));
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
        let found = places
            .into_iter()
            .map(|place| self.look_here(image, place, name, loader));
        let mut found = found.filter(|found| *found != Entry::None);
        found.next().unwrap_or(Entry::None)
    }

    fn look_here(&self, image: &Image<'_>, dir: DirId, name: &[u8], loader: &Loader) -> Entry {
        let dir_node = self.node(dir);
        let found = dir_node.and_then(|node| image.tree.resolve(node, name));
        let Some((_, node)) = found else {
            return Entry::None;
        };
        match fit(image, node, &loader.machine) {
            Fit::Yes => Entry::Fits(node, dir),
            Fit::Passed if loader.kind == LoaderKind::Glibc => Entry::None,
            Fit::Passed | Fit::Broken => Entry::Broken(node),
        }
    }

    /// Looks at a path that an object names itself.
    pub fn look_at(&mut self, image: &Image<'_>, path: &[u8], loader: &Loader) -> Entry {
        let dir = self.get(image, crate::launch::image::parent(path));
        let name = crate::launch::image::base(path);
        self.look_here(image, dir, name, loader)
    }
}

enum Fit {
    Yes,
    Passed,
    Broken,
}

/// Whether a loader of that machine takes a file (`open_verify` in glibc's `elf/dl-load.c`): another
/// class or machine is passed over, what is no ELF file at all is an error.
fn fit(image: &Image<'_>, node: NodeId, machine: &Machine) -> Fit {
    let Some(found) = image.tree.node(node) else {
        return Fit::Passed;
    };
    if found.kind != Kind::Regular {
        return match found.kind {
            Kind::Directory => Fit::Broken,
            _ => Fit::Passed,
        };
    }
    let Some(file) = image.file(node) else {
        return Fit::Broken;
    };
    if file.binary.format != Format::Elf {
        return Fit::Broken;
    }
    match file.machine() {
        Some(found) if found == *machine => Fit::Yes,
        Some(_) => Fit::Passed,
        None if file.binary.kind == BinaryKind::Object => Fit::Broken,
        None => Fit::Passed,
    }
}
