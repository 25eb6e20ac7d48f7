//! [`Image`]: an open image.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::path::bytes;
use super::{Entry, File, Finding, Hidden, ImageConfig, Layer, Platform, Result, Walk, error};
use crate::open::OpenImage;
use crate::query;
use crate::view::{ImageFs, Sidecars};

/// The time that dropping an image waits at most for the cache to be written.
const KEEPING: Duration = Duration::from_secs(60);

/// An open image: one merged, read-only tree of files, and the layers that it was merged from.
///
/// Cloning is cheap, and clones share everything. An image can be used by several threads. If there is a
/// cache directory, dropping the last clone waits until what was learned about the image is in it.
///
/// Paths lead through symbolic links inside the image, as for a process whose root directory is the
/// image. They may also lead into `/.imgfs`, which the README describes; no walk lists it.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// println!("{} for {}", image.name(), image.platform());
/// for entry in image.walk() {
///     println!("{}", entry?.path().display());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Image(Arc<Opened>);

/// Waits for the cache when it is dropped.
struct Opened(ImageFs);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.image().wait_until_published(KEEPING);
    }
}

impl Image {
    pub(super) fn of(image: OpenImage) -> Self {
        Self(Arc::new(Opened(ImageFs::new(
            Arc::new(image),
            Sidecars::Off,
        ))))
    }

    /// The open image, for another view of it.
    #[cfg(feature = "fuse")]
    pub(super) fn shared(&self) -> Arc<OpenImage> {
        self.view().shared()
    }

    pub(super) fn view(&self) -> &ImageFs {
        &self.0.0
    }

    pub(super) fn opened(&self) -> &OpenImage {
        self.view().image()
    }

    /// The name by which the image was opened.
    pub fn name(&self) -> &str {
        &self.opened().name
    }

    /// The platform that the image's config declares. The files may be for another one: see
    /// [`findings`](Self::findings).
    pub fn platform(&self) -> Platform {
        Platform::of(self.opened().platform.clone())
    }

    /// What the image declares about itself: its entrypoint, environment, labels.
    pub fn config(&self) -> ImageConfig {
        ImageConfig::of(self.opened())
    }

    /// The manifest, byte for byte. It is JSON. For an archive that `docker save` wrote, it is the
    /// archive's `manifest.json`.
    pub fn manifest(&self) -> &[u8] {
        &self.opened().documents.manifest
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> Vec<Layer> {
        let numbers = 0..self.opened().layers.len();
        numbers.map(|number| Layer::of(self, number)).collect()
    }

    /// What is irregular about the image's documents and layers but does not keep it from being read, in
    /// one line each: whiteouts of nothing, paths that lead out of the root.
    pub fn warnings(&self) -> Vec<String> {
        let image = self.opened();
        let problems = image.problems.iter().map(ToString::to_string);
        image.warnings.iter().cloned().chain(problems).collect()
    }

    /// Returns the file at a path. If it is a symbolic link, returns what the link leads to.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
    /// # let _dir = doc::enter();
    /// # fn main() -> imgfs::Result<()> {
    /// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
    /// let entry = image.entry("/usr/bin/app")?;
    /// assert_eq!(entry.metadata().mode(), 0o755);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if nothing is there, or if a file is used as a directory.
    pub fn entry(&self, path: impl AsRef<Path>) -> Result<Entry> {
        self.locate(path.as_ref(), true)
    }

    /// Returns the file at a path. If it is a symbolic link, returns the link itself.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
    /// # let _dir = doc::enter();
    /// # fn main() -> imgfs::Result<()> {
    /// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
    /// let link = image.symlink_entry("/bin")?;
    /// assert_eq!(link.link_target()?.as_deref(), Some("usr/bin".as_ref()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`entry`](Self::entry).
    pub fn symlink_entry(&self, path: impl AsRef<Path>) -> Result<Entry> {
        self.locate(path.as_ref(), false)
    }

    fn locate(&self, path: &Path, follow: bool) -> Result<Entry> {
        let path = bytes(path);
        match query::locate(self.view(), path, follow) {
            Ok(found) => Ok(Entry::of(self, found.path, found.attr)),
            Err(error) => Err(error::at(path, error)),
        }
    }

    /// Opens the regular file at a path for reading. Symbolic links are followed.
    ///
    /// # Errors
    /// As for [`entry`](Self::entry), or if it is not a regular file.
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<File> {
        self.entry(path)?.open()
    }

    /// Reads the regular file at a path. Symbolic links are followed.
    ///
    /// # Errors
    /// As for [`open_file`](Self::open_file), or if the image cannot be read.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>> {
        self.entry(path)?.read()
    }

    /// Returns an iterator over all files of the image, in the byte order of their paths. The first is
    /// the root directory.
    pub fn walk(&self) -> Walk<'_> {
        Walk::all(self)
    }

    /// Returns what will not run in the image, and why. The worst findings come first. They are computed
    /// on the first call, which takes as long as reading the headers of all executables.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
    /// # let _dir = doc::enter();
    /// # fn main() -> imgfs::Result<()> {
    /// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
    /// for finding in image.findings()? {
    ///     println!("{}: {}: {}", finding.level(), finding.id(), finding.detail());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub fn findings(&self) -> Result<Vec<Finding>> {
        let findings = self.opened().findings()?;
        Ok(findings.list().iter().cloned().map(Finding::of).collect())
    }

    /// Returns the files that a layer has and a later layer removes or replaces, sorted by layer and
    /// then by path. They are not in the merged tree, but can be read.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub fn hidden(&self) -> Result<Vec<Hidden>> {
        let hidden = self.view().hidden();
        let hidden = hidden.map_err(|error| error::at(b"/", error))?;
        let of = |name| Hidden::of(self, name);
        Ok(hidden.into_iter().map(of).collect())
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("name", &self.name())
            .field("platform", &self.platform().to_string())
            .field("layers", &self.opened().layers.len())
            .finish_non_exhaustive()
    }
}
