//! What is written while an image is mounted gets its name in the cache, in threads of their own: the
//! disk may take longer than any reader wants to wait.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cache::{CacheDir, Unpublished};

/// Gives files their names.
pub(super) struct Publisher {
    disk: CacheDir,
    /// How many are on their way.
    pending: Arc<Pending>,
}

#[derive(Default)]
struct Pending {
    count: Mutex<usize>,
    less: Condvar,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is on its way.
struct OnItsWay(Arc<Pending>);

impl OnItsWay {
    fn new(pending: &Arc<Pending>) -> Self {
        *pending.lock() += 1;
        Self(pending.clone())
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.less.notify_all();
    }
}

impl Publisher {
    pub(super) fn new(disk: CacheDir) -> Self {
        Self {
            disk,
            pending: Arc::default(),
        }
    }

    /// Where the files are.
    pub(super) fn disk(&self) -> &CacheDir {
        &self.disk
    }

    /// Publishes a file, in the background. That it fails costs the next mount its time, and this
    /// one nothing.
    pub(super) fn publish(&self, file: Unpublished) {
        let on_its_way = OnItsWay::new(&self.pending);
        let disk = self.disk.clone();
        let run = move || {
            let published = file.publish().and_then(|()| disk.make_room());
            if let Err(error) = published {
                tracing::warn!("what was written aside is not kept: {error}");
            }
            drop(on_its_way);
        };
        let named = std::thread::Builder::new().name("publisher".to_owned());
        if let Err(error) = named.spawn(run) {
            tracing::warn!("what was written aside is not kept: {error}");
        }
    }

    /// Waits until all are published; false if that takes longer.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut count = self.pending.lock();
        while *count > 0 {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return false;
            };
            let waited = self.pending.less.wait_timeout(count, left);
            count = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
