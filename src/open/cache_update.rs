//! Writes what was learned about an image to the cache. Files are published in a background thread,
//! because the disk may take longer than a mount should have to wait.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::background::Background;
use crate::blob::{Digest, FileRange};
use crate::cache::{CacheDir, Unpublished};
use crate::layer::VerifiedDigests;

/// What was learned about a layer.
pub(super) struct LayerResult {
    /// The verified digest of its blob.
    pub digest: Digest,
    /// The file that contains its index, if the index is new.
    pub file: Option<Unpublished>,
    /// The place of the bytes when they were hashed, if it can be recognized later.
    pub place: Option<FileRange>,
}

/// What is to be written to the cache for an image.
pub(super) struct CacheUpdate {
    pub cache: CacheDir,
    pub layers: Vec<LayerResult>,
    pub tree: Option<Unpublished>,
    /// Held while results are written. The cache's record of an outside file is read, extended and
    /// written back, so images that are in the same archive must do this one at a time.
    pub write_lock: Arc<Mutex<()>>,
}

impl CacheUpdate {
    /// Starts writing in the background. If that fails, the next mount has to do the work again;
    /// this mount is not affected.
    pub(super) fn begin(self, background: &Background) {
        if self.layers.is_empty() && self.tree.is_none() {
            return;
        }
        if let Err(error) = background.run("keeper", move || self.run()) {
            tracing::warn!("the indexes of the image are not cached: {error}");
        }
    }

    fn run(self) {
        let _guard = self
            .write_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut verified = VerifiedDigests::new(&self.cache);
        for layer in self.layers {
            if let Some(file) = layer.file
                && let Err(error) = file.publish()
            {
                tracing::warn!("the index of layer {} is not cached: {error}", layer.digest);
                continue;
            }
            if let Some(place) = layer.place {
                verified.add(&place, &layer.digest);
            }
        }
        let rest = || -> io::Result<()> {
            if let Some(tree) = self.tree {
                tree.publish()?;
            }
            verified.save()?;
            self.cache.evict()
        };
        if let Err(error) = rest() {
            tracing::warn!("not all indexes of the image are cached: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cache::Identity;

    /// Several images in one archive share one record in the cache, and none overwrites another's
    /// entries.
    #[test]
    fn images_that_are_kept_at_once_lose_nothing_of_each_other() {
        let temp = tempfile::tempdir().unwrap();
        let cache = CacheDir::open(temp.path()).unwrap();
        let place = |at| FileRange {
            file: Identity {
                dev: 1,
                ino: 2,
                size: 100,
                mtime: (5, 6),
                ctime: (7, 8),
            },
            depth: 0,
            at,
            len: 10,
        };
        let digest = |at| -> Digest { format!("sha256:{at:064}").parse().unwrap() };
        let write_lock = Arc::default();
        let background = Background::default();
        for at in 0..32 {
            let learned = LayerResult {
                digest: digest(at),
                file: None,
                place: Some(place(at)),
            };
            let update = CacheUpdate {
                cache: cache.clone(),
                layers: vec![learned],
                tree: None,
                write_lock: Arc::clone(&write_lock),
            };
            update.begin(&background);
        }
        assert!(background.wait(Duration::from_secs(60)));
        let mut verified = VerifiedDigests::new(&cache);
        for at in 0..32 {
            assert_eq!(verified.digest(&place(at)), Some(digest(at)));
        }
    }
}
