//! A process in which a program is loaded: what decides where its libraries are found, beside the
//! program itself.

use super::LoaderId;
use super::search::DirId;

/// A process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// The loader.
    pub loader: LoaderId,
    /// The directories of LD_LIBRARY_PATH.
    pub library_path: Vec<DirId>,
    /// The working directory, absolute; `None` if it is unknown.
    pub cwd: Option<Vec<u8>>,
    /// Whether it is privileged (AT_SECURE).
    pub secure: bool,
    /// Whether `ld.so.cache` is left out (`--inhibit-cache`).
    pub inhibit_cache: bool,
}

/// What of a process decides how an object in it is loaded.
pub(super) type Key = (Option<Vec<u8>>, bool);

impl Process {
    /// A process without LD_LIBRARY_PATH.
    pub fn new(loader: LoaderId, cwd: Option<&[u8]>, secure: bool) -> Self {
        // The root is the empty path, so that a name can follow a slash.
        let cwd = cwd.map(|cwd| cwd.strip_suffix(b"/").unwrap_or(cwd).to_vec());
        Self {
            loader,
            library_path: Vec::new(),
            cwd,
            secure,
            inhibit_cache: false,
        }
    }

    pub(super) fn key(&self, main: bool) -> Key {
        (self.cwd.clone(), self.secure && main)
    }
}
