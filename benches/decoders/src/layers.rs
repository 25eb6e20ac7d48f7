//! The decoders of whole gzip files.

use std::io::{self, Write};
use std::num::NonZeroU64;

use flate2::{Decompress, FlushDecompress, Status};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use rapidgzip_core::{Decoder, IndexOptions, WindowStorage};

use crate::inflate::{Inflater, Stop, Until};

/// The length of the buffer of output, in bytes. A power of two, as miniz_oxide requires.
const OUTPUT_LEN: usize = 256 << 10;

/// The decoded length that all decoders must agree on, and how often decoding stopped at a block.
#[derive(Clone, Copy, Default)]
pub struct Decoded {
    pub bytes: u64,
    pub stops: u64,
}

impl std::iter::Sum for Decoded {
    fn sum<I: Iterator<Item = Self>>(each: I) -> Self {
        each.fold(Self::default(), |all, one| Self {
            bytes: all.bytes + one.bytes,
            stops: all.stops + one.stops,
        })
    }
}

type Decode = fn(&[u8]) -> Decoded;

pub const DECODERS: [(&str, Decode); 5] = [
    ("imgfs, at each block", ours),
    ("miniz_oxide block-boundary, at each block", miniz),
    ("flate2 with zlib-rs, cannot stop", zlib),
    ("rapidgzip-core, cannot stop", rapidgzip),
    (
        "rapidgzip-core, its own index every 2.5 MiB",
        rapidgzip_index,
    ),
];

/// Decodes each member of a gzip file. `decode` gets deflate data and returns its length.
fn members(mut file: &[u8], mut decode: impl FnMut(&[u8]) -> usize) {
    while let Some(len) = header_len(file) {
        let used = len + decode(&file[len..]);
        // The trailer: CRC-32 and length.
        file = file.get(used + 8..).unwrap_or_default();
    }
}

/// Returns the length of a gzip header (RFC 1952, 2.3), or `None` at the end of the members.
fn header_len(file: &[u8]) -> Option<usize> {
    let flags = *file.strip_prefix(&[0x1f, 0x8b, 8])?.first()?;
    let mut len = 10;
    if flags & 4 != 0 {
        len += 2 + usize::from(u16::from_le_bytes([file[len], file[len + 1]]));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            len += 1 + file[len..].iter().position(|byte| *byte == 0)?;
        }
    }
    Some(len + if flags & 2 != 0 { 2 } else { 0 })
}

fn ours(file: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    let mut inflater = Inflater::new();
    members(file, |data| {
        inflater.restart();
        let mut used = 0;
        loop {
            let step = inflater.step(&data[used..], Until::Block);
            let step = step.expect("valid deflate data");
            used += step.consumed;
            decoded.bytes += step.produced as u64;
            match step.stop {
                Stop::End => break,
                Stop::Block { .. } => decoded.stops += 1,
                Stop::Buffer => {}
            }
            inflater.take(inflater.ready().len());
        }
        inflater.take(inflater.ready().len());
        used
    });
    decoded
}

fn miniz(file: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    let mut out = vec![0; OUTPUT_LEN];
    let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY;
    members(file, |data| {
        let mut inflater = DecompressorOxide::new();
        let (mut used, mut at) = (0, 0);
        loop {
            let (status, consumed, produced) =
                decompress(&mut inflater, &data[used..], &mut out, at, flags);
            used += consumed;
            at = (at + produced) % OUTPUT_LEN;
            decoded.bytes += produced as u64;
            match status {
                TINFLStatus::Done => return used,
                TINFLStatus::BlockBoundary => decoded.stops += 1,
                TINFLStatus::HasMoreOutput => {}
                other => panic!("{other:?}"),
            }
        }
    });
    decoded
}

fn zlib(file: &[u8]) -> Decoded {
    let mut decoded = Decoded::default();
    let mut out = vec![0; OUTPUT_LEN];
    members(file, |data| {
        let mut inflater = Decompress::new(false);
        loop {
            let used = inflater.total_in() as usize;
            let status = inflater.decompress(&data[used..], &mut out, FlushDecompress::None);
            if status.expect("valid deflate data") == Status::StreamEnd {
                decoded.bytes += inflater.total_out();
                return inflater.total_in() as usize;
            }
        }
    });
    decoded
}

/// Counts the bytes that are written to it.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn rapidgzip(file: &[u8]) -> Decoded {
    let decoder = Decoder::builder().decoder_threads(1).build();
    let mut count = Count(0);
    let decoder = decoder.expect("valid options");
    decoder.decode(file, &mut count).expect("a valid gzip file");
    Decoded {
        bytes: count.0,
        stops: 0,
    }
}

fn rapidgzip_index(file: &[u8]) -> Decoded {
    let decoder = Decoder::builder().decoder_threads(1).build();
    let mut count = Count(0);
    let decoder = decoder.expect("valid options");
    let options = IndexOptions {
        checkpoint_spacing: NonZeroU64::new(5 << 19).expect("not zero"),
        window_storage: WindowStorage::Raw,
    };
    let report = decoder.decode_with_index(file, &mut count, options);
    let report = report.expect("a valid gzip file");
    Decoded {
        bytes: count.0,
        stops: report.index.checkpoint_count() as u64,
    }
}
