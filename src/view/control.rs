//! `/.imgfs`: not listed in the root, like `.zfs`, and always there to enter. It holds `arch/`, the
//! sidecar texts of the whole image in a tree of their own, where nothing can shadow them.

use super::ino::Ino;
use super::{DirEntry, FileType, ImageFs};
use crate::tree::{DentryId, NodeId, Tree};

/// Its name in the root.
pub const CONTROL: &[u8] = b".imgfs";
const ARCH: &[u8] = b"arch";

impl ImageFs {
    pub(super) fn control_lookup(&self, name: &[u8]) -> Option<Ino> {
        (name == ARCH).then_some(Ino::ArchDirectory(Tree::ROOT))
    }

    pub(super) fn control_list(&self) -> Vec<DirEntry<'_>> {
        vec![DirEntry {
            ino: Ino::ArchDirectory(Tree::ROOT).number(),
            kind: FileType::Directory,
            name: ARCH.into(),
        }]
    }

    pub(super) fn arch_lookup(&self, dir: NodeId, name: &[u8]) -> Option<Ino> {
        if let Some(id) = self.described_by(dir, name) {
            return Some(Ino::ArchText(id));
        }
        let (_, dentry) = self.tree().lookup(dir, name)?;
        self.has_texts(dentry.node)
            .then_some(Ino::ArchDirectory(dentry.node))
    }

    /// The entry of number `at` in a directory of `arch/`; `None` where there is none to list.
    pub(super) fn arch_entry(&self, id: DentryId) -> Option<DirEntry<'_>> {
        let dentry = self.tree().dentry(id)?;
        if let Some(name) = self.sidecar_name(id) {
            return Some(DirEntry {
                ino: Ino::ArchText(id).number(),
                kind: FileType::Regular,
                name: name.into(),
            });
        }
        // Where an executable `X` stands beside a directory `X.arch`, the name is that of its text.
        let taken = self.described_by(dentry.parent, dentry.name).is_some();
        let shown = self.has_texts(dentry.node) && !taken;
        shown.then(|| DirEntry {
            ino: Ino::ArchDirectory(dentry.node).number(),
            kind: FileType::Directory,
            name: dentry.name.into(),
        })
    }
}
