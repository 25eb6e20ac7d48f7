//! The store: where images stay that were pulled or loaded, under their names.
//!
//! It is an OCI image layout (OCI image-spec, image-layout.md) like any other, so skopeo, umoci and
//! crane read it: `index.json` has a descriptor for each name, blobs lie under their digests and are
//! shared by all images that have them. Beside them is what the layout does not know:
//!
//! | file | what it is |
//! |---|---|
//! | `lock` | who may change the store (`lock.rs`) |
//! | `arriving/` | blobs of which a part is there; the next pull goes on with them (`arrival.rs`) |
//!
//! **Nothing is lost.** A blob gets its name when all of its bytes are on the disk and their digest
//! is right; `index.json` is written aside and renamed. So a process that ends at any moment leaves
//! either what was there before or what it was about to make, and parts that the next one uses. What
//! somebody uses is locked, and [`Store::prune`] lets it be.
//!
//! What is known of layers, their indexes, is not here but in the cache, as for every other image.

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

pub use arrival::{Arrival, Wanted};
pub use blobs::Lease;
pub use error::StoreError;
pub use name::complete;
pub(crate) use name::short;
pub use names::Named;
pub(crate) use names::document_of;
pub(crate) use oci_form::original_of;
pub use prune::{Pruned, Taken};
pub use reach::{Part, Role};
pub use usage::{ImageUsage, Usage};

use crate::blob::Digest;
use crate::private::{self, check_dir};
pub(crate) use lock::Lock;

/// Directory of blobs that are arriving.
const ARRIVING: &str = "arriving";

/// A store in a directory of this user's own.
#[derive(Clone, Debug)]
pub struct Store {
    /// Absolute, since a background process changes its own directory.
    root: PathBuf,
}

impl Store {
    /// Where it is unless the user says otherwise: `$XDG_DATA_HOME/imgfs`, else
    /// `$HOME/.local/share/imgfs` (XDG Base Directory Specification: a relative path is ignored).
    pub fn default_path() -> Option<PathBuf> {
        private::default_path("XDG_DATA_HOME", ".local/share")
    }

    /// Opens a store, and makes it if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or is not this user's alone to write: who can write to it can have other
    /// images shown under a name. The error names the path.
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

    /// Opens a store if there is one, and makes nothing.
    ///
    /// # Errors
    /// If it cannot be looked into, or is not this user's alone to write.
    pub fn existing(path: &Path) -> Result<Option<Self>, StoreError> {
        let root = std::path::absolute(path).map_err(StoreError::at(path))?;
        // One that may not be looked into is not the same as none.
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

    /// Without an `index.json` there is no image yet. Where there are blobs it was lost, and an empty one
    /// in its place would make all of them unreferenced.
    fn check_no_blobs(&self) -> Result<(), StoreError> {
        let files = self.files()?;
        match files.iter().any(|(_, digest, _)| digest.is_some()) {
            true => Err(self.bad_names("is missing, though there are blobs")),
            false => Ok(()),
        }
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Lets nobody take anything out of the store while this lives: hold it from when a name is looked
    /// up until all that is wanted of the image is open.
    ///
    /// # Errors
    /// If the lock cannot be had.
    pub(crate) fn hold(&self) -> Result<Lock, StoreError> {
        Ok(Lock::shared(&self.root)?)
    }

    /// Where the blob of a digest is (image-layout.md, "Blobs").
    fn blob_path(&self, digest: &Digest) -> PathBuf {
        let mut path = self.root.join("blobs");
        path.push(digest.algorithm());
        path.push(digest.hex());
        path
    }
}

/// Writes a file so that under its name there is always all of one state of it.
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

/// Has the names in a directory reach the disk.
fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}
