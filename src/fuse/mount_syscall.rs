//! Mounts with mount(2), without a helper, as root. fuser can do this too, but not with a separate file
//! system type. Only with the type `fuse.imgfs` can `mount` and `findmnt -t` distinguish imgfs mounts.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::mount::{MountFlags, mount};
use rustix::process::{getegid, geteuid};

use super::mountinfo::FS_TYPE;
use super::options::MountOptions;

/// Mounts at `path`. Returns the file descriptor of the connection to the kernel.
///
/// # Errors
/// Returns `PermissionDenied` if the user is not root. The helper is needed then.
pub(super) fn mount_direct(path: &Path, options: &MountOptions) -> io::Result<OwnedFd> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    let device: File = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")?;
    let mut data = format!(
        "fd={},rootmode={mode:o},user_id={},group_id={}",
        device.as_raw_fd(),
        geteuid().as_raw(),
        getegid().as_raw()
    );
    if options.allow_other {
        data.push_str(",allow_other,default_permissions");
    }
    let mut flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    if !options.exec {
        flags |= MountFlags::NOEXEC;
    }
    // The kernel requires a source that is not empty.
    let source = match options.source.as_str() {
        "" => "imgfs",
        source => source,
    };
    // Cannot fail: the string contains no NUL.
    let data = std::ffi::CString::new(data)?;
    mount(source, path, FS_TYPE, flags, data.as_c_str())?;
    Ok(device.into())
}
