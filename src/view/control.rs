//! `/.imgfs`: not listed in the root, like `.zfs`, and always there to enter. It holds `arch/`, the
//! sidecar texts of the whole image in a tree of their own, where nothing can shadow them, and
//! `findings.tsv`, what will not run and why.

use super::ino::Ino;
use super::{DirEntry, FileType, ImageFs, ViewError, facts};
use crate::tree::{DentryId, NodeId, Tree};

/// Its name in the root.
pub const CONTROL: &[u8] = b".imgfs";
const ARCH: &[u8] = b"arch";
const FINDINGS: &[u8] = b"findings.tsv";

impl ImageFs {
    pub(super) fn control_lookup(&self, name: &[u8]) -> Option<Ino> {
        match name {
            ARCH => Some(Ino::ArchDirectory(Tree::ROOT)),
            FINDINGS => Some(Ino::Findings),
            _ => None,
        }
    }

    pub(super) fn control_list(&self) -> Vec<DirEntry<'_>> {
        let entry = |ino: Ino, kind, name: &'static [u8]| DirEntry {
            ino: ino.number(),
            kind,
            name: name.into(),
        };
        vec![
            entry(Ino::ArchDirectory(Tree::ROOT), FileType::Directory, ARCH),
            entry(Ino::Findings, FileType::Regular, FINDINGS),
        ]
    }

    /// The text of `findings.tsv`.
    pub(super) fn findings_text(&self) -> Result<&[u8], ViewError> {
        let found = self.found()?;
        Ok(self.findings_text.get_or_init(|| {
            facts::findings_table(found, |layer| {
                let layer = self.image.layers.get(layer as usize)?;
                layer.created_by.clone()
            })
        }))
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
