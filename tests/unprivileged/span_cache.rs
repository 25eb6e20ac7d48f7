//! The cache of decoded spans with many readers at once: correct bytes, within its budget, and no span
//! decoded twice at the same time, whether a reader waits for it or it is decoded ahead.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use imgfs::internals::blob::{Pass, ReadAt, SpanCache, SpanReader, SpanTable};
use imgfs::internals::cache::{CacheDir, CacheKey, CacheKind};

/// The time limit for what happens within milliseconds on an idle machine.
const LIMIT: Duration = Duration::from_secs(60);

const MIB: usize = 1 << 20;

/// Returns bytes without repetitions.
fn sample(len: usize) -> Vec<u8> {
    let words = (0..len as u64 / 8 + 1).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(len);
    bytes
}

/// Plain bytes that record reads: a span of a plain blob is read in one call.
struct Watched {
    bytes: Vec<u8>,
    watching: AtomicBool,
    /// The offsets of reads in progress.
    active: Mutex<Vec<u64>>,
    twice: AtomicUsize,
    reads: AtomicUsize,
    /// The offsets of all reads so far.
    begun: Mutex<Vec<u64>>,
}

impl ReadAt for Watched {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = &self.bytes[(offset as usize).min(self.bytes.len())..];
        let n = buf.len().min(from.len());
        let watching = self.watching.load(Ordering::SeqCst);
        if watching {
            self.reads.fetch_add(1, Ordering::SeqCst);
            self.begun.lock().unwrap().push(offset);
            let mut active = self.active.lock().unwrap();
            if active.contains(&offset) {
                self.twice.fetch_add(1, Ordering::SeqCst);
            }
            active.push(offset);
            drop(active);
            std::thread::sleep(Duration::from_micros(300));
        }
        buf[..n].copy_from_slice(&from[..n]);
        if watching {
            let mut active = self.active.lock().unwrap();
            let at = active.iter().position(|at| *at == offset).unwrap();
            active.swap_remove(at);
        }
        Ok(n)
    }
}

struct Blob {
    source: Arc<Watched>,
    cache: Arc<SpanCache>,
    reader: SpanReader,
}

fn blob(len: usize, budget: usize) -> Blob {
    let source = Arc::new(Watched {
        bytes: sample(len),
        watching: AtomicBool::new(false),
        active: Mutex::default(),
        twice: AtomicUsize::new(0),
        reads: AtomicUsize::new(0),
        begun: Mutex::default(),
    });
    let mut writer = CacheDir::none().create(CacheKind::Layer).unwrap();
    let pass = Pass::new(source.clone(), None, None, &mut writer).unwrap();
    let key = CacheKey::layer("sha256:00");
    pass.finish().unwrap();
    let written = writer.finish(&key).unwrap();
    let spans = SpanTable::of(&written.file);
    source.watching.store(true, Ordering::SeqCst);
    let cache = Arc::new(SpanCache::new(budget, CacheDir::none()));
    let reader = SpanReader::new(source.clone(), spans, cache.clone());
    Blob {
        source,
        cache,
        reader,
    }
}

fn check(blob: &Blob, offset: usize, len: usize) {
    let mut buf = vec![0; len];
    blob.reader.read_exact_at(&mut buf, offset as u64).unwrap();
    assert!(
        buf == blob.source.bytes[offset..offset + len],
        "at {offset}"
    );
}

#[test]
fn many_readers_that_jump_and_that_go_forward() {
    let len = 40 * MIB;
    let budget = 16 * MIB;
    let blob = blob(len, budget);
    let ended = AtomicBool::new(false);
    let most = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                most.fetch_max(blob.cache.bytes(), Ordering::SeqCst);
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        let readers: Vec<_> = (0..6_usize)
            .map(|n| {
                let blob = &blob;
                scope.spawn(move || {
                    if n < 3 {
                        // Two threads read at the same offsets.
                        for at in (0..len - 128 * 1024).step_by(128 * 1024) {
                            check(blob, (at + n / 2 * 9 * MIB) % (len - 128 * 1024), 9000);
                        }
                    } else {
                        let mut state = n as u64;
                        for _ in 0..1500 {
                            state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
                            check(blob, (state >> 33) as usize % (len - 5000), 5000);
                        }
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
        ended.store(true, Ordering::SeqCst);
    });
    assert_eq!(blob.source.twice.load(Ordering::SeqCst), 0);
    let most = most.load(Ordering::SeqCst);
    assert!(most <= budget, "{most}");
    assert!(most > budget / 2, "the cache was hardly used: {most}");
    assert!(blob.cache.stats().prefetched > 0);
}

/// Waits until no span is being decoded.
fn settle(blob: &Blob) {
    let since = Instant::now();
    let mut before = usize::MAX;
    while since.elapsed() < LIMIT {
        let now = blob.source.reads.load(Ordering::SeqCst);
        if now == before && blob.source.active.lock().unwrap().is_empty() {
            return;
        }
        before = now;
        std::thread::sleep(Duration::from_millis(30));
    }
    panic!("decoding does not end");
}

#[test]
fn who_goes_forward_finds_the_next_spans_decoded() {
    let blob = blob(32 * MIB, 64 * MIB);
    for at in (0..4 * MIB).step_by(128 * 1024) {
        check(&blob, at, 128 * 1024);
    }
    // As far ahead as it has read. This check does not read, so it triggers nothing.
    let since = Instant::now();
    for at in (4 * MIB..7 * MIB).step_by(MIB / 2) {
        while blob.reader.around(at as u64).is_none() {
            assert!(since.elapsed() < LIMIT, "{at}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    settle(&blob);
    let stats = blob.cache.stats();
    assert!(stats.prefetched >= 4, "{stats:?}");
    let mut begun = blob.source.begun.lock().unwrap().clone();
    begun.sort_unstable();
    let all = begun.len();
    begun.dedup();
    assert_eq!(begun.len(), all, "a span was decoded twice");
}

#[test]
fn who_jumps_has_nothing_decoded_ahead() {
    let blob = blob(64 * MIB, 16 * MIB);
    // Backwards, a little of each span.
    for at in (0..64).rev() {
        check(&blob, at * MIB + 5000, 4096);
    }
    settle(&blob);
    assert_eq!(blob.cache.stats().prefetched, 0);
}

#[test]
fn a_cache_without_room_decodes_nothing_ahead() {
    // Space for one span of plain bytes.
    let blob = blob(16 * MIB, 256 * 1024);
    for at in (0..16 * MIB).step_by(128 * 1024) {
        check(&blob, at, 128 * 1024);
    }
    settle(&blob);
    assert_eq!(blob.cache.stats().prefetched, 0);
    assert_eq!(blob.source.reads.load(Ordering::SeqCst), 64);
}

/// Decoding ahead keeps nothing alive: the image can be closed at any time.
#[test]
fn closing_while_spans_are_decoded_ahead() {
    for _ in 0..20 {
        let blob = blob(16 * MIB, 64 * MIB);
        for at in (0..2 * MIB).step_by(128 * 1024) {
            check(&blob, at, 128 * 1024);
        }
        let source = blob.source.clone();
        drop(blob);
        let since = Instant::now();
        while Arc::strong_count(&source) > 1 {
            assert!(since.elapsed() < LIMIT, "still held");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
