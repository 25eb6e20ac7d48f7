//! [`Platform`]: operating system, architecture and variant.

use std::fmt;
use std::str::FromStr;

use super::{Error, ErrorKind};
use crate::image;

/// A platform, in the names of the OCI image-spec, which are those of Go: `linux/arm64` or
/// `linux/arm/v7`.
///
/// ```
/// # fn main() -> imgfs::Result<()> {
/// use imgfs::Platform;
///
/// let platform: Platform = "linux/arm/v7".parse()?;
/// assert_eq!(platform.os(), "linux");
/// assert_eq!(platform.architecture(), "arm");
/// assert_eq!(platform.variant(), Some("v7"));
/// // Other names of an architecture are accepted too.
/// assert_eq!("linux/aarch64".parse::<Platform>()?.to_string(), "linux/arm64");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform(image::Platform);

impl Platform {
    /// Returns the platform of this host.
    ///
    /// ```
    /// println!("images for {}", imgfs::Platform::host());
    /// ```
    pub fn host() -> Self {
        Self(image::Platform::host())
    }

    /// The operating system, a GOOS name. Empty if the image does not declare it.
    pub fn os(&self) -> &str {
        &self.0.os
    }

    /// The architecture, a GOARCH name. Empty if the image does not declare it.
    pub fn architecture(&self) -> &str {
        &self.0.arch
    }

    /// The variant of the architecture, such as `v7` of `arm`.
    pub fn variant(&self) -> Option<&str> {
        self.0.variant.as_deref()
    }

    pub(super) fn of(platform: image::Platform) -> Self {
        Self(platform)
    }

    pub(super) fn inner(&self) -> &image::Platform {
        &self.0
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let platform = text.parse();
        platform
            .map(Self)
            .map_err(|error: image::PlatformError| Error::new(ErrorKind::InvalidName, error))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
