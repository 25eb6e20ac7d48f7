//! The directory of a store: its paths, its lock, and writes that survive a crash.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::lock::Lock;
use crate::blob::Digest;
use crate::private;

/// The directory of partial blobs.
pub(super) const ARRIVING: &str = "arriving";

/// A store in a directory that only this user can write to.
#[derive(Clone, Debug)]
pub struct Store {
    /// Absolute, because a background process changes its working directory.
    pub(super) root: PathBuf,
}

impl Store {
    /// The default location: `$XDG_DATA_HOME/imgfs`, else `$HOME/.local/share/imgfs`. A relative
    /// path in the variable is ignored (XDG Base Directory Specification).
    pub fn default_path() -> Option<PathBuf> {
        private::default_path("XDG_DATA_HOME", ".local/share")
    }

    /// The store's directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Keeps blobs from being removed while the returned lock is held. Hold it from looking up a
    /// name until all required blobs of the image are open.
    ///
    /// # Errors
    /// If the lock cannot be taken.
    pub(crate) fn hold(&self) -> Result<Lock, StoreError> {
        Ok(Lock::shared(&self.root)?)
    }

    /// The path of the blob with this digest (image-layout.md, "Blobs").
    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        let mut path = self.root.join("blobs");
        path.push(digest.algorithm());
        path.push(digest.hex());
        path
    }
}

/// Writes a file atomically: the path always holds either the old or the new contents in full.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or(path);
    let write = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        sync_dir(dir)
    };
    write().map_err(StoreError::at(path))
}

/// Syncs a directory, so that new names in it survive a crash.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}
