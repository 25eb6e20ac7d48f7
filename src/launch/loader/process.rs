//! The properties of a process, besides the program itself, that determine where libraries are found.

use super::LoaderId;
use super::search::DirId;

/// The properties of a process that affect loading.
#[derive(Clone, Debug)]
pub(crate) struct LoaderProcess {
    /// The loader.
    pub loader: LoaderId,
    /// The directories of LD_LIBRARY_PATH.
    pub library_path: Vec<DirId>,
    /// The working directory, absolute; `None` if it is unknown.
    pub cwd: Option<Vec<u8>>,
    /// Whether it is privileged (AT_SECURE).
    pub secure: bool,
    /// Whether `ld.so.cache` is not searched (`--inhibit-cache`).
    pub inhibit_cache: bool,
}

/// The properties of a process that determine how an object is loaded in it.
pub(super) type Key = (Option<Vec<u8>>, bool);

impl LoaderProcess {
    /// Creates a process without LD_LIBRARY_PATH.
    pub(crate) fn new(loader: LoaderId, cwd: Option<&[u8]>, secure: bool) -> Self {
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
