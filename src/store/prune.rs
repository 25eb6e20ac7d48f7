//! Pruning: removes unreferenced blobs that are not in use.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use oci_spec::image::ImageManifest;
use rustix::fs::{FlockOperation, OFlags};

use super::directory::{ARRIVING, Store};
use super::error::StoreError;
use super::lock::{Lock, try_lock};
use crate::blob::Digest;
use crate::cache::Identity;
use crate::oci;

/// The maximum size of a manifest in bytes (distribution-spec, "Pushing manifests").
const MAX_MANIFEST: u64 = 4 << 20;

/// A file that was removed, or that a dry run would remove.
#[derive(Debug)]
pub struct PrunedFile {
    /// The digest of the blob; `None` for a partial blob or a temporary file.
    pub digest: Option<Digest>,
    /// Its size in bytes.
    pub size: u64,
    /// The identity of the file.
    pub file: Option<Identity>,
    /// If the blob is a manifest: the digests of its layers, lowest first.
    pub layers: Option<Vec<Digest>>,
}

/// The result of [`Store::prune`].
#[derive(Debug, Default)]
pub struct Pruned {
    /// The files that were removed.
    pub taken: Vec<PrunedFile>,
    /// The number of unreferenced blobs that are in use by a mount or by a running pull.
    pub in_use: usize,
    /// The total size of those blobs in bytes.
    pub in_use_bytes: u64,
}

impl Pruned {
    /// The number of bytes that were freed.
    pub fn bytes(&self) -> u64 {
        self.taken.iter().map(|taken| taken.size).sum()
    }
}

/// A file in the store that no image refers to.
pub(super) struct UnreferencedFile {
    pub path: PathBuf,
    /// The digest of a blob; `None` for a partial blob or a temporary file.
    pub digest: Option<Digest>,
    pub size: u64,
}

impl Store {
    /// Removes unreferenced blobs, partial blobs and leftover temporary files, except those in use.
    /// With `dry_run` it removes nothing and only reports what it would remove.
    ///
    /// # Errors
    /// If the blobs of any image cannot be determined. Nothing is removed in that case.
    pub fn prune(&self, dry_run: bool) -> Result<Pruned, StoreError> {
        let _lock = Lock::exclusive(&self.root)?;
        let mut pruned = Pruned::default();
        for loose in self.loose()? {
            let at = StoreError::at(&loose.path);
            let Some(free) = claim(&loose.path).map_err(&at)? else {
                pruned.in_use += 1;
                pruned.in_use_bytes += loose.size;
                continue;
            };
            let file = free.as_ref().and_then(|file| Identity::of(file).ok());
            let layers = self.layers_of(&loose);
            if !dry_run {
                match fs::remove_file(&loose.path) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    removed => removed.map_err(at)?,
                }
            }
            drop(free);
            pruned.taken.push(PrunedFile {
                digest: loose.digest,
                size: loose.size,
                file,
                layers,
            });
        }
        Ok(pruned)
    }

    /// Returns the layers that a blob lists, if it is a manifest.
    fn layers_of(&self, loose: &UnreferencedFile) -> Option<Vec<Digest>> {
        if loose.digest.is_none() || loose.size > MAX_MANIFEST {
            return None;
        }
        let bytes = fs::read(&loose.path).ok()?;
        let manifest: ImageManifest = oci::parse(&bytes).ok()?;
        let layers = manifest.layers().iter();
        layers.map(|layer| self.digest_of(layer).ok()).collect()
    }

    /// Returns every unreferenced file. The caller must hold the lock.
    pub(super) fn loose(&self) -> Result<Vec<UnreferencedFile>, StoreError> {
        let mut wanted = HashSet::new();
        for image in self.images()? {
            wanted.extend(self.parts(&image)?.into_iter().map(|part| part.digest));
        }
        let mut loose = Vec::new();
        for (path, digest, size) in self.files()? {
            if digest.as_ref().is_none_or(|d| !wanted.contains(d)) {
                loose.push(UnreferencedFile { path, digest, size });
            }
        }
        Ok(loose)
    }

    /// Returns every blob, and also every partial blob and leftover temporary file, with its size.
    pub(super) fn files(&self) -> Result<Vec<(PathBuf, Option<Digest>, u64)>, StoreError> {
        let mut found = Vec::new();
        for algorithm in list(&self.root.join("blobs"))? {
            let Some(name) = algorithm.file_name().and_then(|n| n.to_str()) else {
                continue;
            };
            for path in list(&algorithm)? {
                let file_name = path.file_name().and_then(|n| n.to_str());
                let digest = file_name.and_then(|hex| format!("{name}:{hex}").parse().ok());
                // Other programs may put temporary files into this directory too. Skip everything
                // that is not a blob.
                if let Some(digest) = digest
                    && let Some(size) = size_of(&path)
                {
                    found.push((path, Some(digest), size));
                }
            }
        }
        for path in list(&self.root.join(ARRIVING))? {
            if let Some(size) = size_of(&path) {
                found.push((path, None, size));
            }
        }
        // Temporary files left by a process that was killed while it wrote `index.json`. No process
        // is writing one now, because the caller holds the lock.
        for path in list(&self.root)? {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            if name.starts_with(".new-")
                && let Some(size) = size_of(&path)
            {
                found.push((path, None, size));
            }
        }
        Ok(found)
    }
}

/// Opens a file and locks it exclusively. Returns `None` if the file is in use, and `Some(None)` if
/// it no longer exists.
fn claim(path: &Path) -> io::Result<Option<Option<File>>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // Removed in the meantime.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some(None)),
        Err(error) => return Err(error),
    };
    Ok(try_lock(&file, FlockOperation::NonBlockingLockExclusive)?.then_some(Some(file)))
}

/// Returns the length of a regular file; `None` for other files.
fn size_of(path: &Path) -> Option<u64> {
    let meta = fs::symlink_metadata(path).ok()?;
    meta.is_file().then_some(meta.len())
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let at = StoreError::at(dir);
    let entries = match fs::read_dir(dir) {
        Err(e)
            if e.kind() == io::ErrorKind::NotFound || e.kind() == io::ErrorKind::NotADirectory =>
        {
            return Ok(Vec::new());
        }
        entries => entries.map_err(&at)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(&at)?.path());
    }
    paths.sort();
    Ok(paths)
}
