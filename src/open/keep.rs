//! What was learned is kept: new files of the cache get their names, in a thread of its own, since
//! the disk may take longer than anybody wants to wait for a mount.

use std::io;

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
