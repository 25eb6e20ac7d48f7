//! The front door: from the name of an image to its merged tree. Every command goes through here,
//! whether it mounts or not.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::blob::{Codec, Digest, ReadAt, SpanCache, SpanReader};
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

impl OpenImage {
    /// Reads a regular file from `offset`; returns how many bytes were read, less than asked only
    /// at the end of the file. All else has no bytes.
    ///
    /// # Errors
    /// If the image's file cannot be read, or its bytes have changed since it was opened.
    pub fn read(&self, node: NodeId, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let (Some(entry), Some(node)) = (self.tree.entry(node), self.tree.node(node)) else {
            return Ok(0);
        };
        let Some(layer) = self.layers.get(node.layer as usize) else {
            return Ok(0);
        };
        let left = entry.size.saturating_sub(offset);
        let len = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
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
