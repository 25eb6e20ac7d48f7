//! Stores pages in the kernel's page cache that the kernel has not requested.
//!
//! A read of 4 KiB in the middle of a large file requires decoding a whole span, a megabyte or more. The
//! rest of that span is put into the page cache, so that the next reads nearby need no request. The page
//! cache is larger than the process's own cache.
//!
//! A store waits for page locks, which a thread may hold that itself waits for a reply. So stores run
//! after the reply, on a separate thread for which nothing waits. If that thread is busy, the store is
//! skipped. Only bytes from the cache of decoded spans, whose checksum was verified, are stored.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use fuser::{INodeNo, Notifier};

use crate::blob::SpanSlice;
use crate::view::{Counter, View};
use crate::workers::Workers;

/// The maximum number of stores that wait. Each keeps a span in memory.
const WAITING: usize = 4;

/// The maximum size of reads that are treated as random access, in bytes. For sequential reads, the
/// kernel reads ahead by itself and sends larger requests.
const SMALL: u32 = 32 << 10;

const PAGE: u64 = 4096;

/// Access to the kernel's page cache.
pub(super) struct PageStore {
    notifier: OnceLock<Notifier>,
    /// Whether the kernel does not support stores.
    refused: AtomicBool,
    worker: Workers,
}

impl PageStore {
    /// Creates it. Stores nothing until it is [connected](PageStore::connect).
    ///
    /// # Errors
    /// Returns an error if the system cannot create the thread.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            notifier: OnceLock::new(),
            refused: AtomicBool::new(false),
            worker: Workers::start("pages", 1)?,
        })
    }

    /// Sets the connection that stores use.
    pub(super) fn connect(&self, notifier: Notifier) {
        // Called once per mount, so it is not set yet.
        let _ = self.notifier.set(notifier);
    }

    /// Called after a read that decoded data: stores the rest of the decoded span.
    pub(super) fn after_read<V: View>(
        self: &Arc<Self>,
        view: &Arc<V>,
        ino: INodeNo,
        offset: u64,
        size: u32,
    ) {
        // A read at the beginning usually means that the whole file will be read.
        if offset == 0 || size > SMALL || self.refused.load(Ordering::Relaxed) {
            return;
        }
        let Some((at, bytes)) = view.decoded_around(ino.0, offset) else {
            return;
        };
        let file_size = view.getattr(ino.0).map_or(0, |attr| attr.size);
        let Some((at, bytes)) = whole_pages(at, bytes, file_size) else {
            return;
        };
        if bytes.len() <= size as usize {
            return;
        }
        let (pages, view) = (self.clone(), view.clone());
        self.worker.push_below(WAITING, move || {
            let Some(notifier) = pages.notifier.get() else {
                return;
            };
            view.requests().count(Counter::Store);
            // If the inode was forgotten or the mount is gone meanwhile, the store fails without harm.
            if let Err(error) = notifier.store(ino, at, &bytes) {
                tracing::debug!("pages of inode {ino:?} were not stored: {error}");
                if error.kind() == io::ErrorKind::Unsupported {
                    pages.refused.store(true, Ordering::Relaxed);
                }
            }
        });
    }
}

/// Removes the parts that do not fill a page. Only the last page of a file may be partial.
fn whole_pages(at: u64, bytes: SpanSlice, size: u64) -> Option<(u64, SpanSlice)> {
    let end = at.checked_add(bytes.len() as u64)?;
    let from = at.checked_next_multiple_of(PAGE)?;
    let to = if end >= size { end } else { end - end % PAGE };
    let skip = usize::try_from(from.checked_sub(at)?).ok()?;
    let keep = usize::try_from(to.checked_sub(at)?).ok()?;
    (keep > skip).then(|| (from, bytes.slice(skip..keep)))
}
