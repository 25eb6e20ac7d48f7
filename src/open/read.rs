//! Reading the bytes of an image's files.

use std::io;
use std::ops::Deref;

use super::{OpenImage, OpenLayer};
use crate::blob::{CacheStats, ReadAt, SpanSlice};
use crate::tree::{Data, Node, NodeId, Tree};

/// Bytes of a file: a slice of the span cache, or an owned copy.
#[derive(Clone, Debug)]
pub enum FileBytes {
    /// A slice of one decoded span; nothing was copied.
    Span(SpanSlice),
    /// A copy.
    Owned(Vec<u8>),
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Span(slice) => slice,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// Returns how many of the `len` bytes at `offset` lie within the file.
fn within(node: &Node, offset: u64, len: usize) -> usize {
    let left = node.size.saturating_sub(offset);
    len.min(usize::try_from(left).unwrap_or(usize::MAX))
}

/// Returns the `len` bytes at `at`. `piece` returns the bytes in the first span of a range, at
/// least one. The bytes are copied only if they lie in several spans.
fn gather<E>(
    at: u64,
    len: usize,
    piece: impl Fn(u64, usize) -> Result<SpanSlice, E>,
) -> Result<FileBytes, E> {
    if len == 0 {
        return Ok(FileBytes::Owned(Vec::new()));
    }
    let first = piece(at, len)?;
    if first.len() == len {
        return Ok(FileBytes::Span(first));
    }
    let mut bytes = Vec::with_capacity(len);
    bytes.extend_from_slice(&first);
    while bytes.len() < len {
        let at = at.saturating_add(bytes.len() as u64);
        let next = piece(at, len - bytes.len())?;
        bytes.extend_from_slice(&next);
    }
    Ok(FileBytes::Owned(bytes))
}

impl OpenImage {
    /// Returns the statistics of the span cache.
    pub fn cache_stats(&self) -> CacheStats {
        self.spans.stats()
    }

    /// Returns a node and the layer that contains its bytes.
    fn file(&self, tree: &Tree, node: NodeId) -> Option<(&OpenLayer, Node)> {
        let node = tree.node(node)?;
        Some((self.layers.get(node.layer as usize)?, node))
    }

    /// Reads a regular file of one of the image's trees at `offset`. Returns `len` bytes, or fewer
    /// at the end of the file. Other file types have no bytes.
    ///
    /// # Errors
    /// The same as those of [`OpenImage::read`].
    pub fn bytes(
        &self,
        tree: &Tree,
        node: NodeId,
        offset: u64,
        len: usize,
    ) -> io::Result<FileBytes> {
        let Some((layer, file)) = self.file(tree, node) else {
            return Ok(FileBytes::Owned(Vec::new()));
        };
        let len = within(&file, offset, len);
        if let Data::Whole(at) = tree.data(&file) {
            return gather(at.saturating_add(offset), len, |at, len| {
                let slice = layer.data.slice(at, len)?;
                slice.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            });
        }
        let mut bytes = vec![0; len];
        let read = self.read(tree, node, &mut bytes, offset)?;
        bytes.truncate(read);
        Ok(FileBytes::Owned(bytes))
    }

    /// Like [`OpenImage::bytes`], but returns `None` if that would require decoding or waiting for
    /// another thread that decodes.
    pub fn try_bytes(
        &self,
        tree: &Tree,
        node: NodeId,
        offset: u64,
        len: usize,
    ) -> Option<FileBytes> {
        let (layer, file) = self.file(tree, node)?;
        match (within(&file, offset, len), tree.data(&file)) {
            (0, _) => Some(FileBytes::Owned(Vec::new())),
            (len, Data::Whole(at)) => gather(at.saturating_add(offset), len, |at, len| {
                layer.data.peek(at, len).ok_or(())
            })
            .ok(),
            _ => None,
        }
    }

    /// Returns the part of a file that lies in the decoded span containing its byte at `offset`:
    /// the part's offset in the file, and its bytes. Returns `None` for files that are not stored
    /// in one piece.
    pub fn decoded_around(
        &self,
        tree: &Tree,
        node: NodeId,
        offset: u64,
    ) -> Option<(u64, SpanSlice)> {
        let (layer, file) = self.file(tree, node)?;
        let Data::Whole(at) = tree.data(&file) else {
            return None;
        };
        if offset >= file.size {
            return None;
        }
        let (start, span) = layer.data.around(at.checked_add(offset)?)?;
        // Clip the file's range to the span's range. Both ends then lie inside the span.
        let from = at.max(start);
        let to = at
            .checked_add(file.size)?
            .min(start.checked_add(span.len() as u64)?);
        let range = usize::try_from(from.checked_sub(start)?).ok()?
            ..usize::try_from(to.checked_sub(start)?).ok()?;
        Some((from - at, span.slice(range)))
    }

    /// Reads a regular file of one of the image's trees at `offset` into `buf`. Returns the number
    /// of bytes read, which is less than requested only at the end of the file. Other file types
    /// have no bytes.
    ///
    /// # Errors
    /// If the image's file cannot be read, or its bytes have changed since it was opened.
    pub fn read(
        &self,
        tree: &Tree,
        node: NodeId,
        buf: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        let Some((layer, file)) = self.file(tree, node) else {
            return Ok(0);
        };
        let len = within(&file, offset, buf.len());
        let Some(buf) = buf.get_mut(..len).filter(|buf| !buf.is_empty()) else {
            return Ok(0);
        };
        match tree.data(&file) {
            Data::None => return Ok(0),
            Data::Whole(at) => layer.data.read_exact_at(buf, at.saturating_add(offset))?,
            Data::Sparse(extents) => {
                buf.fill(0);
                let end = offset + len as u64;
                for extent in extents.from(offset) {
                    if extent.offset >= end {
                        break;
                    }
                    let from = extent.offset.max(offset);
                    let to = (extent.offset + extent.len).min(end);
                    // Both lie inside the buffer, between `offset` and `end`.
                    let range = (from - offset) as usize..(to - offset) as usize;
                    if let Some(piece) = buf.get_mut(range) {
                        let at = extent.at + (from - extent.offset);
                        layer.data.read_exact_at(piece, at)?;
                    }
                }
            }
        }
        Ok(len)
    }
}
