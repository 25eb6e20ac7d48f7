//! The front door: from the name of an image to its merged tree. Every command goes through here,
//! whether it mounts or not.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::blob::{CacheStats, Codec, Digest, ReadAt, SpanCache, SpanReader, SpanSlice};
use crate::image::{self, Config, Documents, ImageError, LayerBlob, Platform, Reference};
use crate::layer::{self, Data, LayerError, LayerInput, Problem, ProblemKind, Scanned};
use crate::tree::{NodeId, Tree};

/// How to open an image.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Which platform of an index; without it, the host's.
    pub platform: Option<Platform>,
    /// Budget for decoded spans in memory, in bytes.
    pub cache_size: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            platform: None,
            cache_size: 64 << 20,
        }
    }
}

/// Is told how far the layers are read. Called from several threads.
pub trait Progress: Sync {
    /// All layers are known: their stored sizes in bytes, the lowest first.
    fn start(&self, sizes: &[u64]) {
        let _ = sizes;
    }

    /// So many stored bytes of a layer are read.
    fn advance(&self, layer: usize, position: u64) {
        let _ = (layer, position);
    }
}

/// No progress is wanted.
impl Progress for () {}

/// Why an image could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The image itself.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// One of its layers.
    #[error("{image}: layer {number} ({name}): {error}")]
    Layer {
        /// The image.
        image: String,
        /// Number of the layer in the manifest, from 0.
        number: usize,
        /// Its digest or path.
        name: String,
        /// What is wrong with it.
        #[source]
        error: LayerError,
    },
}

/// An image whose layers are read and merged.
pub struct OpenImage {
    /// The reference it was opened by.
    pub name: String,
    /// The platform that its config declares.
    pub platform: Platform,
    /// The documents as shipped.
    pub documents: Documents,
    /// What of the config is used.
    pub config: Config,
    /// The layers, the lowest first.
    pub layers: Vec<OpenLayer>,
    /// The merged tree.
    pub tree: Tree,
    /// What the layers get wrong.
    pub problems: Vec<Problem>,
    /// What is odd about the image as a whole.
    pub warnings: Vec<String>,
    cache: Arc<SpanCache>,
}

/// A layer that has been read.
pub struct OpenLayer {
    /// What identifies it: the digest of its blob, or its diff_id where the image gives no other.
    pub digest: Option<Digest>,
    /// The line of the image's history that made it.
    pub created_by: Option<String>,
    data: SpanReader,
}

/// Opens an image: reads its documents, reads every layer once, merges.
///
/// # Errors
/// If the image or one of its layers is not what it should be.
pub fn open(
    reference: &Reference,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<OpenImage, OpenError> {
    let cache = Arc::new(SpanCache::new(options.cache_size));
    let image = image::open(reference, options.platform.as_ref(), &cache)?;
    let sizes: Vec<u64> = image.layers.iter().map(|l| l.source.size()).collect();
    progress.start(&sizes);
    let scanned = scan_all(&image.name, &image.layers, &sizes, progress)?;

    let mut layers = Vec::with_capacity(scanned.len());
    let mut indexes = Vec::with_capacity(scanned.len());
    let mut problems = Vec::new();
    for (number, (blob, scanned)) in image.layers.into_iter().zip(scanned).enumerate() {
        problems.extend(media_type_problem(number, &blob, scanned.index.codec));
        let digest = blob.id().cloned();
        layers.push(OpenLayer {
            digest,
            created_by: blob.created_by,
            data: SpanReader::new(blob.source, scanned.spans, cache.clone()),
        });
        indexes.push(Arc::new(scanned.index));
    }
    let (tree, merging) = Tree::merge(indexes);
    problems.extend(merging);
    Ok(OpenImage {
        name: image.name,
        platform: image.platform,
        documents: image.documents,
        config: image.config,
        layers,
        tree,
        problems,
        warnings: image.warnings,
        cache,
    })
}

fn media_type_problem(number: usize, blob: &LayerBlob, found: Codec) -> Option<Problem> {
    let media_type = blob.media_type.as_deref()?;
    let claimed = Codec::of_media_type(media_type)?;
    (claimed != found).then(|| Problem {
        layer: number,
        path: Box::default(),
        kind: ProblemKind::MediaType {
            claimed: claimed.to_string(),
            found: found.to_string(),
        },
    })
}

/// Reads all layers, as many at a time as there are processors, the largest first so that none is
/// left over at the end.
fn scan_all(
    image: &str,
    blobs: &[LayerBlob],
    sizes: &[u64],
    progress: &dyn Progress,
) -> Result<Vec<Scanned>, OpenError> {
    let mut order: Vec<usize> = (0..blobs.len()).collect();
    order.sort_by_key(|&number| std::cmp::Reverse(sizes.get(number)));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let queue = Mutex::new(VecDeque::from(order));
    let results: Mutex<Vec<(usize, Result<Scanned, LayerError>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(blobs.len()) {
            scope.spawn(|| {
                loop {
                    let next = queue
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front();
                    let Some((number, blob)) = next.and_then(|n| Some((n, blobs.get(n)?))) else {
                        return;
                    };
                    let result = scan_one(number, blob, progress);
                    let failed = result.is_err();
                    results
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((number, result));
                    if failed {
                        // The image cannot be mounted: what has not begun need not begin.
                        queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results
        .into_iter()
        .map(|(number, result)| {
            result.map_err(|error| OpenError::Layer {
                image: image.to_owned(),
                number,
                name: blobs
                    .get(number)
                    .map_or_else(String::new, |b| b.name.clone()),
                error,
            })
        })
        .collect()
}

fn scan_one(
    number: usize,
    blob: &LayerBlob,
    progress: &dyn Progress,
) -> Result<Scanned, LayerError> {
    // The digest of the blob vouches for all that is in it. Where there is none, as in a
    // docker-archive, the diff_id does.
    let diff_id = match blob.digest {
        Some(_) => None,
        None => blob.diff_id.clone(),
    };
    let input = LayerInput {
        number,
        source: blob.source.clone(),
        digest: blob.digest.clone(),
        diff_id,
        size: blob.size,
    };
    layer::scan(&input, &mut |position| progress.advance(number, position))
}

/// Bytes of a file: as they lie in the cache, or put together from several places.
#[derive(Clone, Debug)]
pub enum FileBytes {
    /// From one decoded span; nothing was copied.
    Span(SpanSlice),
    /// Their own.
    Owned(Vec<u8>),
}

impl std::ops::Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Span(slice) => slice,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl OpenImage {
    /// What the cache of decoded spans holds and has done.
    pub fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// The layer of a regular file, and its entry there.
    fn file(&self, node: NodeId) -> Option<(&OpenLayer, &layer::Entry)> {
        let entry = self.tree.entry(node)?;
        let number = self.tree.node(node)?.layer;
        Some((self.layers.get(number as usize)?, entry))
    }

    /// Reads a regular file from `offset`: `len` bytes, less only at the end of the file. All else
    /// has no bytes.
    ///
    /// # Errors
    /// As [`OpenImage::read`].
    pub fn bytes(&self, node: NodeId, offset: u64, len: usize) -> io::Result<FileBytes> {
        let Some((layer, entry)) = self.file(node) else {
            return Ok(FileBytes::Owned(Vec::new()));
        };
        let len = within(entry, offset, len);
        if let Data::Whole(at) = entry.data
            && let Some(slice) = layer.data.slice(at.saturating_add(offset), len)?
            && slice.len() == len
        {
            return Ok(FileBytes::Span(slice));
        }
        let mut bytes = vec![0; len];
        let read = self.read(node, &mut bytes, offset)?;
        bytes.truncate(read);
        Ok(FileBytes::Owned(bytes))
    }

    /// What [`OpenImage::bytes`] would return, if it can be had without decoding and without waiting
    /// for somebody who does.
    pub fn bytes_at_hand(&self, node: NodeId, offset: u64, len: usize) -> Option<FileBytes> {
        let (layer, entry) = self.file(node)?;
        match (within(entry, offset, len), &entry.data) {
            (0, _) => Some(FileBytes::Owned(Vec::new())),
            (len, Data::Whole(at)) => {
                let slice = layer.data.peek(at.saturating_add(offset), len)?;
                Some(FileBytes::Span(slice))
            }
            _ => None,
        }
    }

    /// What else of a file lies in the decoded span that holds its byte at `offset`: where in the
    /// file, and the bytes. Only of files that lie in one piece.
    pub fn around(&self, node: NodeId, offset: u64) -> Option<(u64, SpanSlice)> {
        let (layer, entry) = self.file(node)?;
        let Data::Whole(at) = entry.data else {
            return None;
        };
        if offset >= entry.size {
            return None;
        }
        let (start, span) = layer.data.around(at.checked_add(offset)?)?;
        // Both ends of the file, cut to those of the span; both then lie inside the span.
        let from = at.max(start);
        let to = at
            .checked_add(entry.size)?
            .min(start.checked_add(span.len() as u64)?);
        let range = usize::try_from(from.checked_sub(start)?).ok()?
            ..usize::try_from(to.checked_sub(start)?).ok()?;
        Some((from - at, span.slice(range)))
    }

    /// Reads a regular file from `offset`; returns how many bytes were read, less than asked only
    /// at the end of the file. All else has no bytes.
    ///
    /// # Errors
    /// If the image's file cannot be read, or its bytes have changed since it was opened.
    pub fn read(&self, node: NodeId, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some((layer, entry)) = self.file(node) else {
            return Ok(0);
        };
        let len = within(entry, offset, buf.len());
        let Some(buf) = buf.get_mut(..len).filter(|buf| !buf.is_empty()) else {
            return Ok(0);
        };
        match &entry.data {
            Data::None => return Ok(0),
            Data::Whole(at) => layer.data.read_exact_at(buf, at.saturating_add(offset))?,
            Data::Sparse(extents) => {
                buf.fill(0);
                let end = offset + len as u64;
                let first = extents.partition_point(|e| e.offset + e.len <= offset);
                for extent in extents.iter().skip(first) {
                    if extent.offset >= end {
                        break;
                    }
                    let from = extent.offset.max(offset);
                    let to = (extent.offset + extent.len).min(end);
                    // Both lie inside the buffer: between `offset` and `end`.
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

/// How many of `len` bytes from `offset` on a file has.
fn within(entry: &layer::Entry, offset: u64, len: usize) -> usize {
    let left = entry.size.saturating_sub(offset);
    len.min(usize::try_from(left).unwrap_or(usize::MAX))
}
