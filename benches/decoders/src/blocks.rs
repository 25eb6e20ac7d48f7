//! Codecs for the blocks of side files: 256 KiB of decoded bytes each, written once, read a few times
//! in any order.

use std::io::Read;
use std::time::Duration;

use crate::now;
use lz4::block::{CompressionMode, compress_bound, compress_to_buffer, decompress_to_buffer};

/// The length of a block before compression, in bytes.
const BLOCK: usize = 256 << 10;
/// The maximum length of the sample, in bytes.
const SAMPLE: u64 = 256 << 20;
const ROUNDS: usize = 3;

/// Compresses and decompresses the start of a layer with each codec, and prints times and sizes.
pub fn compare(layer: &[u8]) {
    let mut sample = Vec::new();
    let decoder = flate2::read::MultiGzDecoder::new(layer);
    decoder.take(SAMPLE).read_to_end(&mut sample).expect("gzip");
    let mb = sample.len() as f64 / 1e6;
    println!("\nblocks of 256 KiB | size, % | compress, MB/s | decompress, MB/s");
    for acceleration in [1, 8] {
        let mode = CompressionMode::FAST(acceleration);
        let compress = |raw: &[u8], out: &mut Vec<u8>| {
            out.resize(compress_bound(BLOCK).expect("a length"), 0);
            let len = compress_to_buffer(raw, Some(mode), false, out).expect("room");
            out.truncate(len);
        };
        let decompress = |block: &[u8], out: &mut [u8]| {
            let n = decompress_to_buffer(block, Some(out.len() as i32), out).expect("a block");
            assert_eq!(n, out.len());
        };
        let name = format!("lz4, acceleration {acceleration}");
        measure(&name, &sample, mb, compress, decompress);
    }
    for level in [1, -1, -3, -5, -10, -20, -50] {
        let mut compressor = zstd::bulk::Compressor::new(level).expect("a level");
        let mut decompressor = zstd::bulk::Decompressor::new().expect("memory");
        let compress = |raw: &[u8], out: &mut Vec<u8>| {
            out.clear();
            out.reserve(zstd::zstd_safe::compress_bound(BLOCK));
            compressor.compress_to_buffer(raw, out).expect("room");
        };
        let decompress = |block: &[u8], out: &mut [u8]| {
            let n = decompressor.decompress_to_buffer(block, out);
            assert_eq!(n.expect("a frame"), out.len());
        };
        measure(
            &format!("zstd, level {level}"),
            &sample,
            mb,
            compress,
            decompress,
        );
    }
}

fn measure(
    name: &str,
    sample: &[u8],
    mb: f64,
    mut compress: impl FnMut(&[u8], &mut Vec<u8>),
    mut decompress: impl FnMut(&[u8], &mut [u8]),
) {
    let (mut writing, mut reading) = (Duration::MAX, Duration::MAX);
    let mut size = 0;
    let mut out = vec![0; BLOCK];
    for _ in 0..ROUNDS {
        let mut block = Vec::new();
        let mut blocks = Vec::new();
        let mut taken = Duration::ZERO;
        for raw in sample.chunks(BLOCK) {
            let begun = now();
            compress(raw, &mut block);
            taken += now() - begun;
            blocks.push(block.as_slice().to_vec());
        }
        writing = writing.min(taken);
        size = blocks.iter().map(Vec::len).sum();
        let begun = now();
        for (block, raw) in blocks.iter().zip(sample.chunks(BLOCK)) {
            decompress(block, &mut out[..raw.len()]);
        }
        reading = reading.min(now() - begun);
    }
    println!(
        "{name} | {:.1} | {:.0} | {:.0}",
        100.0 * size as f64 / sample.len() as f64,
        mb / writing.as_secs_f64(),
        mb / reading.as_secs_f64(),
    );
}
