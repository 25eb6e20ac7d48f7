//! A blob that is read while it is being received. A read beyond the received bytes waits for them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::blob::ReadAt;

/// A file that is still growing. Only one thread may read it.
pub(super) struct GrowingFile {
    file: Arc<File>,
    /// Its final length in bytes.
    size: u64,
    state: Mutex<GrowingState>,
    changed: Condvar,
}

struct GrowingState {
    there: u64,
    /// The offset that the reader waits for. It is woken only when the file has reached it, because
    /// a blob arrives in many small pieces.
    wanted: u64,
    /// Whether no more bytes will come.
    ended: bool,
}

impl GrowingFile {
    /// Wraps a file that has its first `there` bytes now and will have `size` bytes in the end.
    pub(super) fn new(file: Arc<File>, size: u64, there: u64) -> Self {
        Self {
            file,
            size,
            state: Mutex::new(GrowingState {
                there,
                wanted: 0,
                ended: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Announces that the first `there` bytes are available.
    pub(super) fn grow(&self, there: u64) {
        let mut state = self.lock();
        state.there = there;
        if there >= state.wanted {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Announces that no more bytes will come, whether or not the file is complete.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, GrowingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadAt for GrowingFile {
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
                "it did not arrive completely",
            ));
        }
        let there = usize::try_from(there).unwrap_or(usize::MAX);
        let n = buf.len().min(there);
        self.file
            .read_at(buf.get_mut(..n).unwrap_or_default(), offset)
    }
}

/// Calls [`GrowingFile::end`] when dropped, so that the reader never waits for bytes that will not
/// come.
pub(super) struct EndOnDrop<'a>(pub &'a GrowingFile);

impl Drop for EndOnDrop<'_> {
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
        let growing = GrowingFile::new(file.clone(), 6, 3);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut buf = [0; 6];
                growing.read_exact_at(&mut buf, 0).map(|()| buf)
            });
            file.write_all_at(b"def", 3).unwrap();
            growing.grow(6);
            assert_eq!(&reader.join().unwrap().unwrap(), b"abcdef");
        });
        let growing = GrowingFile::new(file, 9, 6);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| growing.read_exact_at(&mut [0; 9], 0));
            drop(EndOnDrop(&growing));
            let error = reader.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        });
        assert_eq!(growing.read_at(&mut [0; 4], 9).unwrap(), 0);
    }
}
