//! A blob that is being received. It is written to `arriving/` and moved to its final name once it
//! is complete and its digest has been checked.
//!
//! A partial blob that an interrupted process left behind is resumed by the next process: the
//! file's length is the number of bytes received, and those bytes are hashed like the ones that
//! follow. If two processes want the same blob, one waits for the other.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags};

use super::blobs::Lease;
use super::blobs::is_loop;
use super::directory::{ARRIVING, Store, sync_dir};
use super::error::StoreError;
use super::lock::{Lock, is_still, lock, try_lock};
use crate::blob::Digest;

/// Polling interval while waiting for another process to finish a blob.
const WAIT: Duration = Duration::from_millis(20);

/// The result of [`Store::want`].
pub enum BlobState {
    /// The blob is in the store.
    Here(Lease),
    /// The blob is missing or incomplete and has to be fetched.
    Missing(PartialBlob),
}

/// An incomplete blob, locked against other writers while this value lives. Dropping it keeps the
/// bytes received so far.
pub struct PartialBlob {
    store: Store,
    digest: Digest,
    file: Arc<File>,
    path: PathBuf,
    len: u64,
}

impl Store {
    /// Returns the blob with this digest, or the part of it that has been received. `size` is the
    /// length in its descriptor. A stored blob of another length is treated as missing and is
    /// replaced.
    ///
    /// # Errors
    /// If the blob cannot be opened or created.
    pub fn want(&self, digest: &Digest, size: u64) -> Result<BlobState, StoreError> {
        let name = format!("{}-{}", digest.algorithm(), digest.hex());
        let path = self.root.join(ARRIVING).join(name);
        let about = path.clone();
        let at = StoreError::at(&about);
        loop {
            if let Some(lease) = self.blob(digest)?
                && lease.file().metadata().map_err(&at)?.len() == size
            {
                return Ok(BlobState::Here(lease));
            }
            let opened = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32)
                .open(&path);
            let file = match opened {
                Err(e) if e.kind() == io::ErrorKind::IsADirectory || is_loop(&e) => {
                    return Err(self.no_file(&path));
                }
                opened => opened.map_err(&at)?,
            };
            if !file.metadata().map_err(&at)?.is_file() {
                return Err(self.no_file(&path));
            }
            if !turn(&file, &path).map_err(&at)? {
                continue;
            }
            let mut len = file.metadata().map_err(&at)?.len();
            if len > size {
                file.set_len(0).map_err(&at)?;
                len = 0;
            }
            return Ok(BlobState::Missing(PartialBlob {
                store: self.clone(),
                digest: digest.clone(),
                file: Arc::new(file),
                path,
                len,
            }));
        }
    }

    /// Stores `bytes` as the blob with this digest. The bytes must match the digest.
    ///
    /// # Errors
    /// If the blob cannot be written.
    pub fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<Lease, StoreError> {
        match self.want(digest, bytes.len() as u64)? {
            BlobState::Here(lease) if self.document(digest).is_ok() => Ok(lease),
            // The stored blob is damaged: replace it.
            BlobState::Here(lease) => {
                self.discard(digest, lease)?;
                self.put(digest, bytes)
            }
            BlobState::Missing(mut arrival) => {
                arrival.restart()?;
                arrival.append(bytes)?;
                arrival.finish()
            }
        }
    }

    /// Removes a damaged blob so that it can be fetched again. Does nothing if another process has
    /// already replaced the blob. Processes that have the damaged file open keep it.
    ///
    /// # Errors
    /// If the blob cannot be removed.
    pub fn discard(&self, digest: &Digest, damaged: Lease) -> Result<(), StoreError> {
        let path = self.blob_path(digest);
        let at = StoreError::at(&path);
        let _lock = Lock::exclusive(&self.root)?;
        if is_still(damaged.file(), &path).map_err(&at)? {
            fs::remove_file(&path).map_err(&at)?;
        }
        Ok(())
    }
}

/// Waits until no other process is writing this partial blob. Returns false if the blob was
/// completed or removed in the meantime.
///
/// This polls instead of blocking on the lock: the process that wrote a blob keeps a shared lock on
/// it until its whole image is complete, and may itself be waiting for a blob that this process is
/// writing.
fn turn(file: &File, path: &Path) -> io::Result<bool> {
    let mut waited = false;
    loop {
        let ours = try_lock(file, FlockOperation::NonBlockingLockExclusive)?;
        if !is_still(file, path)? {
            return Ok(false);
        }
        if ours {
            return Ok(true);
        }
        if !waited {
            tracing::info!("{}: another imgfs is fetching it", path.display());
            waited = true;
        }
        std::thread::sleep(WAIT);
    }
}

impl PartialBlob {
    /// The number of bytes received.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no bytes have been received.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file that holds the received bytes, for reading while it grows.
    pub fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// If the bytes cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let written = self.file.write_all_at(bytes, self.len);
        written.map_err(StoreError::at(&self.path))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Syncs the received bytes to disk. [`PartialBlob::finish`] syncs as well; calling this earlier
    /// lets other work proceed meanwhile.
    ///
    /// # Errors
    /// If the sync fails.
    pub fn sync(&self) -> Result<(), StoreError> {
        let synced = self.file.sync_data();
        synced.map_err(StoreError::at(&self.path))
    }

    /// Discards the received bytes because they were wrong.
    ///
    /// # Errors
    /// If the file cannot be truncated.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.file.set_len(0).map_err(StoreError::at(&self.path))?;
        self.len = 0;
        Ok(())
    }

    /// Moves the complete blob to its final name. The caller must have checked its digest.
    ///
    /// # Errors
    /// If the blob cannot be synced to disk or renamed.
    pub fn finish(self) -> Result<Lease, StoreError> {
        let target = self.store.blob_path(&self.digest);
        let at = StoreError::at(&target);
        let name = || -> io::Result<()> {
            self.file.sync_all()?;
            let dir = target.parent().unwrap_or(&target);
            fs::create_dir_all(dir)?;
            // Converting a flock(2) lock releases it for a moment. The store lock keeps the blob
            // from being pruned in that moment.
            let _lock = Lock::shared(&self.store.root)?;
            fs::rename(&self.path, &target)?;
            // Read-only mode guards against accidental changes. It is set only after the rename,
            // because a process that resumes a partial blob must be able to write to it.
            self.file.set_permissions(Permissions::from_mode(0o444))?;
            lock(&self.file, FlockOperation::LockShared, &target)?;
            sync_dir(dir)
        };
        name().map_err(at)?;
        let file = match Arc::try_unwrap(self.file) {
            Ok(file) => file,
            // flock(2) locks belong to the open file description, so a duplicated descriptor keeps
            // the lock.
            Err(shared) => shared.try_clone().map_err(StoreError::at(&target))?,
        };
        Ok(Lease::of(file))
    }
}
