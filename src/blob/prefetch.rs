//! Decodes spans ahead of those who read forward, in threads of its own.
//!
//! The queue is short: what does not fit is left out, since a reader that comes by will decode what
//! it needs itself. The threads are started when the first span is asked for, and end when the cache
//! that owns them is gone.

use std::sync::OnceLock;

use crate::workers::Workers;

/// So many spans wait at most.
const WAITING: usize = 16;

/// More threads than this would only fight over memory.
const THREADS: usize = 8;

/// The threads, once there are any. Without them nothing is decoded ahead, and all else goes on.
#[derive(Default)]
pub(crate) struct Prefetcher(OnceLock<Option<Workers>>);

impl Prefetcher {
    /// Runs a job when a thread is free. Returns false where too many wait already.
    pub(crate) fn push(&self, job: impl FnOnce() + Send + 'static) -> bool {
        let start = || {
            let wanted = std::thread::available_parallelism().map_or(1, usize::from);
            Workers::start("prefetch", wanted.min(THREADS)).ok()
        };
        let workers = self.0.get_or_init(start).as_ref();
        workers.is_some_and(|workers| workers.push_below(WAITING, job))
    }
}
