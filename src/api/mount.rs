//! [`Image::mount`] and [`unmount`]: an image as a file system of this host.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::{Error, ErrorKind, Image, Result};
use crate::fuse::{self, MountError, UmountError, Unmounted};
use crate::view::{ImageFs, Sidecars};

/// Options of [`Image::mount`].
///
/// ```
/// use imgfs::{MountOptions, Sidecars};
///
/// let options = MountOptions::new().sidecars(Sidecars::Hidden).allow_other(true);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MountOptions {
    sidecars: Sidecars,
    source: Option<String>,
    allow_other: bool,
    exec: bool,
}

impl MountOptions {
    /// Returns the default options: sidecars are listed, only this user has access, and no program of
    /// the image can be executed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how sidecars, the files with the facts of executables, appear.
    #[must_use]
    pub fn sidecars(mut self, sidecars: Sidecars) -> Self {
        self.sidecars = sidecars;
        self
    }

    /// Sets the source that `/proc/mounts` shows. The default is the name of the image.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets whether other users have access. The kernel then checks permissions.
    #[must_use]
    pub fn allow_other(mut self, allow: bool) -> Self {
        self.allow_other = allow;
        self
    }

    /// Sets whether programs of the image can be executed.
    #[must_use]
    pub fn exec(mut self, exec: bool) -> Self {
        self.exec = exec;
        self
    }
}

impl Image {
    /// Mounts the image at a directory of this host. It can be read when this returns, by any process of
    /// this user, until the [`Mount`] is dropped.
    ///
    /// This needs `/dev/fuse`, and for ordinary users `fusermount3`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use imgfs::MountOptions;
    ///
    /// let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
    /// let mount = image.mount("/mnt", &MountOptions::new())?;
    /// println!("{}", std::fs::read_to_string("/mnt/usr/bin/app.arch")?);
    /// mount.unmount()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the directory does not exist or the mount is not allowed. Nothing stays
    /// mounted then.
    pub fn mount(&self, dir: impl AsRef<Path>, options: &MountOptions) -> Result<Mount> {
        let view = ImageFs::new(self.shared(), options.sidecars);
        let inner = fuse::MountOptions {
            source: options
                .source
                .clone()
                .unwrap_or_else(|| self.name().to_owned()),
            allow_other: options.allow_other,
            exec: options.exec,
        };
        let mount = fuse::mount(Arc::new(view), dir.as_ref(), &inner)?;
        Ok(Mount {
            mount,
            _image: self.clone(),
        })
    }
}

/// A mounted image. Unmounts when dropped.
///
/// ```no_run
/// # fn main() -> imgfs::Result<()> {
/// let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// let mount = image.mount("/mnt", &Default::default())?;
/// println!("mounted at {}", mount.path().display());
/// mount.wait()?;
/// # Ok(())
/// # }
/// ```
pub struct Mount {
    mount: fuse::Mount,
    /// Dropped last, so that the image is kept until nothing uses it.
    _image: Image,
}

impl Mount {
    /// The path of the mount, without symbolic links.
    pub fn path(&self) -> &Path {
        self.mount.path()
    }

    /// Waits until another process unmounts it.
    ///
    /// # Errors
    /// Returns an error if the connection to the kernel fails.
    pub fn wait(self) -> Result<()> {
        Ok(self.mount.wait()?)
    }

    /// Unmounts.
    ///
    /// # Errors
    /// Returns an error if it is still mounted.
    pub fn unmount(self) -> Result<Unmounted> {
        Ok(self.mount.umount()?)
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// Unmounts the image at a directory, whichever process has mounted it, and even if that process has
/// ended.
///
/// ```no_run
/// # fn main() -> imgfs::Result<()> {
/// use imgfs::Unmounted;
///
/// if imgfs::unmount("/mnt")? == Unmounted::Lazy {
///     println!("programs that still read from it can finish");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns an error if no image is mounted there by imgfs, or if this user may not unmount it.
pub fn unmount(dir: impl AsRef<Path>) -> Result<Unmounted> {
    Ok(fuse::umount(dir.as_ref())?)
}

impl From<MountError> for Error {
    fn from(error: MountError) -> Self {
        Self::new(ErrorKind::Mount, error)
    }
}

impl From<UmountError> for Error {
    fn from(error: UmountError) -> Self {
        Self::new(ErrorKind::Mount, error)
    }
}
