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
        let found = match self.ino(parent)? {
            Ino::Node(dir) => self.node_lookup(dir, name)?,
            Ino::Control => self.control_lookup(name),
            Ino::ArchDirectory(dir) => self.arch_lookup(dir, name),
            Ino::Sidecar(_) | Ino::ArchText(_) => return Err(ViewError::NotDirectory),
        };
        self.attr(found.ok_or(ViewError::NotFound)?)
    }

    fn node_lookup(&self, dir: NodeId, name: &[u8]) -> Result<Option<Ino>, ViewError> {
        let node = self.tree().node(dir).ok_or(ViewError::NotFound)?;
        if !matches!(node.kind, Kind::Directory { .. }) {
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
        self.described(id).map(|_| id)
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
        let ino = self.ino(dir)?;
        let parent = match ino {
            Ino::Node(id) => {
                let node = self.tree().node(id).ok_or(ViewError::NotFound)?;
                if !matches!(node.kind, Kind::Directory { .. }) {
                    return Err(ViewError::NotDirectory);
                }
                Ino::Node(self.tree().parent(id))
            }
            Ino::Control => Ino::Node(Tree::ROOT),
            Ino::ArchDirectory(Tree::ROOT) => Ino::Control,
            Ino::ArchDirectory(id) => Ino::ArchDirectory(self.tree().parent(id)),
            Ino::Sidecar(_) | Ino::ArchText(_) => return Err(ViewError::NotDirectory),
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
        let mut at = offset.max(2);
        loop {
            let (index, second) = ((at - 2) / 2, at % 2 == 1);
            let Some(shown) = self.child(ino, index, second) else {
                return Ok(());
            };
            if let Some(entry) = shown
                && !emit(at + 1, entry)
            {
                return Ok(());
            }
            at += 1;
        }
    }

    /// What stands at a position: `None` after the last child, `Some(None)` if nothing is shown.
    fn child(&self, dir: Ino, index: u64, second: bool) -> Option<Option<DirEntry<'_>>> {
        let index = usize::try_from(index).ok()?;
        let (id, arch) = match dir {
            Ino::Control => {
                let entry = self.control_list().into_iter().nth(index)?;
                return Some((!second).then_some(entry));
            }
            Ino::Node(id) => (id, false),
            Ino::ArchDirectory(id) => (id, true),
            Ino::Sidecar(_) | Ino::ArchText(_) => return None,
        };
        let (first, run) = self.tree().children(id);
        let dentry = run.get(index)?;
        // The index lies in a run of entries, whose numbers fit a u32.
        let child = DentryId(first.0 + index as u32);
        if arch {
            let entry = if second { None } else { self.arch_entry(child) };
            return Some(entry);
        }
        if !second {
            let hidden = id == Tree::ROOT && *dentry.name == *control::CONTROL;
            let kind = self.tree().node(dentry.node).map(|n| file_type(n.kind));
            return Some(kind.filter(|_| !hidden).map(|kind| DirEntry {
                ino: Ino::Node(dentry.node).number(),
                kind,
                name: (&*dentry.name).into(),
            }));
        }
        if self.sidecars != Sidecars::Listed {
            return Some(None);
        }
        let name = self.sidecar_name(child);
        let name = name.filter(|name| self.tree().lookup(id, name).is_none());
        Some(name.map(|name| DirEntry {
            ino: Ino::Sidecar(child).number(),
            kind: FileType::Regular,
            name: name.into(),
        }))
    }
}
