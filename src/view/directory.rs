//! Names: looking one up, and listing all of a directory.

use super::attr::file_type;
use super::ino::Ino;
use super::{Attr, DirEntry, FileType, ImageFs, Sidecars, ViewError, control, sidecar};
use crate::tree::{DentryId, Kind, NodeId, Tree};

impl ImageFs {
    /// The inode that a name in a directory leads to.
    ///
    /// # Errors
    /// `NotFound`, or `NotDirectory` where there are no names.
    pub fn lookup(&self, parent: u64, name: &[u8]) -> Result<Attr, ViewError> {
        self.sound(|| {
            let found = match self.ino(parent)? {
                Ino::Node(dir) => self.node_lookup(dir, name)?,
                Ino::Control => self.control_lookup(name),
                Ino::ArchDirectory(dir) => self.arch_lookup(dir, name),
                Ino::Sidecar(_) | Ino::ArchText(_) | Ino::Findings => {
                    return Err(ViewError::NotDirectory);
                }
            };
            self.attr(found.ok_or(ViewError::NotFound)?)
        })
    }

    fn node_lookup(&self, dir: NodeId, name: &[u8]) -> Result<Option<Ino>, ViewError> {
        let node = self.tree().node(dir).ok_or(ViewError::NotFound)?;
        if !matches!(node.kind, Kind::Directory) {
            return Err(ViewError::NotDirectory);
        }
        if dir == Tree::ROOT && name == control::CONTROL {
            return Ok(Some(Ino::Control));
        }
        // A real file of that name wins over a sidecar.
        if let Some((_, dentry)) = self.tree().lookup(dir, name) {
            return Ok(Some(Ino::Node(dentry.node)));
        }
        if self.sidecars == Sidecars::Off {
            return Ok(None);
        }
        Ok(self.described_by(dir, name).map(Ino::Sidecar))
    }

    /// The entry that a sidecar of that name would describe.
    pub(super) fn described_by(&self, dir: NodeId, name: &[u8]) -> Option<DentryId> {
        let executable = name.strip_suffix(sidecar::SUFFIX)?;
        let (id, _) = self.tree().lookup(dir, executable)?;
        self.tree().executable(id).map(|_| id)
    }

    /// Lists a directory from position `offset` on (0 is the start), `.` and `..` included. Each
    /// entry comes with the position after it; `emit` returns false when it has no room for one.
    ///
    /// # Errors
    /// `NotFound`, or `NotDirectory`.
    pub fn list(
        &self,
        dir: u64,
        offset: u64,
        emit: &mut dyn FnMut(u64, DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        self.sound(|| self.list_from(self.ino(dir)?, offset, emit))
    }

    fn list_from(
        &self,
        ino: Ino,
        offset: u64,
        emit: &mut dyn FnMut(u64, DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        let parent = match ino {
            Ino::Node(id) => {
                let node = self.tree().node(id).ok_or(ViewError::NotFound)?;
                if !matches!(node.kind, Kind::Directory) {
                    return Err(ViewError::NotDirectory);
                }
                Ino::Node(self.tree().parent(id))
            }
            Ino::Control => Ino::Node(Tree::ROOT),
            Ino::ArchDirectory(Tree::ROOT) => Ino::Control,
            Ino::ArchDirectory(id) => Ino::ArchDirectory(self.tree().parent(id)),
            Ino::Sidecar(_) | Ino::ArchText(_) | Ino::Findings => {
                return Err(ViewError::NotDirectory);
            }
        };
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
        // From here on each child has two positions: its own, and that of its sidecar.
        let dir = match ino {
            Ino::Node(id) | Ino::ArchDirectory(id) => id,
            _ => {
                for (at, entry) in (2..).step_by(2).zip(self.control_list()) {
                    if offset <= at && !emit(at + 1, entry) {
                        break;
                    }
                }
                return Ok(());
            }
        };
        let at = offset.max(2);
        let index = usize::try_from((at - 2) / 2).unwrap_or(usize::MAX);
        let second = at % 2 == 1;
        let is_arch = matches!(ino, Ino::ArchDirectory(_));
        let children = self.tree().children(dir).skip(index);
        let places = children.flat_map(|child| [(child, false), (child, true)]);
        for (at, (child, second)) in (at..).zip(places.skip(usize::from(second))) {
            let shown = match (is_arch, second) {
                (true, false) => self.arch_entry(child),
                (true, true) => None,
                (false, false) => self.node_entry(dir, child),
                (false, true) => self.sidecar_entry(dir, child),
            };
            if let Some(entry) = shown
                && !emit(at + 1, entry)
            {
                break;
            }
        }
        Ok(())
    }

    /// What is listed for a child of a directory.
    fn node_entry(&self, dir: NodeId, child: DentryId) -> Option<DirEntry<'_>> {
        let dentry = self.tree().dentry(child)?;
        let hidden = dir == Tree::ROOT && dentry.name == control::CONTROL;
        (!hidden).then(|| DirEntry {
            ino: Ino::Node(dentry.node).number(),
            kind: file_type(dentry.kind),
            name: dentry.name.into(),
        })
    }

    /// What is listed for its sidecar.
    fn sidecar_entry(&self, dir: NodeId, child: DentryId) -> Option<DirEntry<'_>> {
        if self.sidecars != Sidecars::Listed {
            return None;
        }
        let name = self.sidecar_name(child)?;
        let taken = self.tree().lookup(dir, &name).is_some();
        (!taken).then(|| DirEntry {
            ino: Ino::Sidecar(child).number(),
            kind: FileType::Regular,
            name: name.into(),
        })
    }
}
