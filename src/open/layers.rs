//! The layers' indexes: from the cache where they can be trusted, else made by reading the layers.
//!
//! A layer is known by the digest of its blob. If the file that the blob lies in has not been written
//! to since that digest was verified, its index is used and nothing is read; if it has, or was never
//! seen, the blob is hashed; and if there is no index, it is decoded, which hashes it too.

use super::keep::{Keep, Learned};
use super::{OpenError, Progress};
use crate::blob::{self, Digest};
use crate::cache::CacheDir;
use crate::image::LayerBlob;
use crate::layer::{self, LayerError, LayerIndex, LayerInput, Seen};
use crate::workers::in_parallel;

/// What has to be done for a layer.
enum Work {
    /// Nothing: its index was made from these very bytes.
    Known(LayerIndex),
    /// Its index is there; that the bytes are those of its digest has to be checked.
    Hash(LayerIndex, Digest),
    /// There is no index.
    Scan,
}

/// Reads all layers that are not known, as many at a time as there are processors, the largest first
/// so that none is left over at the end.
pub(super) fn read_all(
    image: &str,
    blobs: &[LayerBlob],
    cache: &CacheDir,
    keep: &mut Keep,
    progress: &dyn Progress,
) -> Result<Vec<LayerIndex>, OpenError> {
    let mut seen = Seen::new(cache);
    let work: Vec<Work> = blobs.iter().map(|b| plan(b, cache, &mut seen)).collect();
    let sizes: Vec<u64> = work
        .iter()
        .zip(blobs)
        .map(|(work, blob)| match work {
            Work::Known(_) => 0,
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
        let result = do_one(blob, work, cache, &mut |n| progress.advance(number, n));
        (result.is_ok(), (number, result))
    });
    results.sort_by_key(|(number, _)| *number);
    let mut indexes = Vec::with_capacity(blobs.len());
    for (number, result) in results {
        let layer = result.map_err(|error| OpenError::Layer {
            image: image.to_owned(),
            number,
            name: blobs
                .get(number)
                .map_or_else(String::new, |b| b.name.clone()),
            error,
        })?;
        indexes.push(layer.0);
        keep.layers.extend(layer.1);
    }
    Ok(indexes)
}

fn plan(blob: &LayerBlob, cache: &CacheDir, seen: &mut Seen<'_>) -> Work {
    let known = blob.source.place().and_then(|place| seen.digest(&place));
    let Some(digest) = blob.digest.clone().or_else(|| known.clone()) else {
        return Work::Scan;
    };
    let Some(index) = LayerIndex::load(cache, &digest) else {
        return Work::Scan;
    };
    // Where the image does not name the blob by its digest, the diff_id is what has to be right.
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
    progress: &mut dyn FnMut(u64),
) -> Result<(LayerIndex, Option<Learned>), LayerError> {
    let before = blob.source.place().filter(|place| place.file.is_settled());
    let (index, file) = match work {
        Work::Known(index) => return Ok((index, None)),
        Work::Hash(index, digest) => {
            blob::verify(blob.source.clone(), &digest, progress)?;
            (index, None)
        }
        Work::Scan => {
            // The digest of the blob vouches for all that is in it. Where there is none, as in a
            // docker-archive, the diff_id does.
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
    // A file that was written to meanwhile is not remembered.
    let place = before.filter(|place| blob.source.place() == Some(*place));
    let learned = Learned {
        digest: index.digest().clone(),
        file,
        place,
    };
    Ok((index, Some(learned)))
}
