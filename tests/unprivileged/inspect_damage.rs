//! For any damage to a file, `imgfs::internals::inspect` does not panic, read or allocate much at a time, or take
//! long.

// Required to measure allocations.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use crate::inspect_support::*;
use imgfs::internals::inspect::{Binary, Format, Source, inspect};
use proptest::prelude::*;

/// No single read or allocation is longer.
const PIECE_LIMIT: usize = 16 << 20;

/// No small file takes longer, in an unoptimised build either.
const TIME_LIMIT: Duration = Duration::from_millis(200);

/// The system's allocator; records the longest block that each thread has requested.
struct Minded;

thread_local! {
    /// Without a destructor and lazy initialisation, so that the allocator may use it at any time.
    static LONGEST: Cell<usize> = const { Cell::new(0) };
}

fn mind(len: usize) {
    LONGEST.set(LONGEST.get().max(len));
}

// SAFETY: every call and its result are passed through `System` unchanged; `mind` neither allocates nor
// panics, because a `Cell<usize>` with a constant initial value needs no initialisation and no drop.
unsafe impl GlobalAlloc for Minded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        mind(layout.size());
        // SAFETY: the caller upholds the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        mind(layout.size());
        // SAFETY: the caller upholds the same contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        mind(len);
        // SAFETY: the caller upholds the same contract; `block` was allocated by `System`.
        unsafe { System.realloc(block, layout, len) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds the same contract; `block` was allocated by `System`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Minded = Minded;

/// The cost of a call of `inspect`.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// The longest block that it allocated.
    longest: usize,
    time: Duration,
}

impl Cost {
    fn bearable(&self) -> bool {
        self.longest <= PIECE_LIMIT && self.time < TIME_LIMIT
    }
}

/// Returns the time that this thread has spent on a processor: its first number in `schedstat`
/// (Documentation/scheduler/sched-stats.rst of the kernel), which a busy machine does not change.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Runs `inspect` and measures its cost.
fn measured(file: &impl Source) -> (Option<Binary>, Cost) {
    let started = processor_time();
    LONGEST.set(0);
    let found = inspect(file);
    let longest = LONGEST.get();
    let time = processor_time() - started;
    (found, Cost { longest, time })
}

/// The number of calls in a test, and their worst cost.
struct Tally(Mutex<(u32, Cost)>);

impl Tally {
    const fn new() -> Self {
        let none = Cost {
            longest: 0,
            time: Duration::ZERO,
        };
        Self(Mutex::new((0, none)))
    }

    fn add(&self, cost: Cost) {
        let mut tally = self.0.lock().unwrap();
        tally.0 += 1;
        tally.1.longest = tally.1.longest.max(cost.longest);
        tally.1.time = tally.1.time.max(cost.time);
    }

    fn print(&self, test: &str) {
        let (calls, Cost { longest, time }) = *self.0.lock().unwrap();
        println!("{test}: {calls} files, worst time {time:?}, largest allocation {longest} bytes");
    }
}

/// A file that records how it is read.
struct Watched<'a> {
    bytes: &'a [u8],
    longest: Cell<usize>,
    total: Cell<u64>,
}

impl<'a> Watched<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let (longest, total) = (Cell::new(0), Cell::new(0));
        Self {
            bytes,
            longest,
            total,
        }
    }
}

impl Source for Watched<'_> {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.longest.set(self.longest.get().max(buf.len()));
        self.total.set(self.total.get() + buf.len() as u64);
        self.bytes.read_exact_at(buf, offset)
    }
}

/// Returns files of all formats and layouts to damage.
fn seeds() -> Vec<Vec<u8>> {
    let names = [
        "gcc-glibc-pie",
        "gcc-hello.o",
        "gcc-lib-glibc.so",
        "gcc-lib.a",
        "gcc-lib-thin.a",
        "gcc-module.ko",
        "go1.27-windows-386.a",
        "llc-aix-ppc.o",
        "zig-aarch64-macos.dylib",
        "zig-arm-linux-gnueabihf-dyn",
        "zig-mips-linux-musleabi-dyn",
        "zig-s390x-linux-musl",
        "zig-wasm32-freestanding.wasm",
        "zig-wasm32-wasi.o",
        "zig-x86_64-freebsd",
        "zig-x86_64-macos",
        "zig-x86_64-uefi.efi",
        "zig-x86_64-windows.dll",
        "zig-x86_64-windows.lib",
        "zig-x86-windows.exe",
    ];
    let settings = [("CGO_ENABLED", "1"), ("GOOS", "linux")];
    let info = build_info(&settings);
    let mut seeds: Vec<_> = names.into_iter().map(data).collect();
    let slices: [(u32, u32, &[u8]); 2] = [
        (0x0100_0007, 3, &data("zig-x86_64-macos")),
        (0x0100_000c, 0, &data("zig-aarch64-macos.o")),
    ];
    seeds.extend([
        go_elf(&settings),
        assembly(0x14c, false, 1, false),
        macho(b"__go_buildinfo", &info),
        universal(false, &slices),
        universal(true, &slices),
        xcoff(&info),
        plan9(&info),
        wasm(&[
            (0, b"\x09producers\x01\x08language\x01\x02Go\x08go1.22.1"),
            (11, &info),
        ]),
        ar(&[("go.o/", &go_elf(&settings)), ("#1/4", b"a.o\0text")]),
        b"#!/usr/bin/env -S node --no-warnings\n".to_vec(),
    ]);
    seeds
}

/// Every file, truncated at every offset of its headers and at some offsets beyond.
#[test]
fn cut_off_files_never_panic() {
    let tally = Tally::new();
    for seed in seeds() {
        let whole = inspect(&seed).expect("a seed is known").format;
        let near = 0..seed.len().min(4096);
        for len in near.chain((4096..seed.len()).step_by(509)) {
            let (cut, cost) = measured(&&seed[..len]);
            tally.add(cost);
            assert!(cost.bearable(), "{whole:?} cut to {len}: {cost:?}");
            assert!(cut.is_none_or(|binary| binary.format == whole || whole == Format::GoArchive));
        }
    }
    tally.print("cut off");
}

/// Tests the measurement: it detects an allocation, and only of this thread.
#[test]
fn allocations_are_seen() {
    LONGEST.set(0);
    drop(std::hint::black_box(vec![0u8; 3 << 20]));
    assert_eq!(LONGEST.get(), 3 << 20);
    let mut growing = Vec::with_capacity(8);
    growing.resize(5 << 20, 1u8);
    drop(std::hint::black_box(growing));
    assert_eq!(LONGEST.get(), 5 << 20);
    LONGEST.set(0);
    std::thread::spawn(|| drop(std::hint::black_box(vec![0u8; 7 << 20])))
        .join()
        .unwrap();
    assert!(LONGEST.get() < 1 << 20);
}

/// Worst cases for decoders: many occurrences of the patterns that they search for, none of them valid.
#[test]
fn long_files_are_not_slow() {
    for pattern in [
        &b"\xff Go buildinf:\x08\x02"[..],
        b"\xff\xff\xff\0\0",
        b"\xff\xff\xff\xf1\0\0",
        b"go1.",
        b"\0go1.1",
        b"GLIBC_TUNABLE",
        b"\0",
    ] {
        let content: Vec<u8> = pattern.iter().copied().cycle().take(20 << 20).collect();
        for file in [
            elf(4, &content),
            elf(6, &content),
            plan9(&content),
            macho(b"x", &content),
        ] {
            let (_, Cost { longest, time }) = measured(&file);
            assert!(longest <= PIECE_LIMIT, "{pattern:?}: {longest} bytes");
            // This is for an unoptimised build: it is 10 ms otherwise.
            assert!(time < Duration::from_secs(5), "{pattern:?}: {time:?}");
        }
    }
}

/// Generates bytes that are most likely to cause wrong numbers.
fn hostile_byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        Just(0),
        Just(0xff),
        Just(0x7f),
        Just(0x80),
        Just(1),
        any::<u8>()
    ]
}

/// A seed and its damage.
#[derive(Clone, Debug)]
struct Damage {
    seed: prop::sample::Index,
    near_start: Vec<(usize, u8)>,
    anywhere: Vec<(prop::sample::Index, u8)>,
    near_end: Vec<(usize, u8)>,
    spare_magic: bool,
    cut: Option<prop::sample::Index>,
}

/// Generates damage. Headers are mostly at the ends of a file, and so is most of the damage.
fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    let near = |len: usize| prop::collection::vec((0..len, hostile_byte()), 0..24);
    let anywhere = prop::collection::vec((index(), hostile_byte()), 0..24);
    let cut = prop::option::of(index());
    let parts = (
        index(),
        near(1200),
        anywhere,
        near(2400),
        any::<bool>(),
        cut,
    );
    parts.prop_map(
        |(seed, near_start, anywhere, near_end, spare_magic, cut)| Damage {
            seed,
            near_start,
            anywhere,
            near_end,
            spare_magic,
            cut,
        },
    )
}

impl Damage {
    fn file(&self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut file = self.seed.get(seeds).clone();
        let len = file.len();
        for &(at, byte) in &self.near_start {
            // Without its magic number, a file is not examined further.
            if let Some(old) = file.get_mut(at).filter(|_| !self.spare_magic || at >= 8) {
                *old = byte;
            }
        }
        for (at, byte) in &self.anywhere {
            if !self.spare_magic || at.index(len) >= 8 {
                file[at.index(len)] = *byte;
            }
        }
        for &(at, byte) in &self.near_end {
            if let Some(old) = len.checked_sub(at + 1).and_then(|at| file.get_mut(at)) {
                *old = byte;
            }
        }
        if let Some(cut) = &self.cut {
            file.truncate(cut.index(len));
        }
        file
    }
}

#[test]
fn damage_never_panics() {
    let (seeds, tally) = (seeds(), Tally::new());
    let config = ProptestConfig {
        cases: 6000,
        // A failing case is printed, but not saved.
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(damage in damage())| {
        let file = damage.file(&seeds);
        let watched = Watched::new(&file);
        let (found, cost) = measured(&watched);
        tally.add(cost);
        prop_assert!(cost.bearable(), "{cost:?}");
        prop_assert!(watched.longest.get() <= PIECE_LIMIT);
        prop_assert!(watched.total.get() <= 4 * file.len() as u64 + (16 << 20));
        // A file with an ELF header has a machine.
        prop_assert!(found.is_none_or(|b| b.format != Format::Elf || b.arch.is_some()));
    });
    tally.print("damaged");
}
