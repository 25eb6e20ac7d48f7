//! Compares the deflate decoder of imgfs with libraries, and codecs for side files, on real layers.
//!
//! ```text
//! cargo run --release --manifest-path benches/decoders/Cargo.toml -- LAYER.tar.gz...
//! ```
//!
//! Each argument is a gzip file of one or more members, such as a blob of a layout. Everything runs on
//! one thread, from memory, and times are those that the thread spent on a processor (rapidgzip-core, with
//! one thread, decodes on the calling one). The decoders take turns, and the minimum of the rounds counts.
//! Decoders that can stop at deflate blocks stop at each of them, as the first pass over a layer does.

mod blocks;
#[path = "../../../src/blob/inflate/mod.rs"]
#[allow(dead_code, unused_imports)]
mod inflate;
mod layers;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The number of rounds of each decoder.
const ROUNDS: usize = 3;

/// Returns the processor time that this thread has used.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn main() -> std::io::Result<()> {
    let files: Result<Vec<Vec<u8>>, _> = std::env::args_os().skip(1).map(std::fs::read).collect();
    let files = files?;
    assert!(!files.is_empty(), "give at least one gzip file");
    let mut best = [Duration::MAX; layers::DECODERS.len()];
    let mut decoded = [layers::Decoded::default(); layers::DECODERS.len()];
    for _ in 0..ROUNDS {
        for (n, (_, decode)) in layers::DECODERS.iter().enumerate() {
            let begun = now();
            decoded[n] = files.iter().map(|file| decode(file)).sum();
            best[n] = best[n].min(now() - begun);
        }
    }
    println!("decoder | seconds | stops at blocks | decoded bytes");
    for (n, (name, _)) in layers::DECODERS.iter().enumerate() {
        let layers::Decoded { bytes, stops } = decoded[n];
        assert_eq!(bytes, decoded[0].bytes, "{name} decodes other bytes");
        println!("{name} | {:.2} | {stops} | {bytes}", best[n].as_secs_f64());
    }
    blocks::compare(&files[0]);
    Ok(())
}
