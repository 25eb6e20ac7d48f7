//! Raises the kernel's readahead for sequential reads. On a new mount it is 128 KiB, regardless of what
//! the file system requests. Only root can raise it, through sysfs.

use std::os::linux::fs::MetadataExt;
use std::path::Path;

/// The maximum size of one request.
const READ_AHEAD_KB: &str = "1024";

/// Raises the readahead of the mount at `path`. If that is not permitted, it stays unchanged.
pub(super) fn raise(path: &Path) {
    let written = std::fs::metadata(path).and_then(|meta| {
        let device = meta.st_dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let file = format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb");
        std::fs::write(file, READ_AHEAD_KB)
    });
    if let Err(error) = written {
        tracing::debug!("the kernel reads 128 KiB ahead: {error}");
    }
}
