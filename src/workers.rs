//! Thread pools: a queue of jobs for a fixed number of threads, and parallel execution of a list.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads with a queue of jobs. On drop, queued jobs are dropped and running
/// jobs are waited for.
pub(crate) struct Workers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    ended: bool,
}

impl Workers {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// If a thread cannot be created.
    pub(crate) fn start(name: &str, threads: usize) -> io::Result<Self> {
        let mut workers = Self {
            queue: Arc::default(),
            threads: Vec::with_capacity(threads),
        };
        for n in 0..threads {
            let queue = workers.queue.clone();
            let builder = std::thread::Builder::new().name(format!("{name}-{n}"));
            workers.threads.push(builder.spawn(move || queue.work())?);
        }
        Ok(workers)
    }

    /// Queues a job, to be run as soon as a thread is free.
    #[cfg_attr(not(feature = "fuse"), allow(dead_code))]
    pub(crate) fn push(&self, job: impl FnOnce() + Send + 'static) {
        self.push_below(usize::MAX, job);
    }

    /// Like [`push`](Self::push), but refuses the job if `limit` jobs are already queued. Returns
    /// whether the job was queued.
    pub(crate) fn push_below(&self, limit: usize, job: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.queue.lock();
        if state.ended || state.jobs.len() >= limit {
            return false;
        }
        state.jobs.push_back(Box::new(job));
        drop(state);
        self.queue.filled.notify_one();
        true
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                // The panic hook has printed the location. The reply that the job held is dropped,
                // which its receiver sees as an error.
                tracing::error!("a thread panicked; please report this");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            let waited = self.filled.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.ended = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        self.queue.filled.notify_all();
        // Outside the lock, because dropping a job can take locks of its own. A dropped reply is an
        // error to the thread that waits for it.
        drop(jobs);
        let here = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // A job may hold the last reference to the owner of these workers. In that case
            // this code runs on a worker thread, which cannot join itself.
            if thread.thread().id() != here {
                let _ = thread.join();
            }
        }
    }
}

/// Runs all jobs, started in order, with one thread per processor. After a job returns `false`, no
/// further job is started. Results are in the order in which the jobs end.
pub(crate) fn in_parallel<J: Send, R: Send>(
    jobs: Vec<J>,
    run: impl Fn(J) -> (bool, R) + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    with_threads(threads, jobs, run)
}

/// Like [`in_parallel`], but with a given number of threads: for jobs that wait more than they
/// compute.
pub(crate) fn with_threads<J: Send, R: Send>(
    threads: usize,
    jobs: Vec<J>,
    run: impl Fn(J) -> (bool, R) + Sync,
) -> Vec<R> {
    let threads = threads.clamp(1, jobs.len().max(1));
    let queue = Mutex::new(VecDeque::from(jobs));
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = lock(&queue).pop_front();
                    let Some(job) = next else {
                        return;
                    };
                    let (go_on, result) = run(job);
                    lock(&results).push(result);
                    if !go_on {
                        lock(&queue).clear();
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn one_that_waits_does_not_hold_up_the_others_nor_one_that_panics() {
        let workers = Workers::start("test", 2).unwrap();
        let (free, waits) = channel::<()>();
        let (sender, receiver) = channel();
        workers.push(move || {
            let _ = waits.recv();
        });
        workers.push(|| panic!("as a test"));
        workers.push(move || sender.send(7).unwrap());
        assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(7));
        drop(free);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_waits_is_dropped_at_the_end() {
        let workers = Workers::start("test", 1).unwrap();
        let (begun, begins) = channel::<()>();
        let (free, waits) = channel::<()>();
        workers.push(move || {
            begun.send(()).unwrap();
            let _ = waits.recv();
        });
        begins.recv_timeout(Duration::from_secs(10)).unwrap();
        let kept = Arc::new(());
        let there = kept.clone();
        assert!(workers.push_below(1, move || drop(there)));
        assert!(!workers.push_below(1, || ()));
        let ending = std::thread::spawn(move || drop(workers));
        drop(free);
        ending.join().unwrap();
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}
