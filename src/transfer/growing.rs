//! A blob that is read while it arrives: who reads past what is there waits for it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::blob::ReadAt;

/// A file of which the end is still to come. One thread reads it.
pub(super) struct Growing {
    file: Arc<File>,
    /// Its length when all of it is there, in bytes.
    size: u64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    there: u64,
    /// Up to where somebody waits for it. He is not woken for less: a blob comes in many small pieces.
    wanted: u64,
    /// No more will come.
    ended: bool,
}

impl Growing {
    /// A file of which the first `there` bytes are there, and all `size` will be.
    pub(super) fn new(file: Arc<File>, size: u64, there: u64) -> Self {
        Self {
            file,
            size,
            state: Mutex::new(State {
                there,
                wanted: 0,
                ended: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// The first `there` bytes are there now.
    pub(super) fn grow(&self, there: u64) {
        let mut state = self.lock();
        state.there = there;
        if there >= state.wanted {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// No more will come, whether or not that is all.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadAt for Growing {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if buf.is_empty() || offset >= self.size {
            return Ok(0);
        }
        let end = offset.saturating_add(buf.len() as u64).min(self.size);
        let mut state = self.lock();
        while state.there < end && !state.ended {
            state.wanted = end;
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let there = state.there.saturating_sub(offset);
        drop(state);
        if there == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it did not arrive to its end",
            ));
        }
        let there = usize::try_from(there).unwrap_or(usize::MAX);
        let n = buf.len().min(there);
        self.file
            .read_at(buf.get_mut(..n).unwrap_or_default(), offset)
    }
}

/// Ends a blob when it goes out of sight, so that nobody waits for what never comes.
pub(super) struct Ending<'a>(pub &'a Growing);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_ahead_waits_and_who_waits_for_nothing_gets_an_error() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        file.write_all_at(b"abc", 0).unwrap();
        let growing = Growing::new(file.clone(), 6, 3);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut buf = [0; 6];
                growing.read_exact_at(&mut buf, 0).map(|()| buf)
            });
            file.write_all_at(b"def", 3).unwrap();
            growing.grow(6);
            assert_eq!(&reader.join().unwrap().unwrap(), b"abcdef");
        });
        let growing = Growing::new(file, 9, 6);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| growing.read_exact_at(&mut [0; 9], 0));
            drop(Ending(&growing));
            let error = reader.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        });
        assert_eq!(growing.read_at(&mut [0; 4], 9).unwrap(), 0);
    }
}
