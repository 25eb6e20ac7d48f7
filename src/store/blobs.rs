//! Complete blobs: looked up by digest, and locked while they are in use.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags};

use super::directory::Store;
use super::error::StoreError;
use super::lock::{is_still, lock};
use crate::blob::{Digest, FileSource, read_all};
use crate::oci::MAX_DOCUMENT;

/// A lock on a blob: [`Store::prune`] does not remove the blob while this value lives.
#[derive(Debug)]
pub struct Lease {
    file: File,
}

impl Lease {
    pub(super) fn of(file: File) -> Self {
        Self { file }
    }

    /// Returns the file. The blob stays locked for as long as the file is open.
    pub fn into_file(self) -> File {
        self.file
    }

    /// Borrows the file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Store {
    /// Returns the blob with this digest, or `None` if it is not in the store. Its bytes were
    /// verified when they were received and are not verified again here.
    ///
    /// If the blob cannot be opened or is not a regular file.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Lease>, StoreError> {
        let path = self.blob_path(digest);
        let at = StoreError::at(&path);
        // NONBLOCK: opening a FIFO of that name would block forever.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        loop {
            let opened = OpenOptions::new()
                .read(true)
                .custom_flags(flags.bits() as i32)
                .open(&path);
            let file = match opened {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) if is_loop(&e) => return Err(self.no_file(&path)),
                Err(error) => return Err(at(error)),
            };
            if !file.metadata().map_err(&at)?.is_file() {
                return Err(self.no_file(&path));
            }
            match lock(&file, FlockOperation::LockShared, &path) {
                // The file system does not support locks. The user must then not prune while blobs
                // are in use.
                Err(e) if e.kind() == io::ErrorKind::Unsupported => {}
                locked => locked.map_err(&at)?,
            }
            if is_still(&file, &path).map_err(&at)? {
                return Ok(Some(Lease { file }));
            }
        }
    }

    /// The error for a path where the store expects a regular file but finds something else. The
    /// store itself never creates anything else there.
    pub(super) fn no_file(&self, path: &Path) -> StoreError {
        let within = path.strip_prefix(&self.root).unwrap_or(path);
        self.bad_document(&within.to_string_lossy(), "is not a regular file")
    }

    /// Returns the bytes of a document after checking them against its digest, or `None` if the
    /// document is not in the store.
    ///
    /// # Errors
    /// If the document cannot be read or is damaged.
    pub fn document(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(lease) = self.blob(digest)? else {
            return Ok(None);
        };
        let path = self.blob_path(digest);
        let at = StoreError::at(&path);
        let bytes = FileSource::new(lease.into_file()).and_then(|f| read_all(&f, MAX_DOCUMENT));
        let bytes = bytes.map_err(&at)?;
        if !digest.matches(&bytes) {
            let error = "its bytes do not match its digest; pull the image again";
            return Err(at(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        Ok(Some(bytes))
    }
}

/// Whether opening a file failed because it is a symbolic link (`O_NOFOLLOW` gives `ELOOP`).
pub(super) fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}
