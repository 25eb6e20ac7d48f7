//! What was learned is kept: new files of the cache get their names, in a thread of its own, since
//! the disk may take longer than anybody wants to wait for a mount.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::background::Background;
use crate::blob::{Digest, Place};
use crate::cache::{CacheDir, Unpublished};
use crate::layer::Seen;

/// What was learned of a layer.
pub(super) struct Learned {
    /// The digest of its blob, which was verified.
    pub digest: Digest,
    /// The file that its index is in, if it is new.
    pub file: Option<Unpublished>,
    /// Where the bytes were when they were hashed, if that can be told again.
    pub place: Option<Place>,
}

/// What is to be kept of an image.
pub(super) struct Keep {
    pub cache: CacheDir,
    pub layers: Vec<Learned>,
    pub tree: Option<Unpublished>,
    /// Whoever has it keeps something. What is known of a file outside is read, added to and written: of
    /// several images that lie in one archive, one at a time.
    pub turn: Arc<Mutex<()>>,
}

impl Keep {
    /// Keeps it in the background. That this fails costs the next mount its time, and this one
    /// nothing.
    pub(super) fn begin(self, background: &Background) {
        if self.layers.is_empty() && self.tree.is_none() {
            return;
        }
        if let Err(error) = background.run("keeper", move || self.run()) {
            tracing::warn!("what was learned is not kept: {error}");
        }
    }

    fn run(self) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = Seen::new(&self.cache);
        for layer in self.layers {
            if let Some(file) = layer.file
                && let Err(error) = file.publish()
            {
                tracing::warn!("the index of layer {} is not kept: {error}", layer.digest);
                continue;
            }
            if let Some(place) = layer.place {
                seen.add(&place, &layer.digest);
            }
        }
        let rest = || -> io::Result<()> {
            if let Some(tree) = self.tree {
                tree.publish()?;
            }
            seen.save()?;
            self.cache.make_room()
        };
        if let Err(error) = rest() {
            tracing::warn!("not all that was learned is kept: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cache::Identity;

    /// What was learned of layers that lie in one archive goes into one file of the cache.
    #[test]
    fn images_that_are_kept_at_once_lose_nothing_of_each_other() {
        let temp = tempfile::tempdir().unwrap();
        let cache = CacheDir::open(temp.path()).unwrap();
        let place = |at| Place {
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
        let turn = Arc::default();
        let background = Background::default();
        for at in 0..32 {
            let learned = Learned {
                digest: digest(at),
                file: None,
                place: Some(place(at)),
            };
            let keep = Keep {
                cache: cache.clone(),
                layers: vec![learned],
                tree: None,
                turn: Arc::clone(&turn),
            };
            keep.begin(&background);
        }
        assert!(background.wait(Duration::from_secs(60)));
        let mut seen = Seen::new(&cache);
        for at in 0..32 {
            assert_eq!(seen.digest(&place(at)), Some(digest(at)));
        }
    }
}
