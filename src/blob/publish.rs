//! What is written while an image is mounted gets its name in the cache in the background: the disk may
//! take longer than any reader wants to wait.

use std::time::Duration;

use crate::background::Background;
use crate::cache::{CacheDir, Unpublished};

/// Gives files their names.
pub(super) struct Publisher {
    disk: CacheDir,
    background: Background,
}

impl Publisher {
    pub(super) fn new(disk: CacheDir) -> Self {
        let background = Background::default();
        Self { disk, background }
    }

    /// Where the files are.
    pub(super) fn disk(&self) -> &CacheDir {
        &self.disk
    }

    /// Publishes a file. That it fails costs the next mount its time, and this one nothing.
    pub(super) fn publish(&self, file: Unpublished) {
        let disk = self.disk.clone();
        let unkept = |error| {
            tracing::warn!("the uncompressed copy of part of a layer is not cached: {error}")
        };
        let publish = move || {
            let published = file.publish().and_then(|()| disk.make_room());
            published.unwrap_or_else(unkept);
        };
        let begun = self.background.run("publisher", publish);
        begun.unwrap_or_else(unkept);
    }

    /// Waits until all are published; false if that takes longer.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        self.background.wait(timeout)
    }
}
