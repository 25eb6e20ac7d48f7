//! Where files of the cache stand once they are whole.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::key::Key;

/// The directory of this layout.
#[derive(Debug)]
pub(super) struct Root {
    /// Absolute, since a background process changes its own directory.
    pub path: PathBuf,
    /// Whether it was said that nothing can be written.
    said: AtomicBool,
}

impl Root {
    pub(super) fn new(path: PathBuf) -> Self {
        let said = AtomicBool::new(false);
        Self { path, said }
    }

    /// Where the file of that key stands.
    pub(super) fn file_path(&self, key: &Key) -> PathBuf {
        self.path.join(key.kind().name()).join(key.file_name())
    }

    /// Says that files are not kept, once: the reason will be the same for all.
    pub(super) fn say_unkept(&self, error: &io::Error) {
        if self.said.swap(true, Ordering::Relaxed) {
            tracing::debug!("{error}; nothing is kept");
        } else {
            tracing::warn!("{error}; nothing is kept, and the next mount decodes all again");
        }
    }
}
