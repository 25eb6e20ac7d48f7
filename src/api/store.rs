//! [`Store`]: the images that were pulled or loaded.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{ImageName, Result};
use crate::image::Reference;
use crate::store;

/// A directory that holds pulled and loaded images under their names.
///
/// It is an OCI image layout, which other programs can read too. Only this user may be able to write to
/// it.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// use imgfs::Store;
///
/// let store = Store::open("store")?;
/// for image in store.images()? {
///     println!("{image} {}", image.digest());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Store(store::Store);

impl Store {
    /// Opens the store in a directory, and creates it if it does not exist.
    ///
    /// # Errors
    /// Returns an error if it cannot be created, or if other users can write to it.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Ok(Self(store::Store::open(dir.as_ref())?))
    }

    /// Returns the directory of the `imgfs` command's store: `$XDG_DATA_HOME/imgfs`, else
    /// `~/.local/share/imgfs`. `None` if neither variable is an absolute path.
    pub fn default_dir() -> Option<PathBuf> {
        store::Store::default_path()
    }

    /// The directory of the store.
    pub fn dir(&self) -> &Path {
        self.0.path()
    }

    /// Returns the images in the store, oldest first.
    ///
    /// # Errors
    /// Returns an error if the list of images cannot be read.
    pub fn images(&self) -> Result<Vec<StoredImage>> {
        let images = self.0.images()?;
        let of = |image| StoredImage::of(&self.0, image);
        Ok(images.into_iter().map(of).collect())
    }

    /// Finds an image by its name, with or without the parts that docker omits, or by the beginning of
    /// its digest.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
    /// # let _dir = doc::enter();
    /// # fn main() -> imgfs::Result<()> {
    /// # let store = imgfs::Store::open("store")?;
    /// use imgfs::ErrorKind;
    ///
    /// let missing = store.find("alpine:3").unwrap_err();
    /// assert_eq!(missing.kind(), ErrorKind::NotFound);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if no image matches, or several do.
    pub fn find(&self, name: &str) -> Result<StoredImage> {
        Ok(StoredImage::of(&self.0, self.0.find(name)?))
    }

    #[cfg(feature = "registry")]
    pub(super) fn inner(&self) -> &store::Store {
        &self.0
    }
}

/// An image in a [`Store`].
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dir = imgfs::Store::default_dir().ok_or("no HOME")?;
/// let stored = imgfs::Store::open(dir)?.find("alpine:3")?;
/// let image = imgfs::open(&stored.image_name(), &Default::default())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StoredImage {
    reference: Reference,
    image: store::StoredImage,
}

impl StoredImage {
    pub(super) fn of(store: &store::Store, image: store::StoredImage) -> Self {
        let reference = Reference::to_stored(store, &image);
        Self { reference, image }
    }

    /// The name of the image. `None` if it has only a digest.
    pub fn name(&self) -> Option<&str> {
        self.image.name.as_deref()
    }

    /// The digest of the image's manifest, or of its index if it has several platforms.
    pub fn digest(&self) -> String {
        self.image.digest.to_string()
    }

    /// Returns the name by which [`open`](super::open()) opens the image.
    pub fn image_name(&self) -> ImageName {
        ImageName::of(self.reference.clone())
    }
}

/// The name, or the digest if the image has no name.
impl fmt::Display for StoredImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.image.shown())
    }
}
