//! [`open()`]: from the name of an image to an [`Image`].

use std::path::{Path, PathBuf};

use super::{Image, ImageName, Platform, Result};
use crate::cache::CacheDir;
use crate::{image, open as opening};

/// Options of [`open()`].
///
/// ```
/// # fn main() -> imgfs::Result<()> {
/// use imgfs::OpenOptions;
///
/// let options = OpenOptions::new()
///     .platform("linux/arm64".parse()?)
///     .cache_dir("target/cache");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    platform: Option<Platform>,
    cache_dir: Option<PathBuf>,
    cache_limit: Option<u64>,
    store_dir: Option<PathBuf>,
    memory: Option<usize>,
}

impl OpenOptions {
    /// Returns the default options: the platform of this host, no cache on disk, and no store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the platform to choose from an image for several platforms. The default is that of this
    /// host.
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// Sets the directory that keeps what was learned about layers, so that the next [`open()`] need not
    /// read them. It is created if it does not exist, and only this user may be able to write to it.
    /// Without one, every layer is read every time. The directory may be shared with the `imgfs`
    /// command, whose cache is at [`default_cache_dir`](Self::default_cache_dir).
    #[must_use]
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(dir.into());
        self
    }

    /// Sets a limit on the total size of the files in the cache directory, in bytes. The files that
    /// were not used for the longest time are removed first. The default is no limit.
    #[must_use]
    pub fn cache_limit(mut self, bytes: u64) -> Self {
        self.cache_limit = Some(bytes);
        self
    }

    /// Sets the directory of the store in which names of images are looked up. The default is none. The
    /// store of the `imgfs` command is at [`Store::default_dir`](super::Store::default_dir).
    #[must_use]
    pub fn store_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.store_dir = Some(dir.into());
        self
    }

    /// Sets how much memory decoded parts of layers may take, in bytes. The default is 64 MiB.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Returns the cache directory of the `imgfs` command: `$XDG_CACHE_HOME/imgfs`, else
    /// `~/.cache/imgfs`. `None` if neither variable is an absolute path.
    pub fn default_cache_dir() -> Option<PathBuf> {
        CacheDir::default_path()
    }

    pub(super) fn store(&self) -> Option<&Path> {
        self.store_dir.as_deref()
    }

    fn inner(&self) -> Result<opening::OpenOptions> {
        let default = opening::OpenOptions::default();
        Ok(opening::OpenOptions {
            platform: self.platform.as_ref().map(|p| p.inner().clone()),
            cache_size: self.memory.unwrap_or(default.cache_size),
            cache: cache(self.cache_dir.as_deref(), self.cache_limit)?,
        })
    }
}

/// Opens the cache in a directory, or none.
pub(super) fn cache(dir: Option<&Path>, limit: Option<u64>) -> Result<CacheDir> {
    let cache = match dir {
        Some(dir) => CacheDir::open(dir)?,
        None => CacheDir::none(),
    };
    Ok(match limit {
        Some(limit) => cache.with_limit(limit),
        None => cache,
    })
}

/// Opens an image. Layers that the cache does not know are read once, in parallel, and then merged.
/// Nothing is unpacked.
///
/// An image of a registry (`docker://`) must have been pulled into the store: see
/// [`pull`](super::pull()).
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// use imgfs::OpenOptions;
///
/// let image = imgfs::open(&"app.tar".parse()?, &OpenOptions::new())?;
/// assert_eq!(image.platform().to_string(), "linux/arm64");
/// assert_eq!(image.read("/etc/motd")?, b"Welcome.\n");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns an error if there is no such image or no such platform, or if the image or a layer is invalid
/// or cannot be read.
pub fn open(name: &ImageName, options: &OpenOptions) -> Result<Image> {
    let reference = image::locate(name.inner(), options.store())?;
    let image = opening::open(&reference, &options.inner()?, &())?;
    Ok(Image::of(image))
}
