//! Gives the kernel pages that it has not asked for.
//!
//! Who reads 4 KiB somewhere in a large file costs the decoding of a whole span, a megabyte or more.
//! The rest of that span goes to the kernel's page cache too, so that the next reads nearby come from
//! there: the page cache is larger than any cache of ours, and costs no request.
//!
//! A store waits for the locks of pages, which a reader may hold who waits for his own reply. So it
//! is done by a thread of its own, which nobody waits for, after the reply; and if that thread is
//! busy, not at all. Only bytes from the cache of decoded spans are stored, whose checksum was right.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use fuser::{INodeNo, Notifier};

use crate::blob::SpanSlice;
use crate::view::{Counter, View};
use crate::workers::Workers;

/// So many stores wait at most; each holds on to a span.
const WAITING: usize = 4;

/// The kernel itself reads ahead for who goes forward, and then asks for much at once. Who gets so
/// little jumps.
const SMALL: u32 = 32 << 10;

const PAGE: u64 = 4096;

/// The kernel's page cache, as seen from here.
pub(super) struct Pages {
    notifier: OnceLock<Notifier>,
    /// The kernel takes none.
    refused: AtomicBool,
    worker: Workers,
}

impl Pages {
    /// Stores nothing until it is [connected](Pages::connect).
    ///
    /// # Errors
    /// If the system has no more threads.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            notifier: OnceLock::new(),
            refused: AtomicBool::new(false),
            worker: Workers::start("pages", 1)?,
        })
    }

    /// Stores can be made from now on.
    pub(super) fn connect(&self, notifier: Notifier) {
        // A mount begins once.
        let _ = self.notifier.set(notifier);
    }

    /// After a read that something was decoded for: gives the kernel what else came of it.
    pub(super) fn after_read<V: View>(
        self: &Arc<Self>,
        view: &Arc<V>,
        ino: INodeNo,
        offset: u64,
        size: u32,
    ) {
        // Who begins at the beginning reads all of it, as a rule.
        if offset == 0 || size > SMALL || self.refused.load(Ordering::Relaxed) {
            return;
        }
        let Some((at, bytes)) = view.around(ino.0, offset) else {
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
            // The inode may be forgotten meanwhile, the mount may be gone: nothing is lost.
            if let Err(error) = notifier.store(ino, at, &bytes) {
                tracing::debug!("pages of inode {ino:?} were not stored: {error}");
                if error.kind() == io::ErrorKind::Unsupported {
                    pages.refused.store(true, Ordering::Relaxed);
                }
            }
        });
    }
}

/// Cuts off what does not fill a page; only the last page of a file need not be full.
fn whole_pages(at: u64, bytes: SpanSlice, size: u64) -> Option<(u64, SpanSlice)> {
    let end = at.checked_add(bytes.len() as u64)?;
    let from = at.checked_next_multiple_of(PAGE)?;
    let to = if end >= size { end } else { end - end % PAGE };
    let skip = usize::try_from(from.checked_sub(at)?).ok()?;
    let keep = usize::try_from(to.checked_sub(at)?).ok()?;
    (keep > skip).then(|| (from, bytes.slice(skip..keep)))
}
