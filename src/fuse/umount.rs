//! Taking a mount away: with umount2(2) where that is allowed, else through `fusermount3`; lazily
//! if it is busy. A read-only tree has nothing to lose by that: what is open stays readable until
//! it is closed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use super::mountinfo::mounted_at;

/// How a mount went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmounted {
    /// At once.
    Clean,
    /// It was in use: gone from the tree, and alive for who still has something open in it.
    Lazy,
}

/// Why a mount is still there.
#[derive(Debug, thiserror::Error)]
pub enum UmountError {
    /// Nothing of ours is mounted there.
    #[error("nothing is mounted by imgfs at {}", .0.display())]
    NotMounted(PathBuf),
    /// Something else is mounted there.
    #[error("{} is not an imgfs mount but {kind}; use umount", path.display())]
    NotOurs {
        /// Where.
        path: PathBuf,
        /// The type of what is mounted there.
        kind: String,
    },
    /// Only who mounted it or root may take it away.
    #[error("{}: not allowed: {detail}", path.display())]
    NotAllowed {
        /// Where.
        path: PathBuf,
        /// What `fusermount3` says.
        detail: String,
    },
    /// The system refuses.
    #[error("{}: cannot unmount: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

/// Unmounts what imgfs has mounted at `path`, alive or dead.
///
/// # Errors
/// If nothing of ours is there, or it is not ours to take away.
pub fn umount(path: &Path) -> Result<Unmounted, UmountError> {
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

/// The path without links, also where the last name is a dead mount, which cannot be looked at.
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

/// An ordinary user unmounts through the helper, which is set-user-id root.
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
