//! Decodes spans ahead of those who read forward, in a few threads of its own.
//!
//! The queue is short: what does not fit is left out, since a reader that comes by will decode what
//! it needs itself. The threads are started when the first span is asked for, and end when the cache
//! that owns them is gone; nobody waits for them then.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};

/// So many spans wait at most.
const WAITING: usize = 16;

/// More threads than this would only fight over memory.
const THREADS: usize = 8;

type Job = Box<dyn FnOnce() + Send>;

/// The threads and their queue.
pub(crate) struct Prefetcher {
    queue: Arc<Queue>,
    start: Once,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    ended: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut state = self.lock();
            let job = loop {
                if state.ended {
                    return;
                }
                match state.jobs.pop_front() {
                    Some(job) => break job,
                    None => {
                        let waited = self.filled.wait(state);
                        state = waited.unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(state);
            // The panic hook has printed where. A reader that wants the span will meet it again.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }
}

impl Default for Prefetcher {
    fn default() -> Self {
        Self {
            queue: Arc::default(),
            start: Once::new(),
        }
    }
}

impl Prefetcher {
    /// Runs a job when a thread is free. Returns false where too many wait already.
    pub(crate) fn push(&self, job: impl FnOnce() + Send + 'static) -> bool {
        self.start.call_once(|| self.spawn());
        let mut state = self.queue.lock();
        if state.jobs.len() >= WAITING || state.threads == 0 {
            return false;
        }
        state.jobs.push_back(Box::new(job));
        drop(state);
        self.queue.filled.notify_one();
        true
    }

    fn spawn(&self) {
        let wanted = std::thread::available_parallelism().map_or(1, usize::from);
        for n in 0..wanted.min(THREADS) {
            let queue = self.queue.clone();
            let spawned = std::thread::Builder::new()
                .name(format!("prefetch-{n}"))
                .spawn(move || queue.work());
            // Without threads nothing is decoded ahead, and all else goes on.
            if spawned.is_ok() {
                self.queue.lock().threads += 1;
            }
        }
    }
}

impl Drop for Prefetcher {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.ended = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        self.queue.filled.notify_all();
        // What jobs hold may have locks of its own.
        drop(jobs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn jobs_run_one_that_panics_among_them() {
        let prefetcher = Prefetcher::default();
        let (sender, receiver) = channel();
        for n in 0..WAITING {
            let sender = sender.clone();
            assert!(prefetcher.push(move || {
                sender.send(n).unwrap();
                assert_ne!(n, 3, "as a test");
            }));
        }
        for _ in 0..WAITING {
            receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        }
    }

    #[test]
    fn a_full_queue_takes_no_more_and_is_forgotten_at_the_end() {
        let prefetcher = Prefetcher::default();
        let (held, hold) = channel::<()>();
        let hold = Arc::new(Mutex::new(hold));
        let mut taken = 0;
        for _ in 0..WAITING + THREADS + 1 {
            let hold = hold.clone();
            taken += usize::from(prefetcher.push(move || {
                let _ = hold.lock().unwrap().recv();
            }));
        }
        assert!((WAITING..=WAITING + THREADS).contains(&taken), "{taken}");
        drop(prefetcher);
        drop(held);
    }
}
