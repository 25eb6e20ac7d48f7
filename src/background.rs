//! Background jobs, each in a thread of its own. Wait for them before exit, or their results are
//! lost.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Runs background jobs and counts those that have not finished.
#[derive(Clone, Debug, Default)]
pub(crate) struct Background(Arc<Pending>);

#[derive(Debug, Default)]
struct Pending {
    count: Mutex<usize>,
    less: Condvar,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps one job counted until it is dropped.
struct RunningJob(Arc<Pending>);

impl Drop for RunningJob {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.less.notify_all();
    }
}

impl Background {
    /// Runs a job in a new thread with this name.
    ///
    /// # Errors
    /// If the thread cannot be created. The job is then dropped.
    pub(crate) fn run(&self, name: &str, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
        *self.0.lock() += 1;
        let running = RunningJob(self.0.clone());
        let job = move || {
            job();
            drop(running);
        };
        let named = std::thread::Builder::new().name(name.to_owned());
        named.spawn(job).map(drop)
    }

    /// Waits until no job is running. Returns false if that takes longer than `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut count = self.0.lock();
        while *count > 0 {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return false;
            };
            let waited = self.0.less.wait_timeout(count, left);
            count = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn what_is_running_is_waited_for_also_if_it_panics() {
        let background = Background::default();
        assert!(background.wait(Duration::ZERO));
        let (free, held) = channel::<()>();
        let wait = move || {
            let _ = held.recv();
        };
        background.run("test", wait).unwrap();
        background.run("test", || panic!("as a test")).unwrap();
        assert!(!background.wait(Duration::from_millis(20)));
        drop(free);
        assert!(background.wait(Duration::from_secs(10)));
    }
}
