//! Locks of the store, based on flock(2): a lock disappears with the process that held it, even if
//! that process was killed.
//!
//! There are three kinds of locks:
//!
//! - The file `lock` guards the names and the set of blobs. It is locked shared to look something
//!   up and begin to use it, and exclusive to change `index.json` or remove blobs. Both are held
//!   only briefly.
//! - Each blob is locked shared by every process that uses it, for as long as it does: by a mount
//!   until it is unmounted, by a pull until the image has its name. Locked blobs are not removed.
//! - A partial blob is locked exclusive by the process that writes it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

/// The name of the file that guards the store as a whole.
pub(super) const LOCK: &str = "lock";

/// A lock on the store as a whole. Released on drop.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Option<File>,
}

impl Lock {
    /// Takes the shared lock: no name changes and no blob is removed while it is held.
    pub(super) fn shared(root: &Path) -> io::Result<Self> {
        Self::take(root, FlockOperation::LockShared)
    }

    /// Takes the exclusive lock.
    pub(super) fn exclusive(root: &Path) -> io::Result<Self> {
        Self::take(root, FlockOperation::LockExclusive)
    }

    fn take(root: &Path, how: FlockOperation) -> io::Result<Self> {
        let path = root.join(LOCK);
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags).mode(0o600);
        let opened = match options.open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                options.write(true).create(true).open(&path)
            }
            other => other,
        };
        let file = match opened {
            Ok(file) => file,
            // On a read-only file system no process can change the store, so no lock is needed.
            Err(e) if how == FlockOperation::LockShared && is_read_only(&e) => {
                return Ok(Self { _file: None });
            }
            Err(error) => return Err(crate::private::about(&path)(error)),
        };
        lock(&file, how, &path)?;
        Ok(Self { _file: Some(file) })
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
    )
}

/// Takes a lock, and waits for it if necessary.
pub(super) fn lock(file: &File, how: FlockOperation, path: &Path) -> io::Result<()> {
    let at_once = match how {
        FlockOperation::LockShared => FlockOperation::NonBlockingLockShared,
        _ => FlockOperation::NonBlockingLockExclusive,
    };
    if try_lock(file, at_once)? {
        return Ok(());
    }
    tracing::info!("{}: waiting for another imgfs", path.display());
    loop {
        match flock(file, how) {
            Err(Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Takes a lock if it is free. Returns false if it is not.
pub(super) fn try_lock(file: &File, how: FlockOperation) -> io::Result<bool> {
    match flock(file, how) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a path still refers to an open file. Another process may have renamed or removed the
/// file before it was locked.
pub(super) fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
