//! Operations on this user's files: open a file only if no other user can have written it, create
//! unnamed temporary files, remove files.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::fault::Fault;
use crate::private::{NotAlone, about, check_owner};

/// Opens a file that no other user can have written.
pub(super) fn open_file(path: &Path) -> Result<File, Fault> {
    // A symbolic link could lead to a file that changes; open(2) would block on a pipe.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::LOOP) => Fault::Untrusted("it is a symbolic link"),
            // The error for a socket.
            Some(Errno::NXIO) => Fault::Untrusted("it is not a regular file"),
            Some(Errno::ACCESS) => Fault::Untrusted("there is no permission to read it"),
            _ => Fault::Unread(error),
        })?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(Fault::Untrusted("it is not a regular file"));
    }
    match check_owner(&meta) {
        Ok(()) => Ok(file),
        Err(NotAlone::Owner) => Err(Fault::Untrusted("it belongs to another user")),
        Err(NotAlone::Mode) => Err(Fault::Untrusted("other users may write to it")),
    }
}

/// Removes a file, or a directory if it is empty. The contents of a directory are not
/// removed, because another program put them there.
pub(super) fn discard(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::IsADirectory => fs::remove_dir(path),
        other => other,
    }
}

/// The directory for temporary files: `$TMPDIR`, else `/var/tmp`, which unlike `/tmp` is never in
/// memory.
pub(crate) fn temporary_dir() -> PathBuf {
    let set = std::env::var_os("TMPDIR").filter(|dir| !dir.is_empty());
    set.map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from)
}

/// Creates an unnamed temporary file.
pub(super) fn temporary_file() -> io::Result<File> {
    let dir = temporary_dir();
    tempfile::tempfile_in(&dir).map_err(about(&dir))
}
