//! Memory for decoded spans: whole pages, which are reused.
//!
//! Spans come and go by the thousand. Each is a little over a megabyte long, and no two have the same
//! length. In the general allocator they leave holes that no later span fits into, and the process
//! grows to several times the cache's budget. So the memory of each span is mapped from the kernel
//! and returned to it. A few mappings that were just released are kept for the next spans, since the
//! kernel has to zero new pages first.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::MmapMut;

/// Lengths are rounded up to this, so that the memory of one span fits the next.
const GRAIN: usize = 64 << 10;

/// The maximum memory that is kept for reuse, in bytes.
const KEPT: usize = 4 << 20;

/// Released memory that is kept for the next spans.
#[derive(Default)]
pub(crate) struct Buffers {
    free: Mutex<Vec<MmapMut>>,
}

/// Memory for one span while it is being decoded.
pub(crate) struct Buffer {
    /// `None` only while it is being dropped or turned into [`SpanBytes`].
    map: Option<MmapMut>,
    len: usize,
    home: Arc<Buffers>,
}

/// One decoded span, shared by all of its readers. Its memory is reused after the last clone is
/// dropped.
#[derive(Clone)]
pub(crate) struct SpanBytes(Arc<Buffer>);

/// Returns the memory that a span of that length takes, in bytes.
pub(crate) fn footprint(len: usize) -> usize {
    let grain = if len < GRAIN { 4 << 10 } else { GRAIN };
    len.max(1).checked_next_multiple_of(grain).unwrap_or(len)
}

impl Buffers {
    /// Returns memory for `len` bytes with arbitrary contents.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> io::Result<Buffer> {
        let wanted = footprint(len);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // A much larger mapping would hold more memory than the cache accounts for.
        let fits = |map: &MmapMut| map.len() >= wanted && map.len() <= wanted + wanted / 4;
        let found = free.iter().position(fits).map(|at| free.swap_remove(at));
        drop(free);
        let map = match found {
            Some(map) => map,
            None => MmapMut::map_anon(wanted)?,
        };
        Ok(Buffer {
            map: Some(map),
            len,
            home: self.clone(),
        })
    }

    fn give_back(&self, map: MmapMut) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(map);
        let mut kept: usize = free.iter().map(|map| map.len()).sum();
        let mut gone = Vec::new();
        // The oldest mappings go first: no span has needed their lengths.
        while kept > KEPT && !free.is_empty() {
            let map = free.remove(0);
            kept -= map.len();
            gone.push(map);
        }
        drop(free);
        // The mappings are returned to the kernel here, where the lock is not held.
        drop(gone);
    }
}

impl Buffer {
    /// Returns the bytes to fill.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let map = self.map.as_mut();
        map.and_then(|map| map.get_mut(..self.len))
            .unwrap_or_default()
    }

    /// Makes the filled buffer read-only and shareable.
    pub(crate) fn share(self) -> SpanBytes {
        SpanBytes(Arc::new(self))
    }
}

impl SpanBytes {
    /// Returns the memory that it takes, in bytes.
    pub(crate) fn footprint(&self) -> usize {
        self.0.map.as_ref().map_or(0, |map| map.len())
    }
}

impl Deref for SpanBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let map = self.0.map.as_ref();
        map.and_then(|map| map.get(..self.0.len))
            .unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(map) = self.map.take() {
            self.home.give_back(map);
        }
    }
}

impl fmt::Debug for SpanBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_not_kept_without_end() {
        let home = Arc::new(Buffers::default());
        let mut buffer = home.take(1_100_000).unwrap();
        buffer.bytes_mut().fill(7);
        let bytes = buffer.share();
        let address = bytes.as_ptr();
        assert_eq!(bytes.len(), 1_100_000);
        assert!(bytes.footprint() >= 1_100_000 && bytes.footprint() < 1_200_000);
        drop(bytes);
        assert_eq!(home.take(1_090_000).unwrap().share().as_ptr(), address);

        let many: Vec<_> = (0..40).map(|_| home.take(1 << 20).unwrap()).collect();
        drop(many);
        let kept: usize = home.free.lock().unwrap().iter().map(|m| m.len()).sum();
        assert!(kept <= KEPT, "{kept}");
    }

    #[test]
    fn a_large_buffer_does_not_serve_a_small_span() {
        let home = Arc::new(Buffers::default());
        drop(home.take(4 << 20).unwrap());
        assert!(home.take(100).unwrap().share().footprint() <= 4096);
    }

    #[test]
    fn no_bytes() {
        let home = Arc::new(Buffers::default());
        let mut buffer = home.take(0).unwrap();
        assert!(buffer.bytes_mut().is_empty());
        assert!(buffer.share().is_empty());
    }
}
