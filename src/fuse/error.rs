//! Why a mount failed, each with the way out.

use std::io;
use std::path::PathBuf;

/// Why a mount failed.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The mountpoint is not there.
    #[error("mountpoint {path} does not exist; make it: mkdir -p {path}", path = .0.display())]
    Missing(PathBuf),
    /// The mountpoint is a file.
    #[error("mountpoint {} is not a directory", .0.display())]
    NotDirectory(PathBuf),
    /// A mount of ours is there, alive.
    #[error("{path} already shows {1}; unmount it first: imgfs umount {path}", path = .0.display())]
    Mounted(PathBuf, String),
    /// A mount is there whose daemon is gone.
    #[error("{path} is a mount whose daemon is gone (killed?); clear it: {1} {path}", path = .0.display())]
    Dead(PathBuf, &'static str),
    /// There is no FUSE.
    #[error(
        "there is no /dev/fuse; load the module (modprobe fuse), or give the container \
         --device /dev/fuse --cap-add SYS_ADMIN"
    )]
    NoDevice,
    /// FUSE is not for this user.
    #[error("/dev/fuse may not be opened by you: {0}; as root: chmod 666 /dev/fuse")]
    DeviceDenied(io::Error),
    /// The helper is missing.
    #[error("to mount as an ordinary user, fusermount3 is needed; install the package fuse3")]
    NoHelper,
    /// Root, but not of this machine: a container.
    #[error(
        "mount(2) is not allowed here; give the container --device /dev/fuse --cap-add SYS_ADMIN, \
         or install fuse3"
    )]
    NotAllowed,
    /// The helper looks for the user's name.
    #[error("fusermount3 wants a user with a name; add uid {0} to /etc/passwd, or mount as root")]
    NoUser(u32),
    /// Other users may not be let in.
    #[error("--allow-other needs the line user_allow_other in /etc/fuse.conf, or root")]
    AllowOther,
    /// The system refuses.
    #[error("cannot mount at {}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system, or `fusermount3`, says.
        #[source]
        error: io::Error,
    },
}
