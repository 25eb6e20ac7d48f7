//! Reads through the real kernel: the right bytes for every pattern of reads and every packing of the
//! layer; errors where bytes have changed, and never wrong bytes; no read waits for the decoding of
//! another.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::program::images::docker_archive;
use crate::support::program::{Place, SOON, str, within};
use crate::support::{Layer, OciImage, TAR_GZIP, TAR_ZSTD, oci_dir};
use imgfs::internals::fuse::{self, Mount, MountOptions};
use imgfs::internals::open::{self, OpenOptions};
use imgfs::internals::view::{Counter, ImageFs, Sidecars, View};
use rustix::fs::{Advice, fadvise};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const MIB: usize = 1 << 20;

/// Returns bytes that compress to about half, without repetitions nearby.
fn sample(len: usize) -> Vec<u8> {
    let mut random = Random(7);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.below(usize::MAX).to_le_bytes()[..4]);
        bytes.extend_from_slice(b"same");
    }
    bytes.truncate(len);
    bytes
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 31) as usize % limit
    }
}

struct Here {
    mount: Option<Mount>,
    view: Arc<ImageFs>,
    mnt: TempDir,
    image: TempDir,
}

impl Here {
    fn join(&self, name: &str) -> PathBuf {
        self.mnt.path().join(name)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        if let Some(mount) = self.mount.take() {
            let result = mount.umount();
            if !std::thread::panicking() {
                result.unwrap();
            }
        }
    }
}

/// Mounts an image of one layer with a cache of that size.
fn mount(tar: Vec<u8>, codec: &str, cache_size: usize) -> Here {
    let mut image = OciImage::plain(std::slice::from_ref(&tar));
    let layer = &mut image.layers[0];
    match codec {
        "gzip" => {
            // The fastest level makes one block of everything, without a seek point inside.
            let level = flate2::Compression::new(6);
            let mut gzip = flate2::read::GzEncoder::new(tar.as_slice(), level);
            (layer.0, layer.1) = (Vec::new(), TAR_GZIP);
            gzip.read_to_end(&mut layer.0).unwrap();
        }
        "zstd" => (layer.0, layer.1) = (zstd::encode_all(tar.as_slice(), 1).unwrap(), TAR_ZSTD),
        "zstd frames" => {
            let frames = tar.chunks(700_001).map(|c| zstd::encode_all(c, 1).unwrap());
            (layer.0, layer.1) = (frames.flatten().collect(), TAR_ZSTD);
        }
        _ => {}
    }
    let image = oci_dir(&image);
    let options = OpenOptions {
        cache_size,
        ..OpenOptions::default()
    };
    let opened = open::open(&str(image.path()).parse().unwrap(), &options, &()).unwrap();
    let view = Arc::new(ImageFs::new(Arc::new(opened), Sidecars::Off));
    let mnt = tempfile::tempdir().unwrap();
    let mounted = fuse::mount(view.clone(), mnt.path(), &MountOptions::default()).unwrap();
    Here {
        mount: Some(mounted),
        view,
        mnt,
        image,
    }
}

/// Drops the pages of a file from the page cache, so that reads reach imgfs again.
fn forget(file: &File) {
    fadvise(file, 0, None, Advice::DontNeed).unwrap();
}

/// 100,000 reads in all, by four threads on each of three images, with a cache much smaller than the
/// file, and pages dropped from the page cache.
#[test]
fn any_read_gives_the_bytes_that_are_there() {
    let bytes = sample(20 * MIB + 12_345);
    let small = sample(5000);
    let layer = Layer::new().file("large", &bytes).file("small", &small);
    let tar = layer.tar();
    for codec in ["plain", "gzip", "zstd"] {
        let here = mount(tar.clone(), codec, 12 * MIB);
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (here, bytes, small) = (&here, &bytes, &small);
                scope.spawn(move || {
                    let file = File::open(here.join("large")).unwrap();
                    let other = File::open(here.join("small")).unwrap();
                    let mut random = Random(n);
                    let mut buf = vec![0; 300_000];
                    for round in 0..8400 {
                        let limit = if round % 50 == 0 { buf.len() } else { 5000 };
                        let buf = &mut buf[..random.below(limit) + 1];
                        // Some reads reach the end, or lie beyond it.
                        let offset = random.below(bytes.len() + 2000);
                        let n = file.read_at(buf, offset as u64).unwrap();
                        let want = bytes.get(offset..).unwrap_or_default();
                        let want = &want[..want.len().min(buf.len())];
                        assert!(buf[..n] == *want, "{codec}: {n} bytes at {offset}");
                        if round % 97 == 0 {
                            let n = other.read_at(buf, 17).unwrap();
                            assert!(buf[..n] == small[17..17 + n], "{codec}: small");
                            forget(&other);
                        }
                        if round % 700 == 0 {
                            forget(&file);
                        }
                    }
                });
            }
        });
        // Sequentially by four threads at a time, each from a different offset.
        forget(&File::open(here.join("large")).unwrap());
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (here, bytes) = (&here, &bytes);
                scope.spawn(move || {
                    let file = File::open(here.join("large")).unwrap();
                    let mut buf = vec![0; 128 * 1024];
                    for at in (n * 3 * MIB..bytes.len()).step_by(buf.len()) {
                        let n = file.read_at(&mut buf, at as u64).unwrap();
                        assert!(buf[..n] == bytes[at..at + n], "{codec}: {at}");
                    }
                });
            }
        });
        let stats = here.view.cache_stats();
        assert!(stats.bytes <= 12 * MIB, "{codec}: {stats:?}");
    }
}

/// After a small read the kernel has the rest of the span that was decoded for it, and sends no more
/// requests.
#[test]
fn small_reads_nearby_are_answered_by_the_kernel() {
    let bytes = sample(16 * MIB);
    let here = mount(Layer::new().file("large", &bytes).tar(), "gzip", 64 * MIB);
    let file = File::open(here.join("large")).unwrap();
    let mut buf = [0; 4096];
    let mut random = Random(1);
    let mut read = |count: usize| {
        for _ in 0..count {
            let offset = random.below(bytes.len() - buf.len());
            file.read_exact_at(&mut buf, offset as u64).unwrap();
            assert!(buf == bytes[offset..offset + buf.len()]);
        }
    };
    let requests = here.view.requests();
    read(400);
    within(SOON, "pages to be stored", || {
        requests.get(Counter::Store) >= 4
    });
    // Nearly all of the file is in the page cache now.
    read(200);
    let before = requests.get(Counter::Read);
    read(1000);
    let more = requests.get(Counter::Read) - before;
    assert!(more < 400, "{more} of 1000 reads came");
}

/// Changes bytes in the middle of the layer's file after it was mounted.
fn damage(image: &Path) {
    let blobs = fs::read_dir(image.join("blobs/sha256")).unwrap();
    let blobs = blobs.map(|blob| blob.unwrap().path());
    let layer = blobs
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let file = File::options().write(true).open(&layer).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    file.write_all_at(&[0x55; 64], middle).unwrap();
}

/// A span whose bytes differ from the verified ones gives EIO: when it is read, when it was decoded
/// ahead, and when reads nearby stored its pages.
#[test]
fn changed_bytes_are_an_error_and_never_shown() {
    let bytes = sample(16 * MIB);
    // Without a layer of one zstd frame: most of it is read from the cache's file of decoded spans.
    for codec in ["plain", "gzip", "zstd frames"] {
        let here = mount(Layer::new().file("large", &bytes).tar(), codec, 32 * MIB);
        damage(here.image.path());
        let file = File::open(here.join("large")).unwrap();
        let mut wrong = 0;
        let mut buf = vec![0; 4096];
        let mut scan = |order: &mut dyn Iterator<Item = usize>| {
            let mut errors = 0;
            for at in order {
                match file.read_at(&mut buf, (at * 4096) as u64) {
                    Ok(n) => {
                        wrong += usize::from(buf[..n] != bytes[at * 4096..at * 4096 + n]);
                    }
                    Err(error) => {
                        assert_eq!(error.raw_os_error(), Some(5), "{error}");
                        errors += 1;
                    }
                }
            }
            errors
        };
        let pages = bytes.len() / 4096;
        let mut random = Random(3);
        let jumping = scan(&mut (0..2000).map(|_| random.below(pages)));
        let forward = scan(&mut (0..pages));
        let backward = scan(&mut (0..pages).rev());
        assert_eq!(wrong, 0, "{codec}: other bytes were shown");
        assert!(jumping > 0, "{codec}");
        // One span, or two if the change lies in both: each is at most 4 MiB.
        assert!((1..=2048).contains(&forward), "{codec}: {forward}");
        assert_eq!(forward, backward, "{codec}");
    }
}

/// Unmounting does not wait for readers, and pending reads get their bytes or an error.
#[test]
fn unmounting_while_four_read() {
    let bytes = sample(24 * MIB);
    for codec in ["plain", "gzip", "zstd"] {
        let mut here = mount(Layer::new().file("large", &bytes).tar(), codec, 4 * MIB);
        let mount = here.mount.take().unwrap();
        let path = here.join("large");
        let (ended, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (bytes, path, ended, reads) = (&bytes, &path, &ended, &reads);
                scope.spawn(move || {
                    let file = File::open(path).unwrap();
                    let mut random = Random(n);
                    let mut buf = vec![0; 20_000];
                    while !ended.load(Ordering::SeqCst) {
                        let offset = random.below(bytes.len() - buf.len());
                        match file.read_exact_at(&mut buf, offset as u64) {
                            Ok(()) => assert!(buf == bytes[offset..offset + buf.len()]),
                            Err(_) => return,
                        }
                        forget(&file);
                        reads.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            within(SOON, "reads", || reads.load(Ordering::SeqCst) > 40);
            let since = Instant::now();
            mount.umount().unwrap();
            let took = since.elapsed();
            ended.store(true, Ordering::SeqCst);
            assert!(took < SOON, "{codec}: {took:?}");
        });
        let gone = File::open(&path).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{codec}: it is gone");
        // When the last reader has closed its file, nothing keeps the view alive.
        within(SOON, "the mount's threads to end", || {
            Arc::strong_count(&here.view) == 1
        });
    }
}

/// A process that is stopped, and continued on drop.
struct Stopped(Pid);

impl Stopped {
    fn new(pid: Pid) -> Self {
        kill_process(pid, Signal::STOP).unwrap();
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// The image is in another mount, whose process is stopped: reads that need decoding wait, and all other
/// requests are answered.
#[test]
fn who_waits_for_bytes_holds_up_nobody_else() {
    let bytes = sample(8 * MIB);
    let mut layer = Layer::new().file("large", &bytes);
    for n in 0..50 {
        layer = layer.file(&format!("name{n}"), "");
    }
    let inner = docker_archive(&OciImage::plain(&[layer.tar()]), &[]);
    let outer = Layer::new().file("inner.tar", &inner).tar();
    let place = Place::new();
    place.file("outer.tar", docker_archive(&OciImage::plain(&[outer]), &[]));
    place.mount(&["--sidecars", "off"], place.join("outer.tar"));
    let daemon = place.daemon();

    let image = place.mnt().join("inner.tar");
    let opened = open::open(&str(&image).parse().unwrap(), &OpenOptions::default(), &());
    let view = Arc::new(ImageFs::new(Arc::new(opened.unwrap()), Sidecars::Off));
    let mnt = tempfile::tempdir().unwrap();
    let mounted = fuse::mount(view, mnt.path(), &MountOptions::default()).unwrap();

    // The image's pages are dropped from the page cache, so that reads need the stopped process.
    forget(&File::open(&image).unwrap());
    let stopped = Stopped::new(daemon);
    std::thread::scope(|scope| {
        let (path, bytes) = (mnt.path(), &bytes);
        let readers: Vec<_> = (0..2)
            .map(|n| {
                scope.spawn(move || {
                    let file = File::open(path.join("large")).unwrap();
                    let mut buf = [0; 4096];
                    let at = n * 5 * MIB;
                    file.read_exact_at(&mut buf, at as u64).unwrap();
                    assert!(buf == bytes[at..at + 4096]);
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(200));
        let (sender, receiver) = std::sync::mpsc::channel();
        scope.spawn(move || {
            for n in 0..50 {
                fs::metadata(path.join(format!("name{n}"))).unwrap();
            }
            let _ = sender.send(());
        });
        let answered = receiver.recv_timeout(SOON);
        let waiting = readers.iter().all(|reader| !reader.is_finished());
        drop(stopped);
        assert!(answered.is_ok(), "a request for names waited for bytes");
        assert!(waiting, "no read waited for bytes");
        for reader in readers {
            reader.join().unwrap();
        }
    });
    mounted.umount().unwrap();
}
