//! Decodes spans ahead of sequential readers, in threads of its own.
//!
//! The queue is short, and spans that do not fit are skipped: a reader decodes them itself when it
//! gets there. The threads are started when the first span is requested, and end when the cache that
//! owns them is dropped.

use std::sync::OnceLock;

use crate::workers::Workers;

/// The maximum number of waiting jobs.
const WAITING: usize = 16;

/// The maximum number of threads. More would only compete for memory.
const THREADS: usize = 8;

/// The threads, once they are started. If they cannot be started, nothing is decoded ahead.
#[derive(Default)]
pub(crate) struct Prefetcher(OnceLock<Option<Workers>>);

impl Prefetcher {
    /// Runs a job when a thread is free. Returns false if too many jobs wait already, or if there are
    /// no threads.
    pub(crate) fn push(&self, job: impl FnOnce() + Send + 'static) -> bool {
        let start = || {
            let wanted = std::thread::available_parallelism().map_or(1, usize::from);
            Workers::start("prefetch", wanted.min(THREADS)).ok()
        };
        let workers = self.0.get_or_init(start).as_ref();
        workers.is_some_and(|workers| workers.push_below(WAITING, job))
    }
}
