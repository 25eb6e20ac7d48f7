//! `/.imgfs/status`: the state of the cache, counts of requests and errors.
//!
//! The text differs each time. So each lookup of the name creates a new inode whose text does not
//! change. Its size is correct, and a reader that reads it in two pieces gets one consistent text.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::ino::Ino;
use super::super::{Counter, ImageFs, ViewError};
use crate::view::View;

/// The number of texts that are kept for lookups that have not been read yet.
const KEPT: usize = 1024;

/// The texts that may still be read.
#[derive(Debug, Default)]
pub(in super::super) struct Statuses(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The serial number of the last text.
    last: u32,
    texts: VecDeque<(u32, Arc<str>)>,
}

impl ImageFs {
    /// Creates a new inode of `status` with the current text.
    pub(super) fn new_status(&self) -> Ino {
        let text: Arc<str> = self.status_text().into();
        let mut statuses = self
            .statuses
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let serial = statuses.last.wrapping_add(1).max(1);
        statuses.last = serial;
        statuses.texts.push_back((serial, text));
        if statuses.texts.len() > KEPT {
            statuses.texts.pop_front();
        }
        Ino::Status(serial)
    }

    /// The text of an inode of `status`. Serial number 0 is the inode that a directory listing shows;
    /// its text is generated for each call.
    pub(in super::super) fn status(&self, serial: u32) -> Result<Arc<str>, ViewError> {
        if serial == 0 {
            return Ok(self.status_text().into());
        }
        let statuses = self
            .statuses
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let found = statuses
            .texts
            .iter()
            .rev()
            .find(|(kept, _)| *kept == serial);
        found
            .map(|(_, text)| text.clone())
            .ok_or(ViewError::NotFound)
    }

    /// The text: `KEY=value` lines. Sizes are in bytes; counts start at the mount.
    fn status_text(&self) -> String {
        let image = &self.image;
        let mut text = String::new();
        let mut line = |key: &str, value: &dyn std::fmt::Display| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key}={value}");
        };
        line("IMGFS_VERSION", &env!("CARGO_PKG_VERSION"));
        line("IMAGE", &image.name.escape_default());
        line("PLATFORM", &image.platform);
        line("LAYERS", &image.layers.len());
        line("INODES", &image.tree.nodes().len());
        line("PROBLEMS", &image.problems.len());
        line(
            "FINDINGS_READY",
            &if self.is_ready() { "yes" } else { "no" },
        );
        let cache = self.cache_stats();
        line("CACHE_BYTES", &cache.bytes);
        line("CACHE_HITS", &cache.hits);
        line("CACHE_DECODED", &cache.decoded);
        line("CACHE_PREFETCHED", &cache.prefetched);
        for counter in Counter::ALL {
            let key = counter.name().to_ascii_uppercase().replace('.', "_");
            line(&format!("REQUESTS_{key}"), &self.requests.get(counter));
        }
        line(
            "ERRORS",
            &self.errors.load(std::sync::atomic::Ordering::Relaxed),
        );
        text
    }
}
