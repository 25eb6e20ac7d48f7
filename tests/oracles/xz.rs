//! Compares blobs that are compressed with xz with the output of `xz -dc`: all forms of files that xz
//! writes give the same bytes, invalid files are distinguished, and a read in the middle decodes one
//! block.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{run_xz, xz};
use imgfs::internals::blob::{
    BlobError, Bytes, Codec, Pass, ReadAt, SpanCache, SpanReader, SpanTable, examine,
};
use imgfs::internals::cache::{CacheDir, CacheKey, CacheKind};

const MIB: usize = 1 << 20;

/// Returns moderately compressible bytes: text with numbers, runs of zeros, and noise.
fn sample(len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 100);
    let mut state = 88_172_645_463_325_252_u64;
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state % 16 {
            0 => bytes.resize(bytes.len() + (state >> 40) as usize % 3000, 0),
            1..4 => bytes.extend(state.to_le_bytes()),
            _ => bytes.extend(format!("line {} of it\n", bytes.len() / 40).bytes()),
        }
    }
    bytes.truncate(len);
    bytes
}

/// Returns x86-64 machine code: the start of this program.
fn code() -> Vec<u8> {
    let mut bytes = Vec::new();
    let program = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    program.take(1_100_000).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Stored bytes, and a count of the bytes read from them.
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

/// A blob after its first pass.
struct Opened {
    source: Arc<Counted>,
    table: SpanTable,
    decoded: Vec<u8>,
}

fn open(stored: &[u8]) -> Result<Opened, BlobError> {
    let source = Arc::new(Counted {
        bytes: stored.to_vec(),
        read: AtomicU64::new(0),
    });
    let mut writer = CacheDir::none().create(CacheKind::Layer).unwrap();
    let mut pass = Pass::new(source.clone(), None, None, &mut writer)?;
    let mut decoded = Vec::new();
    if pass.read_to_end(&mut decoded).is_err() {
        return Err(pass.take_error().unwrap());
    }
    let result = pass.finish()?;
    assert_eq!(result.codec, Codec::Xz);
    let file = writer.finish(&CacheKey::layer("sha256:00")).unwrap().file;
    Ok(Opened {
        source,
        table: SpanTable::of(&file),
        decoded,
    })
}

impl Opened {
    /// Returns a reader with a cache of `budget` bytes. With 0, nothing is cached or decoded ahead.
    fn reader(&self, budget: usize) -> SpanReader {
        let cache = Arc::new(SpanCache::new(budget, CacheDir::none()));
        SpanReader::new(self.source.clone(), self.table.clone(), cache)
    }

    /// Returns the number of stored bytes read since the last call.
    fn read(&self) -> u64 {
        self.source.read.swap(0, Ordering::SeqCst)
    }
}

/// Decodes a file as a whole, and then in pieces from back to front, and compares both with `plain`.
fn check(what: &str, stored: &[u8], plain: &[u8]) {
    let opened = open(stored).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(opened.decoded == plain, "{what}: the pass");
    assert_eq!(opened.table.size(), plain.len() as u64, "{what}");
    let reader = opened.reader(8 * MIB);
    let mut at = plain.len();
    while at > 0 {
        let len = (at / 7).clamp(1, 400_000).min(at);
        at -= len;
        let mut buf = vec![0; len];
        reader.read_exact_at(&mut buf, at as u64).unwrap();
        assert!(buf == plain[at..at + len], "{what}: {len} bytes at {at}");
    }
}

#[test]
fn every_shape_of_file_gives_the_bytes_that_xz_gives() {
    let plain = sample(1_200_000);
    let many: &[&str] = &["--block-size=100000"];
    let lists: &[&str] = &["--block-list=1,70000,5,700000,0"];
    for args in [
        &["-1"][..],
        &["-6"],
        &["-9e"],
        many,
        lists,
        // Blocks that store their lengths.
        &["-T2", "--block-size=300000"],
        &["-C", "none"],
        &["-C", "crc32"],
        &["-C", "crc64", "--block-size=300000"],
        &["-C", "sha256", "--block-size=70000"],
        // Uncompressed chunks, and other numbers of context bits.
        &["--lzma2=preset=6,lc=0,lp=2,pb=0,dict=4KiB"],
        &["--lzma2=preset=0,lc=4,lp=0,pb=4"],
    ] {
        let stored = xz(args, &plain);
        assert!(run_xz(&["-dc"], &stored).unwrap() == plain);
        check(&format!("{args:?}"), &stored, &plain);
    }
    check("nothing", &xz(&[], b""), b"");
    check("a byte", &xz(&[], b"x"), b"x");
    let noise: Vec<u8> = {
        let mut random = std::fs::File::open("/dev/urandom").unwrap();
        let mut bytes = vec![0; 400_000];
        random.read_exact(&mut bytes).unwrap();
        bytes
    };
    check("noise", &xz(&["-0"], &noise), &noise);
}

#[test]
fn filters_for_code_and_data() {
    let code = code();
    let lzma2 = "--lzma2=preset=1";
    for filters in [
        &["--x86"][..],
        &["--x86=start=4096"],
        &["--arm64"],
        &["--arm"],
        &["--armthumb"],
        &["--powerpc"],
        &["--ia64"],
        &["--sparc"],
        &["--delta=dist=1"],
        &["--delta=dist=256"],
        // The maximum number of filters of a block.
        &["--delta=dist=4", "--x86", "--arm64"],
        &["--x86", "--delta=dist=3"],
    ] {
        let args = [filters, &[lzma2, "--block-size=600001"]].concat();
        let part = &code[..1_000_003];
        check(&format!("{filters:?}"), &xz(&args, part), part);
        // Inputs whose last bytes may not make a whole instruction.
        for len in [1, 3, 5, 17, 16_384, 32_769] {
            let end = &code[1000..1000 + len];
            check(&format!("{filters:?} of {len}"), &xz(&args, end), end);
        }
    }
}

#[test]
fn streams_after_one_another_with_padding_between() {
    let plain = sample(700_000);
    let (a, b) = plain.split_at(300_001);
    let a = xz(&["-C", "crc32"], a);
    let b = xz(&["-C", "sha256", "--block-size=100000"], b);
    let empty = xz(&["-C", "none"], b"");
    let zeros = |n| vec![0; n];
    for (what, parts) in [
        ("two", vec![&a[..], &b]),
        ("padding", vec![&a, &[0; 4], &b]),
        ("padding at the end", vec![&a, &b, &[0; 512]]),
        ("empty ones", vec![&empty, &a, &empty, &empty, &b, &empty]),
        ("long padding", vec![&a, &zeros(300_000), &b]),
    ] {
        let stored = parts.concat();
        assert!(run_xz(&["-dc"], &stored).unwrap() == plain, "{what}");
        check(what, &stored, &plain);
    }
    // Spans that begin at streams with different checks and continue into the next streams.
    let plain = sample(12_000_000);
    let checks = ["none", "crc32", "crc64", "sha256"];
    let streams: Vec<u8> = plain
        .chunks(600_000)
        .zip(checks.iter().cycle())
        .flat_map(|(chunk, check)| xz(&["-1", "-C", check], chunk))
        .collect();
    check("many", &streams, &plain);
}

#[test]
fn a_file_that_ends_early_is_cut_off_at_every_byte() {
    let plain = sample(20_000);
    let stored = [
        xz(&["--block-size=7000"], &plain),
        xz(
            &["-T2", "--block-size=7000", "--x86", "--lzma2=preset=1"],
            &plain,
        ),
    ];
    for stored in stored {
        for len in 6..stored.len() {
            match open(&stored[..len]) {
                Err(BlobError::Truncated {
                    codec: Codec::Xz,
                    at,
                }) => {
                    assert_eq!(at, len as u64);
                }
                Err(error) => panic!("{len}: {error}"),
                Ok(_) => panic!("{len}: it is taken for whole"),
            }
        }
    }
}

/// A flipped bit is an error or changes no byte: if a stream has a check, damaged data is never returned
/// as valid.
#[test]
fn a_flipped_bit_anywhere_is_an_error_or_gives_the_same_bytes() {
    let plain = sample(9_000);
    for args in [
        &["--block-size=4000"][..],
        &["-C", "crc32", "--x86", "--lzma2=preset=1"],
        &[
            "-T2",
            "--block-size=4000",
            "-C",
            "sha256",
            "--delta=dist=2",
            "--lzma2=preset=1",
        ],
    ] {
        let stored = xz(args, &plain);
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if flipped[..6] != stored[..6] {
                continue;
            }
            match open(&flipped) {
                Ok(opened) => assert!(opened.decoded == plain, "{args:?}, bit {bit}"),
                Err(BlobError::Corrupt { codec, .. } | BlobError::Truncated { codec, .. }) => {
                    assert_eq!(codec, Codec::Xz);
                }
                Err(BlobError::Dictionary { .. }) => {}
                Err(error) => panic!("{args:?}, bit {bit}: {error}"),
            }
        }
    }
}

#[test]
fn what_xz_refuses_is_refused() {
    let a = xz(&[], b"hello");
    let b = xz(&["-C", "crc32"], b"world");
    let footer = |of: &[u8]| of[of.len() - 12..].to_vec();
    let without = |of: &[u8], n: usize| of[..of.len() - n].to_vec();
    for (what, stored) in [
        ("garbage", [&a[..], b"garbage"].concat()),
        ("a byte of garbage", [&a[..], b"x"].concat()),
        (
            "garbage after padding",
            [&a[..], &[0; 8], b"garbage"].concat(),
        ),
        ("padding of three bytes", [&a[..], &[0; 3]].concat()),
        (
            "odd padding before a stream",
            [&a[..], &[0; 5], &b].concat(),
        ),
        ("another's footer", [without(&a, 12), footer(&b)].concat()),
        ("another's index", {
            // Both files end in an index of eight bytes and a footer.
            let longer = xz(&[], b"hello, world");
            [without(&a, 20), longer[longer.len() - 20..].to_vec()].concat()
        }),
    ] {
        assert_eq!(run_xz(&["-dc", "-q"], &stored), None, "{what}");
        match open(&stored) {
            Err(BlobError::Corrupt { .. }) => {}
            Err(error) => panic!("{what}: {error}"),
            Ok(_) => panic!("{what}: it is read"),
        }
    }
}

/// A header may request a dictionary of up to 4 GiB. `xz -9` uses 64 MiB; the limit is twice that.
#[test]
fn a_dictionary_above_the_limit_is_named_as_a_limit() {
    let plain = sample(50_000);
    check("128 MiB", &xz(&["--lzma2=dict=128MiB"], &plain), &plain);
    let stored = xz(&["--lzma2=dict=192MiB"], &plain);
    match open(&stored).map(|_| ()) {
        Err(error @ BlobError::Dictionary { needed }) => {
            assert_eq!(needed, 192 << 20);
            let said = error.to_string();
            assert!(
                said.contains("192 MiB") && said.contains("128 MiB"),
                "{said}"
            );
        }
        other => panic!("{other:?}"),
    }
}

/// Data that expands to a thousand times its length takes time but no memory.
#[test]
fn a_bomb_costs_time_only() {
    let mut compress = Command::new("sh")
        .args([
            "-c",
            "head -c 256M /dev/zero | xz -1 -T2 --block-size=100MiB",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stored = Vec::new();
    let mut output = compress.stdout.take().unwrap();
    output.read_to_end(&mut stored).unwrap();
    assert!(compress.wait().unwrap().success() && stored.len() < MIB);
    let nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let wanted = [nothing.parse().unwrap()];
    let source = Arc::new(Bytes(stored.into()));
    let found = examine(source, None, &wanted, &mut |_| ()).unwrap();
    // head -c 256M /dev/zero | sha256sum
    let zeros = "sha256:a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484";
    assert_eq!(found.decoded.unwrap()[0].to_string(), zeros);
}

/// A read in the middle of a file with many blocks reads only the input of one span.
#[test]
fn a_read_in_the_middle_decodes_one_block() {
    let plain = sample(40 * MIB);
    let stored = xz(&["-0", "-T2", "--block-size=4MiB"], &plain);
    let opened = open(&stored).unwrap();
    assert_eq!(opened.table.count(), 10);
    let reader = opened.reader(0);
    opened.read();
    for block in [9, 0, 5, 2] {
        let at = block * 4 * MIB + 3 * MIB;
        let mut buf = [0; 4096];
        reader.read_exact_at(&mut buf, at as u64).unwrap();
        assert!(buf == plain[at..at + 4096]);
        let (read, block) = (opened.read(), stored.len() as u64 / 10);
        // Input is read 64 KiB at a time.
        assert!(
            read < 2 * block + 2 * 65_536,
            "{read} where a block is {block}"
        );
    }
}

/// The first 5 MiB of a large block are one span. The rest is decoded once, and no other block is
/// decoded.
#[test]
fn a_large_block_is_decoded_once() {
    let plain = sample(40 * MIB);
    let stored = xz(&["-0", "-T2", "--block-size=20MiB"], &plain);
    let opened = open(&stored).unwrap();
    let reader = opened.reader(0);
    opened.read();
    let half = stored.len() as u64 / 2;
    for at in (26 * MIB..40 * MIB).step_by(100_003) {
        let mut buf = [0; 4096];
        let n = reader.read_at(&mut buf, at as u64).unwrap();
        assert!(buf[..n] == plain[at..at + n]);
    }
    let read = opened.read();
    assert!(read < half + half / 8, "{read} of two blocks of {half}");
}
