//! Tests of the decoder against zlib, and with streams that a small encoder writes.

mod against_zlib;
mod encoder;
mod written;

use super::{Inflater, Invalid, Step, Stop, Until};

/// Decodes all of `data` in pieces whose lengths `piece` returns. Returns the decoded bytes and the
/// number of bytes used.
fn inflate(data: &[u8], mut piece: impl FnMut() -> usize) -> Result<(Vec<u8>, usize), Wrong> {
    let mut inflater = Inflater::new();
    let mut out = Vec::new();
    let used = drain(&mut inflater, data, &mut piece, Until::Buffer, &mut out)?;
    Ok((out, used))
}

/// Why data cannot be decoded.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Invalid(Invalid),
    /// The data ends early.
    Short,
}

impl From<Invalid> for Wrong {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// Decodes to the end of the data or, with [`Until::Block`], to the next block. Returns how many
/// bytes were used.
fn drain(
    inflater: &mut Inflater,
    data: &[u8],
    piece: &mut impl FnMut() -> usize,
    until: Until,
    out: &mut Vec<u8>,
) -> Result<usize, Wrong> {
    let mut used = 0;
    loop {
        let end = data.len().min(used + piece());
        let Step {
            consumed,
            produced,
            stop,
        } = inflater.step(&data[used..end], until)?;
        used += consumed;
        let ready = inflater.ready();
        out.extend_from_slice(&ready[ready.len() - produced..]);
        // Sometimes the output is not taken.
        if stop != Stop::Buffer || inflater.room() < 1000 || !out.len().is_multiple_of(3) {
            inflater.take(inflater.ready().len());
        }
        match stop {
            Stop::Buffer if consumed == 0 && produced == 0 && end == data.len() => {
                return Err(Wrong::Short);
            }
            Stop::Buffer => {}
            Stop::Block { .. } | Stop::End => return Ok(used),
        }
    }
}
