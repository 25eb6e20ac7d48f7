//! A blob that is arriving: written to `arriving/`, and named when all of it is there and right.
//!
//! What a process leaves behind that ends too early is gone on with by the next one: it says how
//! many bytes there are, and they are hashed like those that come. Of two processes that want the same
//! blob one waits for the other.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags};

use super::blobs::is_loop;
use super::lock::{Lock, is_still, lock, try_lock};
use super::{ARRIVING, Lease, Store, StoreError, sync_dir};
use crate::blob::Digest;

/// How often who waits for another looks again.
const WAIT: Duration = Duration::from_millis(20);

/// A blob that somebody wants to be in the store.
pub enum Wanted {
    /// It is there.
    Here(Lease),
    /// It has to be brought.
    Missing(Arrival),
}

/// A blob that is not whole. Nobody else writes it while this lives. If this is dropped, what has
/// arrived stays.
pub struct Arrival {
    store: Store,
    digest: Digest,
    file: Arc<File>,
    path: PathBuf,
    len: u64,
}

impl Store {
    /// The blob of a digest, or what has arrived of it. `size` is its length by its descriptor; a blob
    /// of another length is not the one, and is replaced.
    ///
    /// # Errors
    /// If it cannot be opened or made.
    pub fn want(&self, digest: &Digest, size: u64) -> Result<Wanted, StoreError> {
        let name = format!("{}-{}", digest.algorithm(), digest.hex());
        let path = self.root.join(ARRIVING).join(name);
        let about = path.clone();
        let at = StoreError::at(&about);
        loop {
            if let Some(lease) = self.blob(digest)?
                && lease.file().metadata().map_err(&at)?.len() == size
            {
                return Ok(Wanted::Here(lease));
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
            return Ok(Wanted::Missing(Arrival {
                store: self.clone(),
                digest: digest.clone(),
                file: Arc::new(file),
                path,
                len,
            }));
        }
    }

    /// The blob of these bytes, which are its content.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<Lease, StoreError> {
        match self.want(digest, bytes.len() as u64)? {
            Wanted::Here(lease) if self.document(digest).is_ok() => Ok(lease),
            // Damaged: it makes way.
            Wanted::Here(lease) => {
                self.discard(digest, lease)?;
                self.put(digest, bytes)
            }
            Wanted::Missing(mut arrival) => {
                arrival.restart()?;
                arrival.append(bytes)?;
                arrival.finish()
            }
        }
    }

    /// Takes a blob away that was found damaged, so that it can be brought again; not the right one, if
    /// another process was faster. Who has it open keeps it.
    ///
    /// # Errors
    /// If it cannot be removed.
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

/// Waits until nobody else writes a blob that is arriving; false if it has arrived meanwhile, or was
/// taken away. Not by waiting for the lock: who has written it keeps it locked, shared, until all of his
/// image is there, and may in turn wait for a blob of ours.
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
            tracing::info!("{}: another imgfs is bringing it", path.display());
            waited = true;
        }
        std::thread::sleep(WAIT);
    }
}

impl Arrival {
    /// How many bytes have arrived.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The file that they are in, for who reads it while it grows.
    pub fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let written = self.file.write_all_at(bytes, self.len);
        written.map_err(StoreError::at(&self.path))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Has what has arrived reach the disk. [`Arrival::finish`] does too: this is for who has something
    /// else to do meanwhile.
    ///
    /// # Errors
    /// If it cannot.
    pub fn sync(&self) -> Result<(), StoreError> {
        let synced = self.file.sync_data();
        synced.map_err(StoreError::at(&self.path))
    }

    /// Forgets what has arrived: it was wrong.
    ///
    /// # Errors
    /// If the file cannot be cut.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.file.set_len(0).map_err(StoreError::at(&self.path))?;
        self.len = 0;
        Ok(())
    }

    /// Gives the blob its name. Its digest must have been checked.
    ///
    /// # Errors
    /// If it cannot reach the disk.
    pub fn finish(self) -> Result<Lease, StoreError> {
        let target = self.store.blob_path(&self.digest);
        let at = StoreError::at(&target);
        let name = || -> io::Result<()> {
            self.file.sync_all()?;
            let dir = target.parent().unwrap_or(&target);
            fs::create_dir_all(dir)?;
            // Changing a lock gives it up for a moment, in which the blob could be taken away.
            let _lock = Lock::shared(&self.store.root)?;
            fs::rename(&self.path, &target)?;
            // Nobody changes a blob by accident. Not before it has its name: who goes on with what
            // arrived must be able to write.
            self.file.set_permissions(Permissions::from_mode(0o444))?;
            lock(&self.file, FlockOperation::LockShared, &target)?;
            sync_dir(dir)
        };
        name().map_err(at)?;
        let file = match Arc::try_unwrap(self.file) {
            Ok(file) => file,
            // The lock is of the open file, whoever has a descriptor of it.
            Err(shared) => shared.try_clone().map_err(StoreError::at(&target))?,
        };
        Ok(Lease::of(file))
    }
}
