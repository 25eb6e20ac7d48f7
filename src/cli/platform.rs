//! The value of `--platform` in commands that can handle several platforms of an image.

use std::str::FromStr;

use crate::image::{Platform, PlatformError};
use crate::transfer::WantedPlatforms;

/// One value of `--platform`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlatformChoice {
    /// `all`: every platform.
    All,
    /// One platform.
    One(Platform),
}

impl FromStr for PlatformChoice {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        match text {
            "all" => Ok(Self::All),
            text => text.parse().map(Self::One),
        }
    }
}

impl PlatformChoice {
    /// Returns the platform, or `None` for `all`.
    pub(crate) fn one(&self) -> Option<&Platform> {
        match self {
            Self::All => None,
            Self::One(platform) => Some(platform),
        }
    }

    /// Returns the platforms to transfer for this option: those of the host without it.
    pub(crate) fn wanted(option: Option<&Self>) -> WantedPlatforms {
        match option {
            None => WantedPlatforms::Host,
            Some(Self::All) => WantedPlatforms::All,
            Some(Self::One(platform)) => WantedPlatforms::One(platform.clone()),
        }
    }
}
