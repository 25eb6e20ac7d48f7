//! Facts that require reading a file's bytes: its SHA-256, and the layer that first had these bytes.
//! They are returned only when requested by name.
//!
//! Like expensive virtual attributes of other file systems, they are not listed. Otherwise
//! `getfattr -d` on a whole tree would hash all of it.

use super::ino::{Ino, TreeId};
use super::keys::{self, Key, Known, NumberedLayer, Source};
use super::{Fact, FileType, ImageFs, ViewError, xattr};
use crate::blob::Digest;
use crate::tree::{NodeId, NodeKind, Tree};

impl ImageFs {
    /// Returns the SHA-256 of a regular file's bytes. Returns `None` for other inodes, and if the file's
    /// holes are too long to be hashed.
    ///
    /// # Errors
    /// Returns `NotFound`, or `Io` if the image cannot be read or has changed.
    pub fn digest(&self, ino: u64) -> Result<Option<Digest>, ViewError> {
        self.checked(|| match self.ino(ino)? {
            Ino::Node(which, id) => self.node_digest(self.tree_of(which)?, id),
            other => {
                if self.attr(other)?.kind != FileType::Regular {
                    return Ok(None);
                }
                let mut hasher = crate::blob::Hasher::sha256();
                let mut offset = 0;
                loop {
                    let bytes = self.read_at(ino, offset, 1 << 20)?;
                    if bytes.is_empty() {
                        return Ok(Some(hasher.finish()));
                    }
                    hasher.update(&bytes);
                    offset = offset.saturating_add(bytes.len() as u64);
                }
            }
        })
    }

    /// Computes the digests of all files, in the order of their data in the layers. Faster than single
    /// calls of [`ImageFs::digest`] if most digests are needed.
    ///
    /// # Errors
    /// Returns `Io` if the image cannot be read or has changed.
    pub fn digest_all(&self) -> Result<(), ViewError> {
        self.checked(|| {
            self.image.digest_all().map_err(|error| ViewError::Io {
                path: self.image.name.clone(),
                error,
            })
        })
    }

    fn node_digest(&self, tree: &Tree, id: NodeId) -> Result<Option<Digest>, ViewError> {
        self.image.digest(tree, id).map_err(|error| ViewError::Io {
            path: crate::layer::printable(&self.path_of(tree, id)),
            error,
        })
    }

    /// Returns the layer that first had a regular file's current bytes. That is the lowest layer with
    /// these bytes at the file's path, without a layer in between that has other bytes. If later layers
    /// changed only attributes, it is the layer that added the content.
    ///
    /// # Errors
    /// As for [`ImageFs::digest`].
    pub fn content_layer(&self, ino: u64) -> Result<Option<u32>, ViewError> {
        self.checked(|| match self.ino(ino)? {
            Ino::Node(TreeId::Merged, id) => self.content_layer_of(id),
            _ => Ok(None),
        })
    }

    fn content_layer_of(&self, id: NodeId) -> Result<Option<u32>, ViewError> {
        let tree = self.tree();
        let node = tree.node(id).ok_or(ViewError::NotFound)?;
        if node.kind != NodeKind::Regular {
            return Ok(None);
        }
        let path = self.path_of(tree, id);
        let hidden = self.tree_of(TreeId::Hidden)?;
        let mut first = node.layer;
        let mut digest = None;
        for layer in (0..node.layer).rev() {
            let Some(before) = find(hidden, layer, &path) else {
                continue;
            };
            let same_size = hidden
                .node(before)
                .is_some_and(|before| before.kind == NodeKind::Regular && before.size == node.size);
            if !same_size {
                break;
            }
            if digest.is_none() {
                digest = self.node_digest(tree, id)?;
            }
            if digest.is_none() || self.node_digest(hidden, before)? != digest {
                break;
            }
            first = layer;
        }
        Ok(Some(first))
    }

    /// The facts that the attribute `name` belongs to, if they are computed only on request.
    pub(super) fn unlisted_facts(&self, ino: u64, name: &[u8]) -> Result<Vec<Fact>, ViewError> {
        let (Some(key), Ino::Node(which, id)) = (on_request(name), self.ino(ino)?) else {
            return Ok(Vec::new());
        };
        if key.value.source() == Source::Digest {
            let digest = self.node_digest(self.tree_of(which)?, id)?;
            let digest = digest.as_ref();
            return Ok(keys::facts(&Known {
                digest,
                ..Known::default()
            }));
        }
        if which != TreeId::Merged {
            return Ok(Vec::new());
        }
        let number = self.content_layer_of(id)?;
        let content = number.and_then(|number| {
            let layer = self.image.layers.get(number as usize)?;
            Some(NumberedLayer { number, layer })
        });
        Ok(keys::facts(&Known {
            content,
            ..Known::default()
        }))
    }
}

/// Returns whether an attribute with that name requires reading files.
pub(crate) fn reads_file_bytes(name: &[u8]) -> bool {
    on_request(name).is_some()
}

/// The key of an attribute whose value is computed only on request.
fn on_request(name: &[u8]) -> Option<&'static Key> {
    keys::on_request().find(|key| xattr::is_name_of(name, key.name))
}

/// The node that a layer had at a path before a later layer removed it. A directory is returned even if
/// only names below it were removed.
fn find(hidden: &Tree, layer: u32, path: &[u8]) -> Option<NodeId> {
    let (_, top) = hidden.lookup(Tree::ROOT, layer.to_string().as_bytes())?;
    let mut at = top.node;
    for name in crate::tree::components(path) {
        at = hidden.lookup(at, name)?.1.node;
    }
    Some(at)
}
