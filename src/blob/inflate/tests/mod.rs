//! The decoder against zlib and against streams that a small encoder writes by the RFC.

mod against_zlib;
mod encoder;
mod written;

use super::{Inflater, Invalid, Step, Stop, Until};

/// Decodes all of `data`, fed in pieces whose lengths `piece` tells; all its bytes and the number of
/// bytes that it uses.
fn inflate(data: &[u8], mut piece: impl FnMut() -> usize) -> Result<(Vec<u8>, usize), Wrong> {
    let mut inflater = Inflater::new();
    let mut out = Vec::new();
    let used = drain(&mut inflater, data, &mut piece, Until::Buffer, &mut out)?;
    Ok((out, used))
}

/// Why data could not be decoded.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Invalid(Invalid),
    /// It ends too early.
    Short,
}

impl From<Invalid> for Wrong {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// Decodes to the end of the data, or, if that is wanted, to the next block. Tells how many bytes were
/// used.
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
        // Now and then nobody takes what is there.
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
