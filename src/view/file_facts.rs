//! The facts of files: all facts for an executable, and for every file and directory the layer that it
//! comes from.

use super::ino::{Ino, TreeId};
use super::{Fact, ImageFs, Subject, ViewError, facts, sidecar};
use crate::tree::{DentryId, NodeId, NodeKind, Tree};

impl ImageFs {
    pub(super) fn path_of(&self, tree: &Tree, id: NodeId) -> Vec<u8> {
        let name = tree.node(id).and_then(|node| node.name);
        name.map_or_else(|| b"/".to_vec(), |name| tree.path(name))
    }

    pub(super) fn sidecar_text(&self, which: TreeId, id: DentryId) -> Result<Vec<u8>, ViewError> {
        let tree = self.tree_of(which)?;
        let found = tree.executable(id).ok_or(ViewError::NotFound)?;
        let node = tree.dentry(found).ok_or(ViewError::NotFound)?.node;
        let mut facts = self.facts_at(which, node, &tree.path(found))?;
        if which == TreeId::Hidden {
            add_hidden(&mut facts, tree, found);
        }
        Ok(sidecar::text(&facts))
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
        let Ino::Node(which, id) = self.ino(ino)? else {
            return Ok(Vec::new());
        };
        let tree = self.tree_of(which)?;
        let mut facts = self.facts_at(which, id, &self.path_of(tree, id))?;
        if which == TreeId::Hidden
            && let Some(name) = tree.node(id).and_then(|node| node.name)
        {
            add_hidden(&mut facts, tree, name);
        }
        Ok(facts)
    }

    /// The facts of a node of one of the trees. `path` is its path in that tree.
    pub(super) fn facts_at(
        &self,
        which: TreeId,
        id: NodeId,
        path: &[u8],
    ) -> Result<Vec<Fact>, ViewError> {
        let (mut facts, is_binary) = self.facts_of_bytes(which, id, path)?;
        if is_binary && which == TreeId::Merged {
            // If the findings are not available, still return the facts of the file itself.
            facts::add_findings(&mut facts, self.image.findings().ok(), id);
        }
        Ok(facts)
    }

    /// The facts of a node that do not depend on other files of the image, and whether it is an
    /// executable.
    pub(super) fn facts_of_bytes(
        &self,
        which: TreeId,
        id: NodeId,
        path: &[u8],
    ) -> Result<(Vec<Fact>, bool), ViewError> {
        let none = (Vec::new(), false);
        let tree = self.tree_of(which)?;
        let Some(node) = tree.node(id) else {
            return Ok(none);
        };
        if !matches!(node.kind, NodeKind::Regular | NodeKind::Directory) {
            return Ok(none);
        }
        let Some(layer) = self.image.layers.get(node.layer as usize) else {
            return Ok(none);
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
        let mut facts = match &binary {
            Some(binary) => {
                let subject = Subject {
                    path,
                    size: node.size,
                    mode: node.mode.into(),
                    uid: node.uid,
                    gid: node.gid,
                };
                facts::of_binary(subject, binary)
            }
            None => Vec::new(),
        };
        facts.extend(facts::of_layer(node.layer, layer));
        Ok((facts, binary.is_some()))
    }
}

fn add_hidden(facts: &mut Vec<Fact>, tree: &Tree, name: DentryId) {
    if let Some(taken) = tree.hidden_entry(name)
        && !facts.is_empty()
    {
        facts.extend(facts::of_hidden(taken.by, taken.how));
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
