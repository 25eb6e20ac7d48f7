//! Decoded spans in memory, shared by all blobs of a mount and bounded by a budget of bytes.
//!
//! However many threads ask for a span, one decodes it and the others wait for that one alone: each
//! span has a slot with a lock of its own, and the lock over the whole map is never held while
//! decoding.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// Which span of which blob.
pub(crate) type Key = (u32, u32);

/// A least-recently-used cache of decoded spans.
pub struct SpanCache {
    state: Mutex<State>,
    budget: usize,
}

struct State {
    slots: LruCache<Key, Arc<Slot>>,
    bytes: usize,
    next_blob: u32,
}

#[derive(Default)]
struct Slot {
    bytes: Mutex<Option<Arc<[u8]>>>,
}

/// A panic while a lock was held leaves a map or an option, both valid as they are.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SpanCache {
    /// A cache that holds at most `budget` bytes of decoded spans (the one just used always stays).
    pub fn new(budget: usize) -> Self {
        Self {
            state: Mutex::new(State {
                slots: LruCache::unbounded(),
                bytes: 0,
                next_blob: 0,
            }),
            budget,
        }
    }

    /// A number for a blob, unique in this cache.
    pub(crate) fn register(&self) -> u32 {
        let mut state = lock(&self.state);
        let id = state.next_blob;
        state.next_blob += 1;
        id
    }

    /// The span of that key; `decode` makes it if it is not there.
    pub(crate) fn get(
        &self,
        key: Key,
        decode: impl FnOnce() -> io::Result<Arc<[u8]>>,
    ) -> io::Result<Arc<[u8]>> {
        let slot = {
            let mut state = lock(&self.state);
            state
                .slots
                .get_or_insert(key, || Arc::new(Slot::default()))
                .clone()
        };
        let mut held = lock(&slot.bytes);
        if let Some(bytes) = &*held {
            return Ok(bytes.clone());
        }
        match decode() {
            Ok(bytes) => {
                *held = Some(bytes.clone());
                drop(held);
                self.account(key, &slot, bytes.len());
                Ok(bytes)
            }
            Err(error) => {
                drop(held);
                // An error is not remembered: the next reader tries again.
                let mut state = lock(&self.state);
                if state
                    .slots
                    .peek(&key)
                    .is_some_and(|s| Arc::ptr_eq(s, &slot))
                {
                    state.slots.pop(&key);
                }
                Err(error)
            }
        }
    }

    fn account(&self, key: Key, slot: &Arc<Slot>, len: usize) {
        let mut state = lock(&self.state);
        // It may have been evicted while it was being decoded; then it is not counted.
        if !state.slots.peek(&key).is_some_and(|s| Arc::ptr_eq(s, slot)) {
            return;
        }
        state.bytes += len;
        while state.bytes > self.budget && state.slots.len() > 1 {
            let Some((_, evicted)) = state.slots.pop_lru() else {
                break;
            };
            // A slot that is locked is being decoded: its bytes are not counted yet.
            if let Ok(held) = evicted.bytes.try_lock() {
                state.bytes -= held.as_ref().map_or(0, |b| b.len());
            }
        }
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        lock(&self.state).bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn many_readers_one_decode() {
        let cache = SpanCache::new(1 << 20);
        let decodes = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let bytes = cache
                        .get((0, 0), || {
                            decodes.fetch_add(1, Ordering::SeqCst);
                            std::thread::sleep(std::time::Duration::from_millis(20));
                            Ok(Arc::from(&b"span"[..]))
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
        let cache = SpanCache::new(250);
        let get = |n: u32| {
            let mut decoded = false;
            cache
                .get((0, n), || {
                    decoded = true;
                    Ok(Arc::from(vec![0; 100]))
                })
                .unwrap();
            decoded
        };
        assert!(get(1) && get(2));
        assert!(!get(1), "1 is cached, and now the most recent");
        assert!(get(3), "3 pushes out 2");
        assert!(!get(1) && get(2), "2 was pushed out, 1 was not");
        assert!(cache.bytes() <= 250);
    }

    #[test]
    fn an_error_is_not_remembered() {
        let cache = SpanCache::new(250);
        assert!(
            cache
                .get((0, 0), || Err(io::ErrorKind::Other.into()))
                .is_err()
        );
        let bytes = cache.get((0, 0), || Ok(Arc::from(&b"ok"[..]))).unwrap();
        assert_eq!(&*bytes, b"ok");
    }
}
