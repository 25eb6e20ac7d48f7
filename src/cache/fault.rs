//! The reasons why a cache file is not used, and whether the file should be removed.

use std::fmt;
use std::io;

/// The reason why a cache file is not used. Its text completes a sentence that begins with the
/// file's name.
#[derive(Debug)]
pub(super) enum Fault {
    /// Its bytes differ from what was written, or it is not a cache file.
    Damaged(&'static str),
    /// It is intact, but another version of the program made it and may still need it.
    Stale,
    /// It cannot be a cache file of this user: a pipe, a link, or another user's file.
    Untrusted(&'static str),
    /// It could not be read this time, which does not mean that the file is bad.
    Unread(io::Error),
}

impl Fault {
    /// Whether the file can never be used by any version, so that it should be removed.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Untrusted(_))
    }

    /// Whether the file does not exist.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Unread(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) | Self::Untrusted(what) => f.write_str(what),
            Self::Stale => f.write_str("it was made by another version of imgfs"),
            Self::Unread(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Unread(error)
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unread(error) => error,
            fault => Self::new(io::ErrorKind::InvalidData, fault.to_string()),
        }
    }
}
