//! No damage to a file makes `imgfs::inspect` panic, read much at a time, or take long.

mod inspect_support;

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use imgfs::inspect::{Format, Source, inspect};
use inspect_support::*;
use proptest::prelude::*;

/// No piece that is asked for, and so none that is allocated, is longer.
const PIECE_LIMIT: usize = 16 << 20;

/// A file that minds how it is read.
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

/// Files of all formats and layouts to damage.
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

/// Every file, cut off everywhere where its headers may be, and at some places beyond.
#[test]
fn cut_off_files_never_panic() {
    let mut count = 0;
    for seed in seeds() {
        let whole = inspect(&seed).expect("a seed is known").format;
        let near = 0..seed.len().min(4096);
        for len in near.chain((4096..seed.len()).step_by(509)) {
            let cut = inspect(&&seed[..len]);
            count += 1;
            assert!(cut.is_none_or(|binary| binary.format == whole || whole == Format::GoArchive));
        }
    }
    println!("{count} files");
}

/// What is most likely to make a decoder slow: much of what it looks for, and nothing that it is.
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
            let started = Instant::now();
            inspect(&file);
            let took = started.elapsed();
            // In a build that is not optimised: it is 10 ms otherwise.
            assert!(took < Duration::from_secs(5), "{pattern:?}: {took:?}");
        }
    }
}

/// Bytes that numbers are most likely to go wrong with.
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, ..ProptestConfig::default() })]

    /// Headers are at the ends of a file, mostly; so is most of the damage.
    #[test]
    fn damage_never_panics(
        seed in any::<prop::sample::Index>(),
        near_start in prop::collection::vec((0usize..1200, hostile_byte()), 0..24),
        anywhere in prop::collection::vec((any::<prop::sample::Index>(), hostile_byte()), 0..24),
        near_end in prop::collection::vec((0usize..2400, hostile_byte()), 0..24),
        spare_magic in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        thread_local! {
            static SEEDS: Vec<Vec<u8>> = seeds();
        }
        let mut file = SEEDS.with(|seeds| seed.get(seeds).clone());
        let len = file.len();
        for (at, byte) in near_start {
            // With its magic number gone, a file is not looked at any further.
            if let Some(old) = file.get_mut(at).filter(|_| !spare_magic || at >= 8) {
                *old = byte;
            }
        }
        for (at, byte) in anywhere {
            if !spare_magic || at.index(len) >= 8 {
                file[at.index(len)] = byte;
            }
        }
        for (at, byte) in near_end {
            if let Some(old) = len.checked_sub(at + 1).and_then(|at| file.get_mut(at)) {
                *old = byte;
            }
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(len));
        }
        let watched = Watched::new(&file);
        let started = Instant::now();
        let found = inspect(&watched);
        prop_assert!(started.elapsed() < Duration::from_secs(2));
        prop_assert!(watched.longest.get() <= PIECE_LIMIT);
        prop_assert!(watched.total.get() <= 4 * file.len() as u64 + (16 << 20));
        // What has an ELF header has a machine.
        prop_assert!(found.is_none_or(|b| b.format != Format::Elf || b.arch.is_some()));
    }
}
