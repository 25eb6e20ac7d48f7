//! The life of a mount: checked, mounted, served, taken away.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption, Session, SessionACL};
use rustix::process::geteuid;

use super::adapter::Adapter;
use super::direct::mount_direct;
use super::error::MountError;
use super::mountinfo::{FS_TYPE, mounted_at};
use super::options::MountOptions;
use super::pages::Pages;
use super::readahead;
use super::umount::{UmountError, Unmounted, absolute, umount};
use crate::view::View;

/// A mount that is served. Unmounts when dropped.
pub struct Mount {
    path: PathBuf,
    session: Option<BackgroundSession>,
}

/// Checks a mountpoint and gives its path without links.
///
/// # Errors
/// If nothing can be mounted there.
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
        // ENOTCONN: the mount is there, the process that served it is not.
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

/// Says whether something could be mounted here by this user, before work is done for it.
///
/// # Errors
/// What stands in the way.
pub fn precheck(mountpoint: &Path) -> Result<(), MountError> {
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
        // ENOENT, or ENXIO and ENODEV where the file is there and the module is not.
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

/// Mounts a view. When this returns, it can be read.
///
/// # Errors
/// What stands in the way; nothing stays mounted then.
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
        // fuser looked for a helper, which is needed only where mount(2) was refused.
        if error.kind() == io::ErrorKind::NotFound {
            return MountError::NotAllowed;
        }
        MountError::Io {
            path: path.clone(),
            error: io::Error::new(error.kind(), text.trim().to_owned()),
        }
    };
    // More readers than processors: some of them wait for what another one is decoding.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let readers = (2 * processors).clamp(4, 16);
    let pages = Arc::new(Pages::new().map_err(io)?);
    let adapter = Adapter::new(view, pages.clone(), readers).map_err(io)?;
    let config = config(options);
    let session = match mount_direct(&path, options) {
        Ok(connection) => {
            let session = Session::from_fd(adapter, connection, config.acl, config);
            if session.is_err() {
                // Nobody serves it: nothing may stay behind.
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

/// What fuser must know. The mount options serve the helper; mount(2) gets its own.
fn config(options: &MountOptions) -> Config {
    let subtype = FS_TYPE.strip_prefix("fuse.").unwrap_or(FS_TYPE);
    // The helper takes its options in one string.
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
    // Requests are answered from memory by one thread; what takes time goes to others.
    config.n_threads = Some(1);
    config
}

impl Mount {
    /// Where it is mounted, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until somebody unmounts it.
    ///
    /// # Errors
    /// If the connection to the kernel breaks.
    pub fn wait(mut self) -> io::Result<()> {
        match self.session.take() {
            Some(session) => session.join(),
            None => Ok(()),
        }
    }

    /// Unmounts, lazily if it is in use, and waits for the threads that serve it if it was not.
    ///
    /// # Errors
    /// If it is still mounted.
    pub fn umount(mut self) -> Result<Unmounted, UmountError> {
        let how = match umount(&self.path) {
            // Somebody was faster.
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
