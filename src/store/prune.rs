//! Making room: what no name leads to goes, unless somebody uses it.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use oci_spec::image::ImageManifest;
use rustix::fs::{FlockOperation, OFlags};

use super::lock::{Lock, try_lock};
use super::{ARRIVING, Store, StoreError};
use crate::blob::Digest;
use crate::cache::Identity;
use crate::oci;

/// No manifest is larger (distribution-spec, "Pushing manifests").
const MAX_MANIFEST: u64 = 4 << 20;

/// What was taken away, or would be.
#[derive(Debug)]
pub struct Taken {
    /// The digest of a blob; `None` for what had only begun to arrive.
    pub digest: Option<Digest>,
    /// Room that it takes, in bytes.
    pub size: u64,
    /// The file that it was.
    pub file: Option<Identity>,
    /// If it is an image's manifest, the layers of that, the lowest first.
    pub layers: Option<Vec<Digest>>,
}

/// What came of making room.
#[derive(Debug, Default)]
pub struct Pruned {
    /// What was taken away.
    pub taken: Vec<Taken>,
    /// So many blobs that no name leads to are in use: by a mount, or by a pull that is under way.
    pub in_use: usize,
    /// Room that those take, in bytes.
    pub in_use_bytes: u64,
}

impl Pruned {
    /// Room that was made, in bytes.
    pub fn bytes(&self) -> u64 {
        self.taken.iter().map(|taken| taken.size).sum()
    }
}

/// A file of the store that no name leads to.
pub(super) struct Loose {
    pub path: PathBuf,
    /// The digest of a blob; `None` for what is arriving.
    pub digest: Option<Digest>,
    pub size: u64,
}

impl Store {
    /// Takes away the blobs that no image leads to and what has only begun to arrive, except what
    /// somebody uses. With `dry_run` it only says what it would do.
    ///
    /// # Errors
    /// If it cannot be told what an image leads to: nothing is taken away then.
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
            pruned.taken.push(Taken {
                digest: loose.digest,
                size: loose.size,
                file,
                layers,
            });
        }
        Ok(pruned)
    }

    /// What a blob lists, if it is a manifest.
    fn layers_of(&self, loose: &Loose) -> Option<Vec<Digest>> {
        if loose.digest.is_none() || loose.size > MAX_MANIFEST {
            return None;
        }
        let bytes = fs::read(&loose.path).ok()?;
        let manifest: ImageManifest = oci::parse(&bytes).ok()?;
        let layers = manifest.layers().iter();
        layers.map(|layer| self.digest_of(layer).ok()).collect()
    }

    /// Every file that no name leads to. Needs the lock.
    pub(super) fn loose(&self) -> Result<Vec<Loose>, StoreError> {
        let mut wanted = HashSet::new();
        for image in self.images()? {
            wanted.extend(self.parts(&image)?.into_iter().map(|part| part.digest));
        }
        let mut loose = Vec::new();
        for (path, digest, size) in self.files()? {
            if digest.as_ref().is_none_or(|d| !wanted.contains(d)) {
                loose.push(Loose { path, digest, size });
            }
        }
        Ok(loose)
    }

    /// Every blob, and every file that is none but may have become one.
    pub(super) fn files(&self) -> Result<Vec<(PathBuf, Option<Digest>, u64)>, StoreError> {
        let mut found = Vec::new();
        for algorithm in list(&self.root.join("blobs"))? {
            let Some(name) = algorithm.file_name().and_then(|n| n.to_str()) else {
                continue;
            };
            for path in list(&algorithm)? {
                let file_name = path.file_name().and_then(|n| n.to_str());
                let digest = file_name.and_then(|hex| format!("{name}:{hex}").parse().ok());
                // Other programs write aside in this directory too; what is not a blob is not ours.
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
        // What a process left that was killed while it wrote names. Nobody does now: see the lock.
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

/// The file, locked against everybody, or `None` if somebody uses it.
fn claim(path: &Path) -> io::Result<Option<Option<File>>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // It went meanwhile.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some(None)),
        Err(error) => return Err(error),
    };
    Ok(try_lock(&file, FlockOperation::NonBlockingLockExclusive)?.then_some(Some(file)))
}

/// The length of a regular file.
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
