//! [`ImageName`]: the name by which an image is opened.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::Error;
use crate::image::Reference;

/// The name of an image: a path, or one of the forms of containers-transports(5).
///
/// | name | image |
/// |---|---|
/// | `PATH` | an archive or a directory; the format is detected |
/// | `docker-archive:PATH[:REF]` | an archive that `docker save` writes |
/// | `oci-archive:PATH[:REF]` | an OCI image layout in a tar archive |
/// | `oci:DIR[:REF]` | an OCI image layout in a directory |
/// | `docker://HOST/NAME[:TAG\|@DIGEST]` | an image that was pulled from a registry into the store |
/// | `NAME[:TAG]` | an image in the store, if there is no such path |
/// | `-` | an archive on standard input |
///
/// The store is that of [`OpenOptions::store_dir`](super::OpenOptions::store_dir).
///
/// ```
/// # fn main() -> imgfs::Result<()> {
/// use imgfs::ImageName;
///
/// let name: ImageName = "oci:build/image:v1".parse()?;
/// assert_eq!(name.to_string(), "oci:build/image:v1");
/// // A path that a program has needs no parsing.
/// let name = ImageName::from_path("build/image.tar");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName(Reference);

impl ImageName {
    /// Returns the name of the image at a path. Nothing in the path has a special meaning.
    ///
    /// ```
    /// let name = imgfs::ImageName::from_path("-");
    /// assert_eq!(name.to_string(), "-"); // the file of this name, not standard input
    /// ```
    pub fn from_path(path: impl AsRef<Path>) -> Self {
        Self(Reference::to_path(path.as_ref()))
    }

    pub(super) fn of(reference: Reference) -> Self {
        Self(reference)
    }

    pub(super) fn inner(&self) -> &Reference {
        &self.0
    }
}

impl FromStr for ImageName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self(text.parse()?))
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
