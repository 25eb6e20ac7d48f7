//! Decoded spans in memory, shared by all blobs of a mount and bounded by a budget of bytes.
//!
//! If several threads ask for the same span, one decodes it, and the others wait for that one only. A
//! span that is being decoded is a [`PendingSpan`]. Its memory is reserved in the budget before decoding
//! begins, so that spans that are decoded at the same time are counted too. No lock of the cache is
//! held while a span is decoded, and [`SpanCache::peek`] never waits for a decoder.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;

use super::buffer::{Buffer, Buffers, SpanBytes, footprint};
use super::prefetch::Prefetcher;
use super::publish::Publisher;
use super::run_decoder::DecoderBudget;
use super::side_file::SideFiles;
use super::{ReadAt, SpanTable};
use crate::cache::CacheDir;

/// The number of a blob and the number of a span in it.
pub(crate) type SpanKey = (u32, u32);

/// A least-recently-used cache of decoded spans.
pub struct SpanCache {
    state: Mutex<CacheState>,
    budget: usize,
    buffers: Arc<Buffers>,
    counts: Counts,
    publisher: Arc<Publisher>,
    decoder_budget: Arc<DecoderBudget>,
    pub(super) prefetcher: Prefetcher,
}

struct CacheState {
    spans: LruCache<SpanKey, SpanBytes>,
    pending: HashMap<SpanKey, Arc<PendingSpan>>,
    /// Memory of `spans`, in bytes.
    cached_bytes: usize,
    /// Memory reserved for `pending`, in bytes.
    pending_bytes: usize,
    next_blob: u32,
}

/// A span that is being decoded, and its result for the threads that wait for it.
#[derive(Default)]
struct PendingSpan {
    result: Mutex<Option<Result<SpanBytes, Failure>>>,
    completed: Condvar,
}

/// An error that several threads receive.
#[derive(Clone)]
struct Failure {
    kind: io::ErrorKind,
    text: Arc<str>,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    decoded: AtomicU64,
    prefetched: AtomicU64,
}

/// What the cache has done since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Memory of the spans held now and of those that are being decoded, in bytes.
    pub bytes: usize,
    /// The number of times that a span was asked for and was in the cache.
    pub hits: u64,
    /// Spans that were decoded because a reader waited for them.
    pub decoded: u64,
    /// Spans that were decoded ahead of a reader.
    pub prefetched: u64,
}

/// A panic while a lock was held leaves a map or an option, which are still valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SpanCache {
    /// Creates a cache that holds at most `budget` bytes of decoded spans (the span used last always
    /// stays). Side files are written to `disk`.
    pub fn new(budget: usize, disk: CacheDir) -> Self {
        Self {
            state: Mutex::new(CacheState {
                spans: LruCache::unbounded(),
                pending: HashMap::new(),
                cached_bytes: 0,
                pending_bytes: 0,
                next_blob: 0,
            }),
            budget,
            buffers: Arc::default(),
            counts: Counts::default(),
            publisher: Arc::new(Publisher::new(disk)),
            decoder_budget: Arc::default(),
            prefetcher: Prefetcher::default(),
        }
    }

    /// Returns a number for a blob, unique in this cache.
    pub(crate) fn register(&self) -> u32 {
        let mut state = lock(&self.state);
        let id = state.next_blob;
        state.next_blob += 1;
        id
    }

    /// Returns the side files of a blob.
    pub(super) fn side_files(&self, source: Arc<dyn ReadAt>, table: SpanTable) -> SideFiles {
        SideFiles::new(
            source,
            table,
            self.publisher.clone(),
            self.decoder_budget.clone(),
        )
    }

    /// Waits until all complete side files are published on disk. Returns false if that takes longer
    /// than `timeout`.
    pub fn wait_until_published(&self, timeout: Duration) -> bool {
        self.publisher.wait(timeout)
    }

    /// Returns the span of that key if it is in the cache. Never waits for a decoder.
    pub(crate) fn peek(&self, key: SpanKey) -> Option<SpanBytes> {
        let found = lock(&self.state).spans.get(&key).cloned();
        let hit = u64::from(found.is_some());
        self.counts.hits.fetch_add(hit, Ordering::Relaxed);
        found
    }

    /// Like [`SpanCache::peek`], but counts no hit and does not update recency.
    pub(crate) fn peek_quietly(&self, key: SpanKey) -> Option<SpanBytes> {
        lock(&self.state).spans.peek(&key).cloned()
    }

    /// Returns whether the span of that key is in the cache or is being decoded.
    pub(crate) fn has(&self, key: SpanKey) -> bool {
        let state = lock(&self.state);
        state.spans.contains(&key) || state.pending.contains_key(&key)
    }

    /// Returns the span of that key, which has `len` bytes. If it is not in the cache, `decode` fills
    /// it.
    pub(crate) fn get(
        &self,
        key: SpanKey,
        len: usize,
        decode: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<SpanBytes> {
        let mut state = lock(&self.state);
        if let Some(bytes) = state.spans.get(&key).cloned() {
            drop(state);
            self.counts.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(bytes);
        }
        if let Some(span) = state.pending.get(&key).cloned() {
            drop(state);
            return span.wait();
        }
        let begun = self.begin(state, key, len);
        self.counts.decoded.fetch_add(1, Ordering::Relaxed);
        begun.run(len, decode)
    }

    /// Decodes a span that no reader waits for yet. Does nothing if the spans that are being decoded
    /// would then take more than a quarter of the budget, since that would evict spans in use.
    pub(crate) fn prefetch(
        &self,
        key: SpanKey,
        len: usize,
        decode: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) {
        let state = lock(&self.state);
        if state.spans.contains(&key)
            || state.pending.contains_key(&key)
            || state.pending_bytes + footprint(len) > self.prefetch_limit()
        {
            return;
        }
        let begun = self.begin(state, key, len);
        self.counts.prefetched.fetch_add(1, Ordering::Relaxed);
        // No reader waits for the result. A reader that needs the span decodes it again and gets the
        // error.
        let _ = begun.run(len, decode);
    }

    /// Returns how many bytes may be decoded ahead of a reader.
    pub(crate) fn prefetch_limit(&self) -> usize {
        self.budget / 4
    }

    fn begin(
        &self,
        mut state: MutexGuard<'_, CacheState>,
        key: SpanKey,
        len: usize,
    ) -> DecodeGuard<'_> {
        let span = Arc::new(PendingSpan::default());
        let room = footprint(len);
        state.pending.insert(key, span.clone());
        state.pending_bytes += room;
        let gone = state.evict(self.budget);
        drop(state);
        drop(gone);
        DecodeGuard {
            cache: self,
            key,
            room,
            span,
        }
    }

    /// Returns the memory of the spans held now and of those that are being decoded, in bytes.
    pub fn bytes(&self) -> usize {
        let state = lock(&self.state);
        state.cached_bytes + state.pending_bytes
    }

    /// Returns the counts since the cache was created.
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            bytes: self.bytes(),
            hits: self.counts.hits.load(Ordering::Relaxed),
            decoded: self.counts.decoded.load(Ordering::Relaxed),
            prefetched: self.counts.prefetched.load(Ordering::Relaxed),
        }
    }
}

impl CacheState {
    /// Removes the least recently used spans until the rest fits the budget. The caller should drop
    /// the removed spans after it has released the lock.
    fn evict(&mut self, budget: usize) -> Vec<SpanBytes> {
        let mut gone = Vec::new();
        while self.cached_bytes + self.pending_bytes > budget {
            let Some((_, bytes)) = self.spans.pop_lru() else {
                break;
            };
            self.cached_bytes -= bytes.footprint();
            gone.push(bytes);
        }
        gone
    }
}

/// A decode that this thread has started. Its result reaches the waiting threads even on panic.
struct DecodeGuard<'a> {
    cache: &'a SpanCache,
    key: SpanKey,
    room: usize,
    span: Arc<PendingSpan>,
}

impl DecodeGuard<'_> {
    fn run(
        self,
        len: usize,
        decode: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<SpanBytes> {
        let buffer = self.cache.buffers.take(len);
        let decoded = buffer.and_then(|mut buffer: Buffer| {
            decode(buffer.bytes_mut())?;
            Ok(buffer.share())
        });
        match decoded {
            Ok(bytes) => {
                self.complete(Ok(bytes.clone()));
                Ok(bytes)
            }
            Err(error) => {
                // The threads that wait now get the error. It is not kept: a later reader tries
                // again.
                self.complete(Err(Failure {
                    kind: error.kind(),
                    text: error.to_string().into(),
                }));
                Err(error)
            }
        }
    }

    fn complete(&self, result: Result<SpanBytes, Failure>) {
        let mut gone = Vec::new();
        {
            let mut state = lock(&self.cache.state);
            if state.pending.remove(&self.key).is_some() {
                state.pending_bytes -= self.room;
            }
            if let Ok(bytes) = &result {
                state.cached_bytes += bytes.footprint();
                // Other spans are evicted to make room, but never this one.
                gone = state.evict(self.cache.budget);
                state.spans.put(self.key, bytes.clone());
            }
        }
        drop(gone);
        let mut shared = lock(&self.span.result);
        shared.get_or_insert(result);
        self.span.completed.notify_all();
    }
}

impl Drop for DecodeGuard<'_> {
    fn drop(&mut self) {
        // Without a result, the decoder has panicked.
        if lock(&self.span.result).is_none() {
            self.complete(Err(Failure {
                kind: io::ErrorKind::Other,
                text: "the decoder panicked".into(),
            }));
        }
    }
}

impl PendingSpan {
    fn wait(&self) -> io::Result<SpanBytes> {
        let mut result = lock(&self.result);
        loop {
            match &*result {
                Some(Ok(bytes)) => return Ok(bytes.clone()),
                Some(Err(f)) => return Err(io::Error::new(f.kind, &*f.text)),
                None => {
                    let waited = self.completed.wait(result);
                    result = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    const PAGE: usize = 4096;

    #[test]
    fn many_readers_one_decode() {
        let cache = SpanCache::new(1 << 20, CacheDir::none());
        let decodes = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let bytes = cache
                        .get((0, 0), 4, |out| {
                            decodes.fetch_add(1, Ordering::SeqCst);
                            std::thread::sleep(Duration::from_millis(20));
                            out.copy_from_slice(b"span");
                            Ok(())
                        })
                        .unwrap();
                    assert_eq!(&*bytes, b"span");
                });
            }
        });
        assert_eq!(decodes.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn the_budget_holds_and_the_least_recently_used_goes_first() {
        let cache = SpanCache::new(PAGE * 2 + 100, CacheDir::none());
        let get = |n: u32| {
            let mut decoded = false;
            let decode = |_: &mut [u8]| {
                decoded = true;
                Ok(())
            };
            cache.get((0, n), 100, decode).unwrap();
            decoded
        };
        assert!(get(1) && get(2));
        assert!(!get(1), "1 is cached, and now the most recently used");
        assert!(get(3), "3 evicts 2");
        assert!(!get(1) && get(2), "2 was evicted, 1 was not");
        assert!(cache.bytes() <= PAGE * 2 + 100);
    }

    #[test]
    fn what_is_being_decoded_has_its_room_before_it_begins() {
        let cache = SpanCache::new(PAGE * 2, CacheDir::none());
        for n in 0..2 {
            cache.get((0, n), 10, |_| Ok(())).unwrap();
        }
        let decode = |_: &mut [u8]| {
            assert_eq!(cache.bytes(), PAGE * 2, "one span was evicted to make room");
            assert!(cache.peek((0, 0)).is_none() && cache.peek((0, 1)).is_some());
            Ok(())
        };
        cache.get((0, 2), 10, decode).unwrap();
    }

    #[test]
    fn without_a_budget_the_one_just_used_stays() {
        let cache = SpanCache::new(0, CacheDir::none());
        cache.get((0, 0), 10, |_| Ok(())).unwrap();
        assert!(cache.peek((0, 0)).is_some());
        cache.get((0, 1), 10, |_| Ok(())).unwrap();
        assert!(cache.peek((0, 0)).is_none() && cache.peek((0, 1)).is_some());
    }

    #[test]
    fn an_error_is_not_remembered() {
        let cache = SpanCache::new(PAGE, CacheDir::none());
        let failing = |_: &mut [u8]| Err(io::ErrorKind::Other.into());
        assert!(cache.get((0, 0), 2, failing).is_err());
        assert_eq!(cache.bytes(), 0);
        let decode = |out: &mut [u8]| {
            out.copy_from_slice(b"ok");
            Ok(())
        };
        assert_eq!(&*cache.get((0, 0), 2, decode).unwrap(), b"ok");
    }

    #[test]
    fn who_waits_for_a_decoder_that_panics_gets_an_error() {
        let cache = SpanCache::new(PAGE, CacheDir::none());
        std::thread::scope(|scope| {
            let begun = Arc::new(std::sync::Barrier::new(2));
            let here = begun.clone();
            let cache = &cache;
            let first = scope.spawn(move || {
                let _ = cache.get((0, 0), 2, |_| {
                    here.wait();
                    // Gives the other thread time to begin waiting.
                    std::thread::sleep(Duration::from_millis(20));
                    panic!("a panic in the decoder");
                });
            });
            begun.wait();
            assert!(cache.get((0, 0), 2, |_| Ok(())).is_err());
            assert!(first.join().is_err());
        });
        assert_eq!(cache.bytes(), 0);
        assert!(cache.get((0, 0), 2, |_| Ok(())).is_ok());
    }

    #[test]
    fn nothing_is_decoded_ahead_that_is_there_or_for_which_there_is_no_room() {
        let cache = SpanCache::new(PAGE * 8, CacheDir::none());
        cache.prefetch((0, 0), 10, |_| Ok(()));
        cache.prefetch((0, 0), 10, |_| panic!("the span is cached"));
        cache.prefetch((0, 1), PAGE * 3, |_| {
            panic!("more than a quarter of the budget")
        });
        let stats = cache.stats();
        assert_eq!((stats.prefetched, stats.decoded, stats.hits), (1, 0, 0));
    }
}
