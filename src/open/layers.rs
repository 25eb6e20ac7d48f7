//! The indexes of an image's layers: loaded from the cache if they can be trusted, else made by
//! reading the layers.
//!
//! A layer is identified by the digest of its blob. There are three cases. If the file that
//! contains the blob has not been modified since that digest was verified, the cached index is used
//! and nothing is read. If the file was modified or never seen, the blob is hashed. If there is no
//! index, the blob is decoded, which also hashes it. A layer that was already read for another
//! image, opened together with this one, is shared.

use std::sync::Arc;

use super::cache_update::{CacheUpdate, LayerResult};
use super::digests::LayerDigests;
use super::shared_layers::SharedLayers;
use super::{OpenError, Progress};
use crate::blob::{self, Digest, SpanCache, SpanReader};
use crate::cache::CacheDir;
use crate::image::{Image, LayerBlob};
use crate::layer::{self, LayerError, LayerIndex, LayerInput, VerifiedDigests};
use crate::workers::in_parallel;

/// A layer that has been read: its index and a reader for its bytes. Images share it.
#[derive(Clone)]
pub(super) struct ReadLayer {
    pub index: LayerIndex,
    pub data: SpanReader,
    pub digests: Arc<LayerDigests>,
}

/// What has to be done for a layer.
enum Work {
    /// Nothing: another image has read it.
    Shared(Box<ReadLayer>),
    /// Nothing: its index was made from these same bytes.
    Known(LayerIndex),
    /// The index exists, but the bytes must be checked against the digest.
    Hash(LayerIndex, Digest),
    /// There is no usable index: the layer has to be decoded.
    Scan,
}

/// Reads all unknown layers in parallel, as many at a time as there are processors. The largest
/// layers come first, so that no large layer is left for the end.
///
/// What was learned about the layers is added to `update`, even if one of them fails.
pub(super) fn read_all(
    image: &Image,
    spans: &Arc<SpanCache>,
    update: &mut CacheUpdate,
    shared: &mut SharedLayers,
    progress: &dyn Progress,
) -> Result<Vec<ReadLayer>, OpenError> {
    let blobs = &image.layers;
    let cache = &update.cache;
    let mut verified = VerifiedDigests::new(cache);
    let mut work = Vec::with_capacity(blobs.len());
    for blob in blobs {
        work.push(match shared.get(blob) {
            Some(layer) => Work::Shared(Box::new(layer)),
            None => plan(blob, cache, &mut verified),
        });
    }
    let sizes: Vec<u64> = work
        .iter()
        .zip(blobs)
        .map(|(work, blob)| match work {
            Work::Shared(_) | Work::Known(_) => 0,
            Work::Hash(..) | Work::Scan => blob.source.size(),
        })
        .collect();
    if sizes.iter().any(|&size| size > 0) {
        progress.start(&sizes);
    }
    let mut jobs: Vec<(usize, &LayerBlob, Work)> = work
        .into_iter()
        .zip(blobs)
        .enumerate()
        .map(|(number, (work, blob))| (number, blob, work))
        .collect();
    jobs.sort_by_key(|(number, ..)| std::cmp::Reverse(sizes.get(*number)));
    let mut results = in_parallel(jobs, |(number, blob, work)| {
        let result = do_one(blob, work, cache, spans, &mut |n| {
            progress.advance(number, n)
        });
        (result.is_ok(), (number, blob, result))
    });
    results.sort_by_key(|(number, ..)| *number);
    let mut layers = Vec::with_capacity(blobs.len());
    let mut bad = None;
    for (number, blob, result) in results {
        match result {
            Ok((layer, learned)) => {
                shared.put(blob, &layer);
                update.layers.extend(learned);
                layers.push(layer);
            }
            Err(error) => bad = bad.or(Some((number, blob.name.clone(), error))),
        }
    }
    match bad {
        None => Ok(layers),
        Some((number, name, error)) => Err(OpenError::Layer {
            image: image.name.clone(),
            number,
            name,
            error,
        }),
    }
}

fn plan(blob: &LayerBlob, cache: &CacheDir, verified: &mut VerifiedDigests<'_>) -> Work {
    let known = blob
        .source
        .file_range()
        .and_then(|place| verified.digest(&place));
    let Some(digest) = blob.digest.clone().or_else(|| known.clone()) else {
        return Work::Scan;
    };
    let Some(index) = LayerIndex::load(cache, &digest) else {
        return Work::Scan;
    };
    // If the image does not name the blob by digest, the diff_id must match instead.
    let diff_id = blob.digest.is_some() || blob.diff_id.as_ref() == index.diff_id();
    let size = blob.size.is_none_or(|size| size == index.stored_size())
        && blob.source.size() == index.stored_size();
    match (size && diff_id, known == Some(digest.clone())) {
        (false, _) => Work::Scan,
        (true, true) => Work::Known(index),
        (true, false) => Work::Hash(index, digest),
    }
}

fn do_one(
    blob: &LayerBlob,
    work: Work,
    cache: &CacheDir,
    spans: &Arc<SpanCache>,
    progress: &mut dyn FnMut(u64),
) -> Result<(ReadLayer, Option<LayerResult>), LayerError> {
    let read = |index: LayerIndex| ReadLayer {
        data: SpanReader::new(blob.source.clone(), index.spans(), spans.clone()),
        index,
        digests: Arc::default(),
    };
    let before = blob
        .source
        .file_range()
        .filter(|place| place.file.is_settled());
    let (index, file) = match work {
        Work::Shared(layer) => return Ok((*layer, None)),
        Work::Known(index) => return Ok((read(index), None)),
        Work::Hash(index, digest) => {
            blob::verify(blob.source.clone(), &digest, progress)?;
            (index, None)
        }
        Work::Scan => {
            // The digest of the blob covers all of its contents. If there is no digest, as in a
            // docker-archive, the diff_id is checked instead.
            let diff_id = match blob.digest {
                Some(_) => None,
                None => blob.diff_id.clone(),
            };
            let input = LayerInput {
                source: blob.source.clone(),
                digest: blob.digest.clone(),
                diff_id,
                size: blob.size,
            };
            let scanned = layer::scan(&input, cache, progress)?;
            (scanned.index, Some(scanned.file))
        }
    };
    // A file that was modified in the meantime is not remembered.
    let place = before.filter(|place| blob.source.file_range() == Some(*place));
    let learned = LayerResult {
        digest: index.digest().clone(),
        file,
        place,
    };
    Ok((read(index), Some(learned)))
}
