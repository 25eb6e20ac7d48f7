//! Compares the decoder with zlib: the same bytes, and the same errors.

use std::io::Write;

use flate2::{Compress, Compression, Decompress, FlushDecompress, Status};
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Compresses bytes as raw deflate data.
fn deflate(bytes: &[u8], level: u32) -> Vec<u8> {
    let compress = Compress::new(Compression::new(level), false);
    let mut encoder = flate2::write::ZlibEncoder::new_with_compress(Vec::new(), compress);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Decodes raw deflate data with zlib. Returns the bytes and how much input was used, or `None` if
/// the data is invalid or ends early.
fn zlib(data: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut zlib = Decompress::new(false);
    let mut out = Vec::with_capacity(1 << 16);
    loop {
        let at = zlib.total_in() as usize;
        let before = (zlib.total_in(), zlib.total_out());
        let status = zlib.decompress_vec(&data[at..], &mut out, FlushDecompress::None);
        match status.ok()? {
            Status::StreamEnd => return Some((out, zlib.total_in() as usize)),
            _ if (zlib.total_in(), zlib.total_out()) == before && out.len() < out.capacity() => {
                return None;
            }
            _ => out.reserve(1 << 16),
        }
    }
}

/// Compressible bytes: runs, text, noise, and repetitions of all these.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        (any::<u8>(), 1..2000_usize).prop_map(|(byte, n)| vec![byte; n]),
        "[a-z ]{0,300}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..600),
        prop::collection::vec(0..4_u8, 0..2000),
    ];
    let again = prop::collection::vec((any::<Index>(), 0..3000_usize), 0..10);
    (prop::collection::vec(part, 0..8), again).prop_map(|(parts, again)| {
        let mut bytes = parts.concat();
        for (from, len) in again.into_iter().filter(|_| !parts.is_empty()) {
            let from = from.index(bytes.len() + 1);
            let to = bytes.len().min(from + len);
            bytes.extend_from_within(from..to);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn the_same_bytes_in_pieces_of_any_size(
        bytes in bytes(),
        level in 0..=9_u32,
        pieces in prop::collection::vec(prop_oneof![1..20_usize, 1..5000_usize], 1..20),
    ) {
        let data = deflate(&bytes, level);
        // Bytes after the data are not used.
        let longer = [&data[..], b"behind"].concat();
        let mut pieces = pieces.into_iter().cycle();
        let (out, used) = inflate(&longer, || pieces.next().unwrap()).unwrap();
        prop_assert!(out == bytes);
        prop_assert_eq!(used, data.len());
    }

    #[test]
    fn the_same_verdict_on_damage(
        bytes in bytes(),
        level in 0..=9_u32,
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<Index>()),
        piece in 1..500_usize,
    ) {
        let mut data = deflate(&bytes, level);
        for (at, byte) in damage {
            let at = at.index(data.len());
            data[at] = byte;
        }
        if let Some(cut) = cut {
            data.truncate(cut.index(data.len() + 1));
        }
        prop_assert!(inflate(&data, || piece).ok() == zlib(&data));
    }

    /// Most noise is invalid in the head of a block, so half of it begins as a block with fixed
    /// codes.
    #[test]
    fn the_same_verdict_on_noise(
        mut data in prop::collection::vec(any::<u8>(), 0..3000),
        kind in prop::option::of(0..4_u8),
        piece in 1..500_usize,
    ) {
        if let (Some(kind), Some(first)) = (kind, data.first_mut()) {
            *first = *first & !0b111 | 0b010 | kind & 1;
        }
        prop_assert!(inflate(&data, || piece).ok() == zlib(&data));
    }

    /// Before each block, the window and the bits of the last byte are enough to begin again.
    #[test]
    fn a_restart_before_every_block(
        bytes in bytes(),
        level in 1..=9_u32,
        more in bytes(),
        piece in 1..5000_usize,
    ) {
        // At least an empty block lies between the two.
        let mut compress = Compress::new(Compression::new(level), false);
        let mut data = Vec::with_capacity(2 * (bytes.len() + more.len()) + 1000);
        let (sync, end) = (flate2::FlushCompress::Partial, flate2::FlushCompress::Finish);
        compress.compress_vec(&bytes, &mut data, sync).unwrap();
        compress.compress_vec(&more, &mut data, end).unwrap();
        let all = [bytes, more].concat();

        let mut inflater = Inflater::new();
        let (mut out, mut at, mut blocks) = (Vec::new(), 0, 0);
        loop {
            let mut step = inflater.step(&data[at..data.len().min(at + piece)], Until::Block).unwrap();
            at += step.consumed;
            out.extend_from_slice(inflater.ready());
            inflater.take(inflater.ready().len());
            if let Stop::Block { bits } = step.stop {
                blocks += 1;
                prop_assert!(all[..out.len()].ends_with(inflater.window()));
                prop_assert_eq!(inflater.window().len(), out.len().min(super::super::WINDOW_LEN));
                let mut other = Inflater::new();
                let before = if at > 0 { data[at - 1] } else { 0 };
                other.resume(bits, before, inflater.window());
                let mut rest = Vec::new();
                drain(&mut other, &data[at..], &mut || piece, Until::Buffer, &mut rest).unwrap();
                prop_assert!(rest == all[out.len()..]);
                // With a wrong number of bits, the second decoder would fail.
                step.stop = Stop::Buffer;
            }
            if step.stop == Stop::End {
                break;
            }
        }
        prop_assert!(out == all);
        prop_assert!(blocks > 0);
    }
}

/// Decodes much more than the buffer holds.
#[test]
fn megabytes_of_every_level() {
    let mut seed = 1_u64;
    let mut bytes = Vec::new();
    while bytes.len() < 3_000_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (what, from, len) = (
            seed >> 60,
            (seed >> 20) as usize,
            (seed >> 50) as usize & 511,
        );
        match what {
            0..6 if !bytes.is_empty() => {
                let from = bytes.len() - 1 - from % bytes.len().min(40_000);
                let to = bytes.len().min(from + len);
                bytes.extend_from_within(from..to);
            }
            6..10 => bytes.extend(seed.to_le_bytes()),
            _ => bytes.extend(format!("{:x} is what it is; ", seed >> 44).bytes()),
        }
    }
    for level in 0..=9 {
        let data = deflate(&bytes, level);
        let mut piece = 1;
        let next = || {
            piece = piece * 3 % 70_001;
            piece
        };
        let (out, used) = inflate(&data, next).unwrap();
        assert_eq!(
            (out.len(), used),
            (bytes.len(), data.len()),
            "level {level}"
        );
        assert!(out == bytes, "level {level}");
    }
}
