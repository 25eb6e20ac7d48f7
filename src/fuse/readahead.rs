//! How far the kernel reads ahead of who reads forward: 128 KiB on every new mount, whatever the file
//! system wishes. Only through sysfs can it be more, and only by root.

use std::os::linux::fs::MetadataExt;
use std::path::Path;

/// As much as one request can ask for.
const READ_AHEAD_KB: &str = "1024";

/// Raises it for the mount at `path`; where that is not allowed, it stays as it is.
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
