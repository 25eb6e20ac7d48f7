//! The SHA-256 of each file of a layer, stored in a cache file. All digests are computed in one pass
//! over the decoded layer, in the order of the files' data, when many of them are first requested.
//!
//! The file has one section: 32 bytes for each entry, indexed by entry number. Zeros mean that the entry
//! has no digest: it is not a regular file, or its holes are too long to hash.

use std::io;

use super::{Data, EntryKind, LayerIndex};
use crate::blob::{Digest, Hasher, SpanReader};
use crate::cache::{CacheDir, CacheKey, CacheKind, Part, Unpublished};

const DIGESTS: u32 = 1;
const LEN: usize = 32;

/// The number of bytes hashed at a time.
const STEP: usize = 1 << 20;

/// Holes are hashed as zeros, and a hostile archive can claim holes of any length. A file with more
/// bytes of holes than this has no digest.
pub(crate) const HOLES_LIMIT: u64 = 16 << 30;
/// After the holes of the layer's files exceed this number of bytes in total, no further file has a
/// digest.
const ALL_HOLES_LIMIT: u64 = 64 << 30;

/// The digests of a layer's files.
#[derive(Clone, Debug)]
pub(crate) struct Digests(Part);

/// One file to hash, and where its data is.
struct Job {
    number: u64,
    size: u64,
    data: Data,
}

impl Job {
    fn start(&self) -> u64 {
        match &self.data {
            Data::None => 0,
            Data::Whole(at) => *at,
            Data::Sparse(extents) => extents.first().map_or(0, |extent| extent.at),
        }
    }

    fn holes(&self) -> u64 {
        match &self.data {
            Data::Sparse(extents) => {
                let stored = extents
                    .iter()
                    .fold(0_u64, |sum, e| sum.saturating_add(e.len));
                self.size.saturating_sub(stored)
            }
            _ => 0,
        }
    }
}

impl Digests {
    /// Loads the digests of a layer from the cache, if they are there.
    pub(crate) fn load(cache: &CacheDir, layer: &Digest) -> Option<Self> {
        let file = cache.load(&CacheKey::file_digests(&layer.to_string()))?;
        Some(Self(file.part(DIGESTS)))
    }

    /// Computes the digests of all files of a layer.
    ///
    /// # Errors
    /// If the layer cannot be read, or the cache file cannot be written.
    pub(crate) fn compute(
        index: &LayerIndex,
        data: &SpanReader,
        cache: &CacheDir,
    ) -> io::Result<(Self, Unpublished)> {
        let mut jobs = Vec::new();
        let mut count = 0;
        for (number, entry) in (0..).zip(index.entries()) {
            let entry = entry?;
            count = number + 1;
            if entry.kind == EntryKind::Regular {
                let (size, data) = (entry.size, entry.data);
                jobs.push(Job { number, size, data });
            }
        }
        jobs.sort_by_key(Job::start);
        // All entries are held in memory while an index is built, so 32 bytes for each are affordable
        // here.
        let mut digests = vec![0; usize::try_from(count).unwrap_or(0).saturating_mul(LEN)];
        let mut holes = 0_u64;
        for job in &jobs {
            let here = job.holes();
            holes = holes.saturating_add(here);
            if here > HOLES_LIMIT || holes > ALL_HOLES_LIMIT {
                continue;
            }
            let digest = hash(job, data)?;
            let at = usize::try_from(job.number).unwrap_or(0).saturating_mul(LEN);
            if let Some(place) = digests.get_mut(at..at.saturating_add(LEN)) {
                place.copy_from_slice(&raw(&digest));
            }
        }
        let mut writer = cache.create(CacheKind::FileDigests)?;
        writer.section(DIGESTS)?;
        writer.append(&digests)?;
        let unpublished = writer.finish(&CacheKey::file_digests(&index.digest().to_string()))?;
        Ok((Self(unpublished.file.part(DIGESTS)), unpublished))
    }

    /// Returns the digest of the file with entry number `number`, or `None` if it has none.
    pub(crate) fn get(&self, number: u32) -> Option<Digest> {
        let bytes = self.0.record::<LEN>(number.into())?;
        let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
        let text = format!("sha256:{}", hex.collect::<String>());
        (*bytes != [0; LEN]).then(|| text.parse().ok()).flatten()
    }

    /// Returns whether the cache file was found to be damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.0.file().is_damaged()
    }

    /// Returns whether the cache file was found to be damaged, but returns `true` only once.
    pub(crate) fn report_damage_once(&self) -> bool {
        self.0.file().report_damage_once()
    }
}

/// Computes the digest of a file, with holes read as zeros.
fn hash(job: &Job, data: &SpanReader) -> io::Result<Digest> {
    let mut hasher = Hasher::sha256();
    match &job.data {
        Data::None => {}
        Data::Whole(at) => stored(&mut hasher, data, *at, job.size)?,
        Data::Sparse(extents) => {
            let mut position = 0;
            for extent in extents {
                zeros(&mut hasher, extent.offset.saturating_sub(position));
                stored(&mut hasher, data, extent.at, extent.len)?;
                position = extent.offset.saturating_add(extent.len);
            }
            zeros(&mut hasher, job.size.saturating_sub(position));
        }
    }
    Ok(hasher.finish())
}

fn stored(hasher: &mut Hasher, data: &SpanReader, mut at: u64, mut len: u64) -> io::Result<()> {
    while len > 0 {
        let step = usize::try_from(len).unwrap_or(usize::MAX).min(STEP);
        let slice = data.slice(at, step)?.filter(|slice| !slice.is_empty());
        let slice = slice.ok_or(io::ErrorKind::UnexpectedEof)?;
        hasher.update(&slice);
        at = at.saturating_add(slice.len() as u64);
        len = len.saturating_sub(slice.len() as u64);
    }
    Ok(())
}

fn zeros(hasher: &mut Hasher, mut len: u64) {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    while len > 0 {
        let step = usize::try_from(len).unwrap_or(usize::MAX).min(ZEROS.len());
        hasher.update(ZEROS.get(..step).unwrap_or_default());
        len -= step as u64;
    }
}

/// Returns the raw bytes of a SHA-256 digest.
fn raw(digest: &Digest) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    for (byte, pair) in bytes.iter_mut().zip(digest.hex().as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    bytes
}
