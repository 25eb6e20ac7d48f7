//! Unmounts with umount2(2) if that is allowed, otherwise with `fusermount3`. A mount that is busy is
//! unmounted lazily: files that are open stay readable until they are closed. Nothing can be lost,
//! because the file system is read-only.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use super::mountinfo::mounted_at;

/// How a mount was unmounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmounted {
    /// Immediately.
    Clean,
    /// Lazily, because it was in use. It is no longer visible, but files that are open stay readable.
    Lazy,
}

/// Why a mount could not be unmounted.
#[derive(Debug, thiserror::Error)]
pub enum UmountError {
    /// No imgfs mount is there.
    #[error("nothing is mounted by imgfs at {}", .0.display())]
    NotMounted(PathBuf),
    /// A mount of another type is there.
    #[error("{} is not an imgfs mount but {kind}; use umount", path.display())]
    NotOurs {
        /// The path.
        path: PathBuf,
        /// The type of that mount.
        kind: String,
    },
    /// Only root and the user who mounted it may unmount it.
    #[error("{}: not allowed: {detail}", path.display())]
    NotAllowed {
        /// The path.
        path: PathBuf,
        /// The message of `fusermount3`.
        detail: String,
    },
    /// The system call failed.
    #[error("{}: cannot unmount: {error}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
}

/// Unmounts the imgfs mount at `path`, even if its daemon has ended.
///
/// # Errors
/// Returns an error if no imgfs mount is there, or if the user may not unmount it.
pub(crate) fn umount(path: &Path) -> Result<Unmounted, UmountError> {
    let io = |error| UmountError::Io {
        path: path.to_owned(),
        error,
    };
    let path = &absolute(path).map_err(io)?;
    match mounted_at(path).map_err(io)? {
        None => return Err(UmountError::NotMounted(path.clone())),
        Some(mount) if !mount.is_imgfs() => {
            return Err(UmountError::NotOurs {
                path: path.clone(),
                kind: mount.kind,
            });
        }
        Some(_) => {}
    }
    for (flags, how) in [
        (UnmountFlags::NOFOLLOW, Unmounted::Clean),
        (
            UnmountFlags::NOFOLLOW | UnmountFlags::DETACH,
            Unmounted::Lazy,
        ),
    ] {
        match unmount(path, flags) {
            Ok(()) => return Ok(how),
            Err(Errno::BUSY) => {}
            Err(Errno::PERM) => return with_helper(path),
            Err(error) => return Err(io(error.into())),
        }
    }
    Err(io(Errno::BUSY.into()))
}

/// Returns the absolute path without symbolic links. Also works if the last component is a mount whose
/// daemon has ended, on which stat(2) fails.
pub(super) fn absolute(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let is_link = path.symlink_metadata().is_ok_and(|m| m.is_symlink());
            if is_link {
                return path.canonicalize();
            }
            Ok(parent.canonicalize()?.join(name))
        }
        _ => path.canonicalize(),
    }
}

/// Unmounts as an ordinary user, with the helper, which is set-user-ID root.
fn with_helper(path: &Path) -> Result<Unmounted, UmountError> {
    let mut detail = String::from("fusermount3 is not installed (package fuse3)");
    for (options, how) in [
        (&["-u"][..], Unmounted::Clean),
        (&["-u", "-z"][..], Unmounted::Lazy),
    ] {
        for helper in ["fusermount3", "fusermount"] {
            let run = Command::new(helper)
                .args(options)
                .arg("--")
                .arg(path)
                .output();
            match run {
                Ok(output) if output.status.success() => return Ok(how),
                Ok(output) => {
                    detail = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                    break;
                }
                Err(_) => {}
            }
        }
    }
    Err(UmountError::NotAllowed {
        path: path.to_owned(),
        detail,
    })
}
