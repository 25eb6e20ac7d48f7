//! The lifecycle of a mount: check, mount, serve, unmount.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption, Session, SessionACL};
use rustix::process::geteuid;

use super::adapter::Adapter;
use super::error::MountError;
use super::mount_syscall::mount_direct;
use super::mountinfo::{FS_TYPE, mounted_at};
use super::options::MountOptions;
use super::page_store::PageStore;
use super::readahead;
use super::umount::{UmountError, Unmounted, absolute, umount};
use crate::view::View;

/// An active mount. Unmounts when dropped.
pub struct Mount {
    path: PathBuf,
    session: Option<BackgroundSession>,
}

/// Checks a mountpoint and returns its path without symbolic links.
///
/// # Errors
/// Returns an error if nothing can be mounted there.
fn check(mountpoint: &Path) -> Result<PathBuf, MountError> {
    let io = |error| MountError::Io {
        path: mountpoint.to_owned(),
        error,
    };
    let missing = || MountError::Missing(mountpoint.to_owned());
    let path = match absolute(mountpoint) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(missing()),
        other => other.map_err(io)?,
    };
    let mounted = mounted_at(&path).map_err(io)?;
    match std::fs::metadata(&path) {
        Ok(meta) if !meta.is_dir() => return Err(MountError::NotDirectory(path)),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(missing()),
        // ENOTCONN: the mount exists, but the process that served it has ended.
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::NOTCONN.raw_os_error()) => {
            let ours = mounted.is_some_and(|m| m.is_imgfs());
            let cure = if ours { "imgfs umount" } else { "umount" };
            return Err(MountError::Dead(path, cure));
        }
        Err(error) => return Err(io(error)),
    }
    if let Some(mount) = mounted
        && mount.is_imgfs()
    {
        return Err(MountError::Mounted(path, mount.source));
    }
    Ok(path)
}

/// Checks whether this user can mount here, before any expensive work.
///
/// # Errors
/// Returns the reason why a mount is not possible.
pub(crate) fn precheck(mountpoint: &Path) -> Result<(), MountError> {
    check(mountpoint)?;
    let device = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse");
    match device {
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            return Err(MountError::DeviceDenied(e));
        }
        // ENOENT, or ENXIO or ENODEV if the device file exists but the module is not loaded.
        Err(_) => return Err(MountError::NoDevice),
    }
    let helper = || {
        ["fusermount3", "fusermount"].iter().any(|name| {
            let run = std::process::Command::new(name).arg("-V").output();
            run.is_ok()
        })
    };
    if !geteuid().is_root() && !helper() {
        return Err(MountError::NoHelper);
    }
    Ok(())
}

/// Mounts a view. The mount can be read when this returns.
///
/// # Errors
/// Returns the reason why the mount failed. Nothing stays mounted then.
pub fn mount<V: View>(
    view: Arc<V>,
    mountpoint: &Path,
    options: &MountOptions,
) -> Result<Mount, MountError> {
    precheck(mountpoint)?;
    let path = check(mountpoint)?;
    let io = |error: io::Error| {
        let text = error.to_string();
        if text.contains("user_allow_other") {
            return MountError::AllowOther;
        }
        if text.contains("could not determine username") {
            return MountError::NoUser(geteuid().as_raw());
        }
        // fuser looked for the helper, which it needs only if mount(2) was refused.
        if error.kind() == io::ErrorKind::NotFound {
            return MountError::NotAllowed;
        }
        MountError::Io {
            path: path.clone(),
            error: io::Error::new(error.kind(), text.trim().to_owned()),
        }
    };
    // More readers than processors, because some wait for data that others decode.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let readers = (2 * processors).clamp(4, 16);
    let pages = Arc::new(PageStore::new().map_err(io)?);
    let adapter = Adapter::new(view, pages.clone(), readers).map_err(io)?;
    let config = config(options);
    let session = match mount_direct(&path, options) {
        Ok(connection) => {
            let session = Session::from_fd(adapter, connection, config.acl, config);
            if session.is_err() {
                // No thread serves the mount, so it must be removed.
                let _ = umount(&path);
            }
            session
        }
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            Session::new(adapter, &path, &config)
        }
        Err(error) => Err(error),
    };
    let session = session.and_then(Session::spawn).map_err(io)?;
    pages.connect(session.notifier());
    readahead::raise(&path);
    Ok(Mount {
        path: path.clone(),
        session: Some(session),
    })
}

/// The configuration for fuser. Its mount options are for the helper; mount(2) gets its own.
fn config(options: &MountOptions) -> Config {
    let subtype = FS_TYPE.strip_prefix("fuse.").unwrap_or(FS_TYPE);
    // The helper takes its options as one string, separated by commas.
    let source = options.source.replace('\\', r"\\").replace(',', r"\,");
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::RO,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::FSName(source),
        MountOption::Subtype(subtype.to_owned()),
    ];
    if !options.exec {
        config.mount_options.push(MountOption::NoExec);
    }
    if options.allow_other {
        config.mount_options.push(MountOption::DefaultPermissions);
        config.acl = SessionACL::All;
    }
    // One thread answers requests from memory. Requests that take long go to other threads.
    config.n_threads = Some(1);
    config
}

impl Mount {
    /// The path of the mountpoint, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until it is unmounted.
    ///
    /// # Errors
    /// Returns an error if the connection to the kernel fails.
    pub fn wait(mut self) -> io::Result<()> {
        match self.session.take() {
            Some(session) => session.join(),
            None => Ok(()),
        }
    }

    /// Unmounts, lazily if the mount is in use. If it was not in use, waits for the threads that serve
    /// it.
    ///
    /// # Errors
    /// Returns an error if it is still mounted.
    pub fn umount(mut self) -> Result<Unmounted, UmountError> {
        let how = match umount(&self.path) {
            // It was unmounted by another process in the meantime.
            Err(UmountError::NotMounted(_)) => Unmounted::Clean,
            other => other?,
        };
        if let Some(session) = self.session.take()
            && how == Unmounted::Clean
            && let Err(error) = session.join()
        {
            tracing::warn!("the session ended with an error: {error}");
        }
        Ok(how)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.session.is_some()
            && let Err(error) = umount(&self.path)
            && !matches!(error, UmountError::NotMounted(_))
        {
            tracing::warn!("{error}");
        }
    }
}
