//! The facts of files: all facts for an executable, and for every file and directory the layer that it
//! comes from.

use super::ino::{Ino, TreeId};
use super::keys::{self, Key, Known, NumberedLayer};
use super::{Fact, ImageFs, Subject, ViewError, sidecar};
use crate::tree::{DentryId, NodeId, NodeKind, Tree};

impl ImageFs {
    pub(super) fn path_of(&self, tree: &Tree, id: NodeId) -> Vec<u8> {
        let name = tree.node(id).and_then(|node| node.name);
        name.map_or_else(|| b"/".to_vec(), |name| tree.path(name))
    }

    pub(super) fn sidecar_text(&self, which: TreeId, id: DentryId) -> Result<Vec<u8>, ViewError> {
        Ok(sidecar::text(&self.sidecar_facts(which, id)?))
    }

    /// The length of a sidecar in bytes. Listings need it for every sidecar, so the text is not built.
    pub(super) fn sidecar_len(&self, which: TreeId, id: DentryId) -> Result<u64, ViewError> {
        Ok(sidecar::len(&self.sidecar_facts(which, id)?) as u64)
    }

    fn sidecar_facts(&self, which: TreeId, id: DentryId) -> Result<Vec<Fact>, ViewError> {
        let tree = self.tree_of(which)?;
        let found = tree.executable(id).ok_or(ViewError::NotFound)?;
        let node = tree.dentry(found).ok_or(ViewError::NotFound)?.node;
        self.facts_at(which, node, (&tree.path(found), Some(found)), &|_| true)
    }

    /// Returns the facts of an inode: all of them for an executable, those of its layer for other files
    /// and directories, none for other inodes.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    pub fn facts(&self, ino: u64) -> Result<Vec<Fact>, ViewError> {
        self.checked(|| self.facts_of(ino))
    }

    pub(super) fn facts_of(&self, ino: u64) -> Result<Vec<Fact>, ViewError> {
        self.facts_of_node(ino, &|_| true)
    }

    /// The facts of an inode whose keys are wanted.
    pub(super) fn facts_of_node(
        &self,
        ino: u64,
        wanted: &dyn Fn(&Key) -> bool,
    ) -> Result<Vec<Fact>, ViewError> {
        let Ino::Node(which, id) = self.ino(ino)? else {
            return Ok(Vec::new());
        };
        let tree = self.tree_of(which)?;
        let name = tree.node(id).and_then(|node| node.name);
        let path = self.path_of(tree, id);
        self.facts_at(which, id, (&path, name), wanted)
    }

    /// The facts of a node of one of the trees whose keys are wanted. `path` and `name` are its path and name in that tree.
    pub(super) fn facts_at(
        &self,
        which: TreeId,
        id: NodeId,
        (path, name): (&[u8], Option<DentryId>),
        wanted: &dyn Fn(&Key) -> bool,
    ) -> Result<Vec<Fact>, ViewError> {
        let tree = self.tree_of(which)?;
        let node = tree
            .node(id)
            .filter(|node| matches!(node.kind, NodeKind::Regular | NodeKind::Directory));
        let Some(node) = node else {
            return Ok(Vec::new());
        };
        let Some(layer) = self.image.layers.get(node.layer as usize) else {
            return Ok(Vec::new());
        };
        let path = match which {
            TreeId::Hidden => below_the_number(path),
            _ => path,
        };
        let binary = match node.executable {
            true => self.image.binary_of(tree, id),
            false => Ok(None),
        };
        let binary = binary.map_err(|error| ViewError::Io {
            path: crate::layer::printable(path),
            error,
        })?;
        let subject = Subject {
            path,
            size: node.size,
            mode: node.mode.into(),
            uid: node.uid,
            gid: node.gid,
        };
        let has_findings = which == TreeId::Merged && binary.is_some();
        let has_findings = has_findings && keys::of_findings().any(wanted);
        let known = Known {
            binary: binary.as_ref(),
            file: binary.is_some().then_some(subject),
            layer: Some(NumberedLayer {
                number: node.layer,
                layer,
            }),
            // If the findings are not available, still return the facts of the file itself.
            findings: has_findings.then(|| (self.image.findings().ok(), id)),
            hidden: match which {
                TreeId::Hidden => name.and_then(|name| tree.hidden_entry(name)),
                _ => None,
            },
            ..Known::default()
        };
        Ok(keys::facts_of(&known, wanted))
    }
}

/// Removes the layer's number from a path of the tree of hidden names: `/3/etc/motd` becomes
/// `/etc/motd`.
pub(super) fn below_the_number(path: &[u8]) -> &[u8] {
    let rest = path.get(1..).unwrap_or_default();
    let slash = rest.iter().position(|byte| *byte == b'/');
    let below = slash.and_then(|at| rest.get(at..));
    below.unwrap_or(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_the_number_of_a_layer() {
        assert_eq!(below_the_number(b"/3/etc/motd"), b"/etc/motd");
        assert_eq!(below_the_number(b"/12"), b"/");
        assert_eq!(below_the_number(b"/"), b"/");
    }
}
