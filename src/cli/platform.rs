//! `--platform`, where an image may be looked at on several.

use std::str::FromStr;

use imgfs::image::{Platform, PlatformError};

/// One value of `--platform`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlatformChoice {
    /// `all`.
    All,
    /// That one.
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
    /// The one that is meant, if one is.
    pub(crate) fn one(&self) -> Option<&Platform> {
        match self {
            Self::All => None,
            Self::One(platform) => Some(platform),
        }
    }
}
