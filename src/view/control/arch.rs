//! `/.imgfs/arch`: the sidecar texts of the whole image in a separate directory tree.

use super::super::ino::Ino;
use super::super::{DirEntry, FileType, ImageFs};
use crate::tree::{DentryId, NodeId};

impl ImageFs {
    pub(in super::super) fn arch_lookup(&self, dir: NodeId, name: &[u8]) -> Option<Ino> {
        if let Some(id) = self.described_by(self.tree(), dir, name) {
            return Some(Ino::ArchText(id));
        }
        let (_, dentry) = self.tree().lookup(dir, name)?;
        self.has_sidecars_below(dentry.node)
            .then_some(Ino::ArchDirectory(dentry.node))
    }

    /// The entry in a directory of `arch/` for an entry of the image. Returns `None` if none is listed.
    pub(in super::super) fn arch_entry(&self, id: DentryId) -> Option<DirEntry<'_>> {
        let dentry = self.tree().dentry(id)?;
        if let Some(name) = self.sidecar_name(self.tree(), id) {
            return Some(DirEntry {
                ino: Ino::ArchText(id).number(),
                kind: FileType::Regular,
                name: name.into(),
            });
        }
        // If an executable `X` is next to a directory `X.arch`, the text of `X` gets the name.
        let taken = self.described_by(self.tree(), dentry.parent, dentry.name);
        let shown = self.has_sidecars_below(dentry.node) && taken.is_none();
        shown.then(|| DirEntry {
            ino: Ino::ArchDirectory(dentry.node).number(),
            kind: FileType::Directory,
            name: dentry.name.into(),
        })
    }
}
