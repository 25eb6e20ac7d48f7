//! Why a file of the cache is not used, and what follows from that for the file.

use std::fmt;
use std::io;

/// Why a file of the cache is not used. Each comes as the end of a sentence that begins with the
/// file's name.
#[derive(Debug)]
pub(super) enum Fault {
    /// Its bytes are not those that were written, or it is not one of ours.
    Damaged(&'static str),
    /// Nothing is wrong with it, but another version of the program made it and may still want it.
    Stale,
    /// It is not what a file of the cache is: a pipe, a link, somebody else's.
    Untrusted(&'static str),
    /// It could not be read this time, which says nothing of the file.
    Unread(io::Error),
}

impl Fault {
    /// Whether the file is of no use to anybody, so that it can go.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Untrusted(_))
    }

    /// Whether there is no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Unread(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) | Self::Untrusted(what) => f.write_str(what),
            Self::Stale => f.write_str("another version of imgfs made it"),
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
