//! The reasons why a mount fails, each with advice.

use std::io;
use std::path::PathBuf;

/// Why a mount failed.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The mountpoint does not exist.
    #[error("mountpoint {path} does not exist; make it: mkdir -p {path}", path = .0.display())]
    Missing(PathBuf),
    /// The mountpoint is not a directory.
    #[error("mountpoint {} is not a directory", .0.display())]
    NotDirectory(PathBuf),
    /// An imgfs mount that works is already there.
    #[error("{path} already shows {1}; unmount it first: imgfs umount {path}", path = .0.display())]
    Mounted(PathBuf, String),
    /// A mount is there whose daemon has ended.
    #[error(
        "{path} is a mount whose daemon is no longer running; unmount it: {1} {path}",
        path = .0.display()
    )]
    Dead(PathBuf, &'static str),
    /// FUSE is not available.
    #[error(
        "there is no /dev/fuse; load the module (modprobe fuse), or give the container \
         --device /dev/fuse --cap-add SYS_ADMIN"
    )]
    NoDevice,
    /// The user may not open `/dev/fuse`.
    #[error("you have no permission to open /dev/fuse: {0}; as root: chmod 666 /dev/fuse")]
    DeviceDenied(io::Error),
    /// `fusermount3` is not installed.
    #[error("an ordinary user needs fusermount3 to mount; install the package fuse3")]
    NoHelper,
    /// mount(2) is not permitted, as for root in a container, and `fusermount3` is not installed.
    #[error(
        "mount(2) is not allowed here; give the container --device /dev/fuse --cap-add SYS_ADMIN, \
         or install fuse3"
    )]
    NotAllowed,
    /// `fusermount3` requires a user with a name.
    #[error("fusermount3 needs a user with a name; add uid {0} to /etc/passwd, or mount as root")]
    NoUser(u32),
    /// The user may not give other users access.
    #[error("--allow-other needs the line user_allow_other in /etc/fuse.conf, or root")]
    AllowOther,
    /// The system call or the helper failed.
    #[error("cannot mount at {}: {error}", path.display())]
    Io {
        /// The mountpoint.
        path: PathBuf,
        /// The error of the system or of `fusermount3`.
        #[source]
        error: io::Error,
    },
}
