//! Opens a store, and creates it if needed.

use std::io;
use std::path::Path;

use super::directory::{ARRIVING, Store, write_atomically};
use super::error::StoreError;
use super::lock::Lock;
use super::names::{self, INDEX};
use crate::private::{self, check_dir};

impl Store {
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
            write_atomically(&layout, b"{\"imageLayoutVersion\":\"1.0.0\"}")?;
        }
        if !store.root.join(INDEX).exists() {
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
        if !store.root.join(INDEX).exists() {
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
}
