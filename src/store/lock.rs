//! Who may do what at the same time, told by flock(2): a lock is gone with the process that held it,
//! however it ended.
//!
//! Two kinds of files are locked. The file `lock` stands for the names and for what is there: shared
//! by who looks something up and begins to use it, exclusive for who changes `index.json` or takes
//! blobs away; both for a moment only. Each blob is locked, shared, by who uses it for as long as he
//! does: a mount until it is unmounted, a pull until the image has its name. What is locked so is not
//! taken away. A blob that is still arriving is locked, exclusively, by who writes it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

/// The file that stands for the store as a whole.
pub(super) const LOCK: &str = "lock";

/// The store as a whole is locked while this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Option<File>,
}

impl Lock {
    /// Lets nobody change the store.
    pub(super) fn shared(root: &Path) -> io::Result<Self> {
        Self::take(root, FlockOperation::LockShared)
    }

    /// Lets nobody else look at it.
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
            // On a disk that cannot be written nobody changes anything.
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

/// Waits for a lock.
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

/// Takes a lock if nobody is in the way.
pub(super) fn try_lock(file: &File, how: FlockOperation) -> io::Result<bool> {
    match flock(file, how) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a path still leads to an open file: another may have renamed or removed it before it was
/// locked.
pub(super) fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
