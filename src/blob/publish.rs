//! Publishes side files in the background.
//!
//! Giving a file its name in the cache may take the disk longer than a reader should wait.

use std::time::Duration;

use crate::background::Background;
use crate::cache::{CacheDir, Unpublished};

/// Gives files their names in the cache.
pub(super) struct Publisher {
    disk: CacheDir,
    background: Background,
}

impl Publisher {
    pub(super) fn new(disk: CacheDir) -> Self {
        let background = Background::default();
        Self { disk, background }
    }

    /// Returns the cache directory.
    pub(super) fn disk(&self) -> &CacheDir {
        &self.disk
    }

    /// Publishes a file in the background. If that fails, the next mount has to make the file again,
    /// and this mount is not affected.
    pub(super) fn publish(&self, file: Unpublished) {
        let disk = self.disk.clone();
        let unkept = |error| {
            tracing::warn!("the uncompressed copy of part of a layer is not cached: {error}")
        };
        let publish = move || {
            let published = file.publish().and_then(|()| disk.evict());
            published.unwrap_or_else(unkept);
        };
        let begun = self.background.run("publisher", publish);
        begun.unwrap_or_else(unkept);
    }

    /// Waits until all files are published. Returns false if that takes longer than `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        self.background.wait(timeout)
    }
}
