//! Looks up names and lists directories.

use super::attr::file_type;
use super::control::ControlFile;
use super::ino::{Ino, TreeId};
use super::{DirEntry, FileType, ImageFs, MAX_NAME, Sidecars, ViewError, control, sidecar};
use crate::tree::{DentryId, NodeId, NodeKind, Tree};

impl ImageFs {
    /// The inode that a name in a directory leads to.
    pub(super) fn find(&self, dir: Ino, name: &[u8]) -> Result<Option<Ino>, ViewError> {
        match dir {
            Ino::Node(which, dir) => self.node_lookup(which, dir, name),
            Ino::Control(number) => self.control_lookup(self.control_file(number)?, name),
            Ino::ArchDirectory(dir) => Ok(self.arch_lookup(dir, name)),
            Ino::Sidecar(..) | Ino::ArchText(_) | Ino::Status(_) => Err(ViewError::NotDirectory),
        }
    }

    fn node_lookup(
        &self,
        which: TreeId,
        dir: NodeId,
        name: &[u8],
    ) -> Result<Option<Ino>, ViewError> {
        let tree = self.tree_of(which)?;
        let node = tree.node(dir).ok_or(ViewError::NotFound)?;
        if !matches!(node.kind, NodeKind::Directory) {
            return Err(ViewError::NotDirectory);
        }
        if is_control(which, dir, name) {
            return Ok(Some(ControlFile::Top.ino()));
        }
        // A file of the image with that name takes precedence over a sidecar.
        if let Some((_, dentry)) = tree.lookup(dir, name) {
            return Ok(Some(Ino::Node(which, dentry.node)));
        }
        if self.sidecars == Sidecars::Off {
            return Ok(None);
        }
        let described = self.described_by(tree, dir, name);
        Ok(described.map(|id| Ino::Sidecar(which, id)))
    }

    /// The entry that a sidecar with that name would describe.
    pub(super) fn described_by(&self, tree: &Tree, dir: NodeId, name: &[u8]) -> Option<DentryId> {
        let executable = name.strip_suffix(sidecar::SUFFIX)?;
        let (id, _) = tree.lookup(dir, executable)?;
        tree.executable(id).map(|_| id)
    }

    /// Lists a directory from a position, as [`View::list`](super::View::list) does.
    pub(super) fn list_from(
        &self,
        ino: Ino,
        offset: u64,
        emit: &mut dyn FnMut(u64, DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        let parent = self.parent_of(ino)?;
        for (at, (ino, name)) in (0..).zip([(ino, "."), (parent, "..")]) {
            let entry = DirEntry {
                ino: ino.number(),
                kind: FileType::Directory,
                name: name.as_bytes().into(),
            };
            if offset <= at && !emit(at + 1, entry) {
                return Ok(());
            }
        }
        // From here on, each child has two positions: its own, and that of its sidecar.
        let (tree, dir) = match ino {
            Ino::Node(which, id) => (self.tree_of(which)?, id),
            Ino::ArchDirectory(id) => (self.tree(), id),
            Ino::Control(number) => {
                let list = self.control_list(self.control_file(number)?)?;
                for (at, entry) in (2..).step_by(2).zip(list) {
                    if offset <= at && !emit(at + 1, entry) {
                        break;
                    }
                }
                return Ok(());
            }
            Ino::Sidecar(..) | Ino::ArchText(_) | Ino::Status(_) => return Ok(()),
        };
        let at = offset.max(2);
        let index = usize::try_from((at - 2) / 2).unwrap_or(usize::MAX);
        let second = at % 2 == 1;
        let children = tree.children(dir).skip(index);
        let places = children.flat_map(|child| [(child, false), (child, true)]);
        for (at, (child, second)) in (at..).zip(places.skip(usize::from(second))) {
            let shown = match (ino, second) {
                (Ino::Node(which, _), false) => node_entry(tree, which, child),
                (Ino::Node(which, _), true) => self.sidecar_entry(tree, which, child),
                (_, false) => self.arch_entry(child),
                (_, true) => None,
            };
            if let Some(entry) = shown
                && !emit(at + 1, entry)
            {
                break;
            }
        }
        Ok(())
    }

    /// The parent of a directory.
    fn parent_of(&self, ino: Ino) -> Result<Ino, ViewError> {
        Ok(match ino {
            Ino::Node(which, id) => {
                let tree = self.tree_of(which)?;
                let node = tree.node(id).ok_or(ViewError::NotFound)?;
                match (node.kind, which) {
                    (NodeKind::Directory, TreeId::Hidden) if id == Tree::ROOT => {
                        ControlFile::Top.ino()
                    }
                    (NodeKind::Directory, TreeId::Layer(_)) if id == Tree::ROOT => {
                        ControlFile::Layers.ino()
                    }
                    (NodeKind::Directory, _) => Ino::Node(which, tree.parent(id)),
                    _ => return Err(ViewError::NotDirectory),
                }
            }
            Ino::Control(number) => self.control_parent(self.control_file(number)?),
            Ino::ArchDirectory(Tree::ROOT) => ControlFile::Top.ino(),
            Ino::ArchDirectory(id) => Ino::ArchDirectory(self.tree().parent(id)),
            Ino::Sidecar(..) | Ino::ArchText(_) | Ino::Status(_) => {
                return Err(ViewError::NotDirectory);
            }
        })
    }

    /// The entry to list for a child's sidecar.
    fn sidecar_entry(&self, tree: &Tree, which: TreeId, child: DentryId) -> Option<DirEntry<'_>> {
        // A single layer is listed as shipped.
        let listed = self.sidecars == Sidecars::Listed && !matches!(which, TreeId::Layer(_));
        if !listed {
            return None;
        }
        let name = self.sidecar_name(tree, child)?;
        let dir = tree.dentry(child)?.parent;
        let taken = tree.lookup(dir, &name).is_some();
        (!taken).then(|| DirEntry {
            ino: Ino::Sidecar(which, child).number(),
            kind: FileType::Regular,
            name: name.into(),
        })
    }
}

/// Returns `NameTooLong` for a name that is too long for any file.
pub(super) fn check_name_length(name: &[u8]) -> Result<(), ViewError> {
    match name.len() > MAX_NAME as usize {
        true => Err(ViewError::NameTooLong),
        false => Ok(()),
    }
}

/// Whether a name leads to `/.imgfs`. In the root of the merged tree, it takes precedence over a file
/// of the image.
fn is_control(which: TreeId, dir: NodeId, name: &[u8]) -> bool {
    which == TreeId::Merged && dir == Tree::ROOT && name == control::CONTROL
}

/// The entry to list for a child of a directory.
fn node_entry(tree: &Tree, which: TreeId, child: DentryId) -> Option<DirEntry<'_>> {
    let dentry = tree.dentry(child)?;
    (!is_control(which, dentry.parent, dentry.name)).then(|| DirEntry {
        ino: Ino::Node(which, dentry.node).number(),
        kind: file_type(dentry.kind),
        name: dentry.name.into(),
    })
}
