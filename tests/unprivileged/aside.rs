//! Spans at which decoding cannot begin: a layer of one zstd frame. Such a layer is decoded when it is
//! read, once, and only as far as necessary; the decoded bytes are kept.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use imgfs::internals::blob::{Pass, ReadAt, SpanCache, SpanReader, SpanTable};
use imgfs::internals::cache::{CacheDir, CacheKey, CacheKind};

const MIB: usize = 1 << 20;

/// Returns bytes that compress a little, without repetitions.
fn sample(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let words = (0..len / 8 + 1).map(|n| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1442);
        // Half of each word is the same in all words.
        (state >> 33) << 32 | (n as u64 >> 9)
    });
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(len);
    bytes
}

/// Stored bytes that count how many of them were read.
struct Counted {
    bytes: Vec<u8>,
    read: AtomicU64,
}

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = &self.bytes[(offset as usize).min(self.bytes.len())..];
        let n = buf.len().min(from.len());
        buf[..n].copy_from_slice(&from[..n]);
        self.read.fetch_add(n as u64, Ordering::SeqCst);
        Ok(n)
    }
}

struct Blob {
    plain: Vec<u8>,
    source: Arc<Counted>,
    dir: CacheDir,
    table: SpanTable,
}

/// Runs the first pass over a blob; returns the blob, with its index in `dir`.
fn blob(plain: Vec<u8>, stored: Vec<u8>, dir: CacheDir) -> Blob {
    let read = AtomicU64::new(0);
    let source = Arc::new(Counted {
        bytes: stored,
        read,
    });
    let mut writer = dir.create(CacheKind::Layer).unwrap();
    let pass = Pass::new(source.clone(), None, None, &mut writer).unwrap();
    let key = CacheKey::layer("sha256:00");
    pass.finish().unwrap();
    let written = writer.finish(&key).unwrap();
    let table = SpanTable::of(&written.file);
    assert_eq!(table.size(), plain.len() as u64);
    source.read.store(0, Ordering::SeqCst);
    Blob {
        plain,
        source,
        dir,
        table,
    }
}

fn one_frame(len: usize, dir: CacheDir) -> Blob {
    let plain = sample(len);
    let stored = zstd::encode_all(&*plain, 1).unwrap();
    blob(plain, stored, dir)
}

impl Blob {
    fn open(&self, budget: usize) -> (Arc<SpanCache>, SpanReader) {
        let cache = Arc::new(SpanCache::new(budget, self.dir.clone()));
        let reader = SpanReader::new(self.source.clone(), self.table.clone(), cache.clone());
        (cache, reader)
    }

    fn check(&self, reader: &SpanReader, offset: usize, len: usize) {
        let mut buf = vec![0; len];
        reader.read_exact_at(&mut buf, offset as u64).unwrap();
        assert!(buf == self.plain[offset..offset + len], "at {offset}");
    }

    /// Returns the number of stored bytes that were read since the last call.
    fn read(&self) -> u64 {
        self.source.read.swap(0, Ordering::SeqCst)
    }

    fn stored(&self) -> u64 {
        self.source.size()
    }
}

/// Returns the cache files of spans in side files.
fn side_files(dir: &CacheDir) -> Vec<std::path::PathBuf> {
    let files = dir.list().unwrap().into_iter();
    let side_files = files.filter(|file| file.kind == CacheKind::SideFile);
    side_files.map(|file| file.path).collect()
}

/// Waits for background jobs.
fn wait_for(what: &str, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn cache_in(path: &Path) -> CacheDir {
    CacheDir::open(path).unwrap()
}

#[test]
fn nothing_is_written_before_it_is_read_and_what_is_near_the_start_costs_little() {
    let temp = tempfile::tempdir().unwrap();
    let blob = one_frame(64 * MIB, cache_in(temp.path()));
    let index = blob.dir.strays().unwrap();
    let size: u64 = index.iter().map(|file| file.size).sum();
    assert!(
        size < blob.stored() / 500,
        "the index of {} bytes takes {size}",
        blob.stored()
    );
    // A single thread reads, and the cache is too small for decoding ahead.
    let (_cache, reader) = blob.open(0);
    blob.check(&reader, 9 * MIB, 1000);
    assert!(
        side_files(&blob.dir).is_empty(),
        "not all of it was decoded yet"
    );
}

#[test]
fn many_readers_decode_it_once_and_the_next_mount_not_at_all() {
    let temp = tempfile::tempdir().unwrap();
    let blob = one_frame(64 * MIB, cache_in(temp.path()));
    let (cache, reader) = blob.open(8 * MIB);
    std::thread::scope(|scope| {
        for n in 0..6_usize {
            let (blob, reader) = (&blob, &reader);
            scope.spawn(move || {
                let mut state = n as u64;
                for _ in 0..300 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
                    blob.check(reader, (state >> 33) as usize % (64 * MIB - 5000), 5000);
                }
                for at in (0..60 * MIB).step_by(3 * MIB + n) {
                    blob.check(reader, at, 300_000);
                }
            });
        }
    });
    wait_for("all is decoded and published", || {
        side_files(&blob.dir).len() == 1
    });
    assert!(cache.wait_until_published(Duration::from_secs(60)));
    // Before the span run there is a span that can be decoded alone, 5 MiB of the 64.
    let first = blob.read();
    assert!(first >= blob.stored(), "{first}");
    drop((reader, cache));

    let (_cache, reader) = blob.open(8 * MIB);
    for at in (6 * MIB..60 * MIB).step_by(777_777) {
        blob.check(&reader, at, 9000);
    }
    assert_eq!(blob.read(), 0, "bytes were not read from the cache");
}

#[test]
fn who_reads_forward_reads_each_stored_byte_about_once() {
    let blob = one_frame(64 * MIB, CacheDir::none());
    let (_cache, reader) = blob.open(8 * MIB);
    for at in (0..64 * MIB).step_by(128 << 10) {
        blob.check(&reader, at, 128 << 10);
    }
    // The first 5 MiB are decoded again on the way to the rest, and input is read 64 KiB at a time.
    let (read, stored) = (blob.read(), blob.stored());
    assert!(read < stored + stored / 8, "{read} of {stored}");
}

#[test]
fn what_is_damaged_on_disk_is_made_again_and_never_shown() {
    let temp = tempfile::tempdir().unwrap();
    let blob = one_frame(28 * MIB, cache_in(temp.path()));
    let read_all = || {
        let (cache, reader) = blob.open(MIB);
        for at in (0..27 * MIB).step_by(MIB - 7) {
            blob.check(&reader, at, MIB - 7);
        }
        wait_for("it is published", || !side_files(&blob.dir).is_empty());
        assert!(cache.wait_until_published(Duration::from_secs(60)));
    };
    read_all();
    let path = side_files(&blob.dir).remove(0);
    let good = std::fs::read(&path).unwrap();
    for at in [200, good.len() / 2, good.len() - 10] {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        std::fs::write(&path, &bad).unwrap();
        read_all();
        wait_for("it is made again", || {
            std::fs::read(&path).is_ok_and(|now| now == good)
        });
    }
}

#[test]
fn a_blob_that_changed_is_an_error_for_everybody_who_waits() {
    let mut blob = one_frame(40 * MIB, CacheDir::none());
    let middle = blob.source.bytes.len() / 2;
    let mut changed = blob.source.bytes.clone();
    for byte in &mut changed[middle..middle + 64] {
        *byte ^= 0x55;
    }
    let read = AtomicU64::new(0);
    blob.source = Arc::new(Counted {
        bytes: changed,
        read,
    });
    let (_cache, reader) = blob.open(MIB);
    blob.check(&reader, 8 * MIB, 4096);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let reader = &reader;
            scope.spawn(move || {
                let at = (36 + n % 3) * MIB as u64;
                let error = reader.read_exact_at(&mut [0; 100], at).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
            });
        }
    });
    blob.check(&reader, 7 * MIB, 4096);
}

/// Raw blocks: a changed byte decodes to another byte, and only the checksum of the span detects it.
#[test]
fn a_byte_that_decodes_to_another_is_never_shown() {
    let mut state = 7_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let plain: Vec<u8> = (0..4 * MIB).flat_map(|_| next().to_le_bytes()).collect();
    for len in [plain.len(), 20 * MIB] {
        let plain = plain[..len].to_vec();
        let stored = zstd::encode_all(&*plain, 1).unwrap();
        assert!(stored.len() > plain.len(), "the sample was compressed");
        let mut blob = blob(plain, stored, CacheDir::none());
        let mut changed = blob.source.bytes.clone();
        changed[12 * MIB] ^= 1;
        let read = AtomicU64::new(0);
        blob.source = Arc::new(Counted {
            bytes: changed,
            read,
        });
        let (_cache, reader) = blob.open(MIB);
        blob.check(&reader, 11 * MIB, 4096);
        let around = 12 * MIB - 70_000..12 * MIB + 70_000;
        let mut buf = vec![0; around.len()];
        let error = reader.read_exact_at(&mut buf, around.start as u64);
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}

#[test]
fn short_span_runs_make_no_side_files() {
    let temp = tempfile::tempdir().unwrap();
    let plain = sample(60 * MIB);
    let frames = plain.chunks(12 * MIB);
    let stored: Vec<u8> = frames
        .flat_map(|frame| zstd::encode_all(frame, 1).unwrap())
        .collect();
    let blob = blob(plain, stored, cache_in(temp.path()));
    let (cache, reader) = blob.open(MIB);
    for at in (0..60 * MIB).step_by(128 << 10) {
        blob.check(&reader, at, 128 << 10);
    }
    let (read, stored) = (blob.read(), blob.stored());
    assert!(
        read < 2 * stored,
        "forward each was decoded on: {read} of {stored}"
    );
    for at in (0..59 * MIB).rev().step_by(5 * MIB + 1) {
        blob.check(&reader, at, 50_000);
    }
    assert!(cache.wait_until_published(Duration::from_secs(60)));
    assert!(side_files(&blob.dir).is_empty());
}

/// Windows of 128 MiB, as `zstd --long=27` makes them: only a few such decoders may be kept suspended.
#[test]
fn decoders_for_which_there_is_no_room_go_on_to_the_end() {
    let frame = |seed: usize| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.long_distance_matching(true).unwrap();
        let bytes = sample(140 * MIB + seed);
        io::Write::write_all(&mut encoder, &bytes).unwrap();
        (bytes, encoder.finish().unwrap())
    };
    let (plain, stored) = frame(0);
    let blob = blob(plain, stored, CacheDir::none());
    let (_cache, reader) = blob.open(0);
    blob.check(&reader, 6 * MIB, 4096);
    let once = blob.read();
    assert!(
        once >= blob.stored(),
        "the first reader decoded all: {once}"
    );
    for at in (10 * MIB..140 * MIB).step_by(17 * MIB) {
        blob.check(&reader, at, 4096);
    }
    assert_eq!(blob.read(), 0);
}
