//! The test of permissions.

use crate::view::{Attr, FileType};

/// How permissions are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeMatch {
    /// The permissions are equal.
    Exactly,
    /// All of the given bits are set.
    All,
    /// At least one of the given bits is set, or none is given.
    Any,
}

/// A test of the permissions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermTest {
    /// How the permissions of the file are compared.
    pub how: ModeMatch,
    /// The permissions, including the special bits.
    pub mode: u16,
    /// The permissions for directories, for which `X` in the notation of chmod(1) has another meaning.
    pub directory_mode: u16,
}

impl PermTest {
    /// Returns whether a file passes the test.
    pub fn matches(self, attr: &Attr) -> bool {
        let wanted = match attr.kind {
            FileType::Directory => self.directory_mode,
            _ => self.mode,
        };
        match self.how {
            ModeMatch::Exactly => attr.mode == wanted,
            ModeMatch::All => attr.mode & wanted == wanted,
            ModeMatch::Any => wanted == 0 || attr.mode & wanted != 0,
        }
    }
}
