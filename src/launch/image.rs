//! The input of the rules: the tree, the image's declarations, and the facts of every executable, read
//! once.

use std::collections::HashMap;
use std::io;

use super::{Declared, Evidence};
use crate::inspect::{Binary, BinaryKind, Endian, Format};
use crate::tree::{NodeId, NodeKind, Tree};

/// The search path of a container that sets none (the default of Docker and Podman).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The maximum size in memory of the facts of all executables. A real image needs a few MB.
const LIMIT: usize = 256 << 20;

/// An executable of the image and its facts.
pub(crate) struct File {
    /// The node.
    pub node: NodeId,
    /// Its first name, as an absolute path.
    pub path: Box<[u8]>,
    /// The index of the layer that contains it.
    pub layer: u32,
    /// Whether it has any execute bit.
    pub may_run: bool,
    /// Its facts.
    pub binary: Binary,
}

/// The properties that determine whether a loader accepts a file: `e_machine`, class and byte order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    /// The machine, by Go's name.
    pub arch: String,
    /// The word size in bits.
    pub bits: u8,
    /// Whether the byte order is little-endian.
    pub little: bool,
}

impl File {
    /// Returns the machine of an ELF file that can be started or loaded.
    pub(crate) fn machine(&self) -> Option<Machine> {
        let runs = matches!(
            self.binary.kind,
            BinaryKind::Executable | BinaryKind::SharedLibrary
        );
        if self.binary.format != Format::Elf || !runs {
            return None;
        }
        Some(Machine {
            arch: self.binary.arch.as_ref()?.value.clone(),
            bits: self.binary.bits?,
            little: self.binary.endian? == Endian::Little,
        })
    }

    /// Returns the machine's name, or an empty string if there is none.
    pub(crate) fn arch(&self) -> &str {
        self.binary.arch.as_ref().map_or("", |arch| &arch.value)
    }

    /// Returns the operating system's name, or an empty string if there is none.
    pub(crate) fn os(&self) -> &str {
        self.binary.os.as_ref().map_or("", |os| &os.value)
    }

    /// Returns the directory of its path, without a slash at the end. The root is empty.
    pub(crate) fn dir(&self) -> &[u8] {
        parent(&self.path)
    }

    /// Returns the last name of its path.
    pub(crate) fn name(&self) -> &[u8] {
        base(&self.path)
    }
}

/// Returns the directory of a path, without a slash at the end. The root is empty.
pub(crate) fn parent(path: &[u8]) -> &[u8] {
    let at = path.iter().rposition(|&b| b == b'/').unwrap_or(0);
    path.get(..at).unwrap_or_default()
}

/// Returns the last name of a path.
pub(crate) fn base(path: &[u8]) -> &[u8] {
    let at = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    path.get(at..).unwrap_or_default()
}

/// An image as the rules see it.
pub(crate) struct Image<'a> {
    /// The merged tree.
    pub tree: &'a Tree,
    /// The image's declarations.
    pub declared: &'a Declared,
    /// Access to everything outside of the tree.
    pub evidence: &'a dyn Evidence,
    /// All executables, in the order of their nodes.
    pub files: Vec<File>,
    by_node: HashMap<NodeId, usize>,
}

impl<'a> Image<'a> {
    /// Reads the facts of all executables.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read, or if the facts exceed a limit.
    pub(crate) fn read(
        tree: &'a Tree,
        declared: &'a Declared,
        evidence: &'a dyn Evidence,
    ) -> io::Result<Self> {
        let nodes = tree.nodes().filter_map(|id| Some((id, tree.node(id)?)));
        let mut nodes: Vec<_> = nodes.filter(|(_, node)| node.executable).collect();
        // Reading is fastest in the order in which the layers store the files.
        nodes.sort_by_key(|(_, node)| (node.layer, node.entry));
        let mut files = Vec::new();
        let mut room = LIMIT;
        for (id, node) in nodes {
            let Some(binary) = evidence.binary(id)? else {
                continue;
            };
            let path = node.name.map(|name| tree.path(name)).unwrap_or_default();
            let takes = size_of::<File>() + path.len() + binary.footprint();
            room = room.checked_sub(takes).ok_or_else(super::limit_exceeded)?;
            files.push(File {
                node: id,
                path: path.into(),
                layer: node.layer,
                may_run: node.mode & 0o111 != 0,
                binary,
            });
        }
        files.sort_by_key(|file| file.node);
        let numbers = files.iter().map(|file| file.node).zip(0..);
        Ok(Self {
            by_node: numbers.collect(),
            tree,
            declared,
            evidence,
            files,
        })
    }

    /// Returns the index in `files` of a node.
    pub(crate) fn number_of(&self, node: NodeId) -> Option<usize> {
        self.by_node.get(&node).copied()
    }

    /// Returns the executable of a node.
    pub(crate) fn file(&self, node: NodeId) -> Option<&File> {
        self.files.get(self.number_of(node)?)
    }

    /// Returns the node at a path from the root. Links are followed.
    pub(crate) fn resolve(&self, path: &[u8]) -> Option<NodeId> {
        self.tree.resolve(Tree::ROOT, path).map(|(_, node)| node)
    }

    /// Returns the regular file at a path.
    pub(crate) fn regular(&self, path: &[u8]) -> Option<NodeId> {
        let node = self.resolve(path)?;
        let kind = self.tree.node(node)?.kind;
        (kind == NodeKind::Regular).then_some(node)
    }

    /// Reads the first `limit` bytes of a regular file; `None` if there is no such file.
    pub(crate) fn read_file(&self, path: &[u8], limit: u64) -> io::Result<Option<Vec<u8>>> {
        let node = self.regular(path);
        node.map(|node| self.evidence.read(node, limit)).transpose()
    }

    /// Returns the value of a variable of the image's environment.
    pub(crate) fn env(&self, name: &str) -> Option<&str> {
        // The last entry counts, as with getenv in most shells and with runc.
        let vars = self.declared.start.env.iter().rev();
        let mut values = vars.filter_map(|var| var.strip_prefix(name)?.strip_prefix('='));
        values.next()
    }

    /// Returns the directories of the search path.
    pub(crate) fn search_path(&self) -> impl Iterator<Item = &str> {
        let path = self.env("PATH").filter(|path| !path.is_empty());
        path.unwrap_or(DEFAULT_PATH).split(':')
    }

    /// Returns the directory in which programs are started.
    pub(crate) fn working_dir(&self) -> &str {
        self.declared.start.working_dir.as_deref().unwrap_or("/")
    }

    /// Makes a path absolute: relative paths start at the working directory. `.` and `..` are kept,
    /// because only the tree determines where they lead: `/link/..` is the parent of the link's target.
    pub(crate) fn absolute(&self, path: &[u8]) -> Vec<u8> {
        match path.first() {
            Some(b'/') => path.to_vec(),
            _ => [self.working_dir().as_bytes(), b"/", path].concat(),
        }
    }
}
