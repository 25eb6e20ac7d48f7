//! Blobs that are whole: found by their digest, and locked while somebody uses them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags};

use super::lock::{is_still, lock};
use super::{Store, StoreError};
use crate::blob::{Digest, FileSource, read_all};
use crate::oci::MAX_DOCUMENT;

/// A blob that nobody takes away while this lives.
#[derive(Debug)]
pub struct Lease {
    file: File,
}

impl Lease {
    pub(super) fn of(file: File) -> Self {
        Self { file }
    }

    /// The file; it is locked as long as it is open.
    pub fn into_file(self) -> File {
        self.file
    }

    /// The same.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Store {
    /// The blob of a digest, if it is there. Its bytes were verified when they came; whether they still
    /// are the same is not looked at.
    ///
    /// # Errors
    /// If it cannot be opened, or is no regular file.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Lease>, StoreError> {
        let path = self.blob_path(digest);
        let at = StoreError::at(&path);
        // A pipe of that name would hang whoever opens it.
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
                // A file system without locks; it is then on who uses it not to prune meanwhile.
                Err(e) if e.kind() == io::ErrorKind::Unsupported => {}
                locked => locked.map_err(&at)?,
            }
            if is_still(&file, &path).map_err(&at)? {
                return Ok(Some(Lease { file }));
            }
        }
    }

    /// Where a file of the store should be is something else. The store never makes that.
    pub(super) fn no_file(&self, path: &Path) -> StoreError {
        let within = path.strip_prefix(&self.root).unwrap_or(path);
        self.bad_document(&within.to_string_lossy(), "is not a regular file")
    }

    /// A document's bytes, which are those of its digest; `None` if it is not there.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn document(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(lease) = self.blob(digest)? else {
            return Ok(None);
        };
        let path = self.blob_path(digest);
        let at = StoreError::at(&path);
        let bytes = FileSource::new(lease.into_file()).and_then(|f| read_all(&f, MAX_DOCUMENT));
        let bytes = bytes.map_err(&at)?;
        if !digest.matches(&bytes) {
            let error = "its bytes are not those of its digest; pull the image again";
            return Err(at(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        Ok(Some(bytes))
    }
}

/// Whether what was to be opened is a symbolic link.
pub(super) fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}
