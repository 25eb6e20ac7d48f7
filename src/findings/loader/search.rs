//! Directories, and looking into them: each directory is resolved once, and each name looked up in it
//! once, however many files are looked for there.

use std::collections::HashMap;

use super::super::image::{Image, Machine};
use crate::inspect::{Format, Kind as BinaryKind};
use crate::tree::{Kind, NodeId, Tree};

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

/// Below each directory of a search path, glibc looks into these first where the processor allows
/// (`sysdeps/*/dl-hwcaps_subdirs.c`), and before 2.37 into the others. What is to be found at all is
/// found in the plain directory nearly always, so that is looked into first here.
const SUBDIRS: [&str; 14] = [
    "glibc-hwcaps/x86-64-v2",
    "glibc-hwcaps/x86-64-v3",
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

struct Dir {
    path: Vec<u8>,
    node: Option<NodeId>,
    /// Those of [`SUBDIRS`] that there are; found out when somebody looks.
    subdirs: Option<Vec<DirId>>,
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
            subdirs: None,
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

    fn subdirs(&mut self, image: &Image<'_>, id: DirId) -> Vec<DirId> {
        let Some(dir) = self.dirs.get(id.0 as usize) else {
            return Vec::new();
        };
        if let Some(subdirs) = &dir.subdirs {
            return subdirs.clone();
        }
        let mut subdirs = Vec::new();
        if let Some(node) = dir.node {
            let base = dir.path.clone();
            for name in SUBDIRS {
                if image.tree.resolve(node, name.as_bytes()).is_some() {
                    let path = [&base, &b"/"[..], name.as_bytes()].concat();
                    subdirs.push(self.get(image, &path));
                }
            }
        }
        if let Some(dir) = self.dirs.get_mut(id.0 as usize) {
            dir.subdirs = Some(subdirs.clone());
        }
        subdirs
    }

    /// Looks for a library in a directory, and below it where glibc does.
    pub fn look(
        &mut self,
        image: &Image<'_>,
        dir: DirId,
        name: &[u8],
        machine: &Machine,
        with_subdirs: bool,
    ) -> Entry {
        let found = self.look_here(image, dir, name, machine);
        if found != Entry::None || !with_subdirs {
            return found;
        }
        let subdirs = self.subdirs(image, dir);
        let found = subdirs
            .into_iter()
            .map(|subdir| self.look_here(image, subdir, name, machine));
        let mut found = found.filter(|found| *found != Entry::None);
        found.next().unwrap_or(Entry::None)
    }

    fn look_here(&self, image: &Image<'_>, dir: DirId, name: &[u8], machine: &Machine) -> Entry {
        let Some((_, node)) = self
            .node(dir)
            .and_then(|node| image.tree.resolve(node, name))
        else {
            return Entry::None;
        };
        match fit(image, node, machine) {
            Fit::Yes => Entry::Fits(node, dir),
            Fit::Passed => Entry::None,
            Fit::Broken => Entry::Broken(node),
        }
    }

    /// Looks at a path that an object names itself.
    pub fn look_at(&mut self, image: &Image<'_>, path: &[u8], machine: &Machine) -> Entry {
        let Some((_, node)) = image.tree.resolve(Tree::ROOT, path) else {
            return Entry::None;
        };
        match fit(image, node, machine) {
            Fit::Yes => Entry::Fits(node, self.get(image, super::super::image::parent(path))),
            Fit::Passed => Entry::None,
            Fit::Broken => Entry::Broken(node),
        }
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
