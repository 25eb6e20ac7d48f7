//! The directory that holds complete cache files.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::key::CacheKey;

/// The directory of one layout version.
#[derive(Debug)]
pub(super) struct Root {
    /// Absolute, because a background process changes its working directory.
    pub path: PathBuf,
    /// Whether a warning that nothing can be written has been logged.
    warned: AtomicBool,
}

impl Root {
    pub(super) fn new(path: PathBuf) -> Self {
        let warned = AtomicBool::new(false);
        Self { path, warned }
    }

    /// The path of the file with this key.
    pub(super) fn file_path(&self, key: &CacheKey) -> PathBuf {
        self.path.join(key.kind().name()).join(key.file_name())
    }

    /// Logs that files are not kept. Only the first call warns: the reason will be the same each
    /// time.
    pub(super) fn warn_not_cached(&self, error: &io::Error) {
        if self.warned.swap(true, Ordering::Relaxed) {
            tracing::debug!("{error}; nothing is cached");
        } else {
            tracing::warn!(
                "{error}; nothing is cached, and the next mount decodes everything again"
            );
        }
    }
}
