//! The store: the directory that holds pulled and loaded images under their names.
//!
//! It is an ordinary OCI image layout (OCI image-spec, image-layout.md), so skopeo, umoci and crane
//! can read it: `index.json` has a descriptor for each name, and blobs are stored under their
//! digests and shared by all images that use them. The store adds two entries that the layout does
//! not define:
//!
//! | file | contents |
//! |---|---|
//! | `lock` | the lock that serializes changes to the store (`lock.rs`) |
//! | `arriving/` | partial blobs, which the next pull resumes (`arrival.rs`) |
//!
//! **Crash safety.** A blob gets its name only when all of its bytes are on disk and match its
//! digest. `index.json` is written to a temporary file and renamed. A process that ends at any
//! moment therefore leaves either the old or the new state, and partial blobs that the next process
//! resumes. Blobs in use are locked, and [`Store::prune`] skips them.
//!
//! The indexes of layers are not stored here but in the cache, as for images from any other source.

mod arrival;
mod blobs;
mod error;
mod lock;
mod name;
mod names;
mod oci_form;
mod prune;
mod reach;
mod usage;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use arrival::{BlobState, PartialBlob};
pub use blobs::Lease;
pub use error::StoreError;
pub use name::complete;
pub(crate) use name::short;
pub use names::StoredImage;
pub(crate) use names::document_of;
pub(crate) use oci_form::original_of;
pub use prune::{Pruned, PrunedFile};
pub use reach::{BlobRole, ImageBlob};
pub use usage::{ImageUsage, Usage};

use crate::blob::Digest;
use crate::private::{self, check_dir};
pub(crate) use lock::Lock;

/// The directory of partial blobs.
const ARRIVING: &str = "arriving";

/// A store in a directory that only this user can write to.
#[derive(Clone, Debug)]
pub struct Store {
    /// Absolute, because a background process changes its working directory.
    root: PathBuf,
}

impl Store {
    /// The default location: `$XDG_DATA_HOME/imgfs`, else `$HOME/.local/share/imgfs`. A relative
    /// path in the variable is ignored (XDG Base Directory Specification).
    pub fn default_path() -> Option<PathBuf> {
        private::default_path("XDG_DATA_HOME", ".local/share")
    }

    /// Opens a store and creates it if it does not exist.
    ///
    /// # Errors
    /// If the store cannot be created, or if other users can write to it: they could substitute the
    /// images behind its names. The error names the path.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let root = std::path::absolute(path).map_err(StoreError::at(path))?;
        let blobs = root.join("blobs");
        let sha256 = blobs.join("sha256");
        let dirs = [root.clone(), blobs, sha256, root.join(ARRIVING)];
        private::make(&dirs)?;
        let store = Self { root };
        let layout = store.root.join("oci-layout");
        let _lock = Lock::exclusive(&store.root)?;
        if !layout.exists() {
            write_aside(&layout, b"{\"imageLayoutVersion\":\"1.0.0\"}")?;
        }
        if !store.root.join(names::INDEX).exists() {
            store.check_no_blobs()?;
            store.write_names(&names::empty())?;
        }
        Ok(store)
    }

    /// Opens an existing store. Returns `None` if there is none; creates nothing.
    ///
    /// # Errors
    /// If the store cannot be read, or if other users can write to it.
    pub fn existing(path: &Path) -> Result<Option<Self>, StoreError> {
        let root = std::path::absolute(path).map_err(StoreError::at(path))?;
        // A directory that cannot be read is an error, not a missing store.
        for dir in [root.clone(), root.join("blobs"), root.join("blobs/sha256")] {
            match check_dir(&dir) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                checked => checked?,
            }
        }
        let store = Self { root };
        if !store.root.join(names::INDEX).exists() {
            store.check_no_blobs()?;
            return Ok(None);
        }
        Ok(Some(store))
    }

    /// Fails if the store has blobs. Called when `index.json` does not exist: if there are blobs,
    /// it was lost, and creating an empty one would make all of them unreferenced.
    fn check_no_blobs(&self) -> Result<(), StoreError> {
        let files = self.files()?;
        match files.iter().any(|(_, digest, _)| digest.is_some()) {
            true => Err(self.bad_names("is missing, although there are blobs")),
            false => Ok(()),
        }
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
    fn blob_path(&self, digest: &Digest) -> PathBuf {
        let mut path = self.root.join("blobs");
        path.push(digest.algorithm());
        path.push(digest.hex());
        path
    }
}

/// Writes a file atomically: the path always holds either the old or the new contents in full.
fn write_aside(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
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
fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}
