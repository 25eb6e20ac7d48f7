//! Symbols one after the other while there are plenty of input and room: nearly all of a layer.
//!
//! Bits are taken eight bytes at a time, more than are needed. One filling, of at least 56 bits, is
//! enough for two literals of the first table, a length and a look at its distance (2 * 11 + 20 + 8), or
//! for three literals and a look at what follows; another for the distance and such a look (28 + 11).
//! What the processor waits for is one look after the other, each of which needs the bits that the one
//! before leaves. So the next symbol is always looked up before anything is done with this one.

use super::Invalid;
use super::bits::{Bits, Source};
use super::code::{Distance, Litlen};
use super::entry::Entry;
use super::head::Codes;
use super::output::{LONGEST, Output, Tail};

/// So many bytes of input one turn may look at.
const INPUT: usize = 2 * size_of::<u64>();

/// So many bytes of output one turn may add: literals and a copy.
const OUTPUT: usize = 4 + LONGEST;

/// A symbol that is none.
pub(super) const UNKNOWN: Invalid = Invalid("a code that has no meaning");
/// A symbol that is no distance.
pub(super) const NO_DISTANCE: Invalid = Invalid("a code that is not a distance");

/// Why it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Input or room is no longer plenty.
    Buffer,
    /// The block is at its end.
    Block,
}

/// Decodes as far as it can. Between symbols fewer than eight bits are left, here as elsewhere.
///
/// Shifts by what is in a register take one step instead of three with BMI2.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(super) fn decode(
    bits: &mut Bits,
    source: &mut Source<'_>,
    output: &mut Output,
    codes: &Codes,
) -> Result<Ended, Invalid> {
    #[target_feature(enable = "bmi1,bmi2")]
    fn with_bmi2(
        bits: &mut Bits,
        source: &mut Source<'_>,
        output: &mut Output,
        codes: &Codes,
    ) -> Result<Ended, Invalid> {
        turns(bits, source, output, codes)
    }

    if is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has what the function needs.
        return unsafe { with_bmi2(bits, source, output, codes) };
    }
    turns(bits, source, output, codes)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) use turns as decode;

/// The same for any processor. What changes at each symbol is in values of this function's own, so that it
/// can be in registers.
#[inline(always)]
pub(super) fn turns(
    bits: &mut Bits,
    source: &mut Source<'_>,
    output: &mut Output,
    codes: &Codes,
) -> Result<Ended, Invalid> {
    let mut reservoir = Reservoir {
        left: source.left(),
        buf: bits.buf,
        count: bits.count,
    };
    let mut tail = output.tail();
    let ended = symbols(&mut reservoir, &mut tail, codes);
    let at = tail.at;
    output.reached(at);
    // Whole bytes that were taken too early go back.
    let count = reservoir.count & 63;
    source.used = source.bytes.len() - reservoir.left.len() - (count / 8) as usize;
    bits.count = count % 8;
    bits.buf = reservoir.buf & !(u64::MAX << bits.count);
    ended
}

/// Bits that are taken as many as fit.
struct Reservoir<'a> {
    left: &'a [u8],
    /// The next bit is the lowest. Of those above `count` some are there already.
    buf: u64,
    /// Its lowest six bits count; what is above them means nothing.
    count: u32,
}

impl Reservoir<'_> {
    fn is_plenty(&self) -> bool {
        self.left.len() >= INPUT
    }

    /// Then there are at least 56.
    #[inline(always)]
    fn fill(&mut self) {
        // There are as many: each turn begins by looking.
        if let Some(next) = self.left.first_chunk::<8>() {
            self.buf |= u64::from_le_bytes(*next) << (self.count & 63);
            // At most 7 of at least 8.
            self.left = &self.left[7 - ((self.count / 8) as usize & 7)..];
            self.count |= 56;
        }
    }

    #[inline(always)]
    fn drop(&mut self, n: u32) {
        self.buf >>= n & 63;
        self.count = self.count.wrapping_sub(n);
    }

    /// Uses the bits of an entry, and tells what length or distance it means.
    #[inline(always)]
    fn value(&mut self, entry: Entry) -> usize {
        let value = entry.value(self.buf);
        self.drop(entry.bits_and_more());
        value
    }
}

/// Uses a literal, and tells the next entry: it is looked up before the byte is written, since that is
/// what all else waits for.
#[inline(always)]
fn push(literal: Entry, bits: &mut Reservoir<'_>, tail: &mut Tail<'_>, codes: &Codes) -> Entry {
    bits.drop(literal.bits_and_more());
    let next = codes.litlen.first(bits.buf);
    tail.push(literal.byte());
    next
}

#[inline(always)]
fn symbols(bits: &mut Reservoir<'_>, tail: &mut Tail<'_>, codes: &Codes) -> Result<Ended, Invalid> {
    if !bits.is_plenty() {
        return Ok(Ended::Buffer);
    }
    bits.fill();
    // Of the next symbol, whose bits are not used yet.
    let mut entry = codes.litlen.first(bits.buf);
    while bits.is_plenty() && tail.has_room(OUTPUT) {
        bits.fill();
        if entry.is_literal() {
            entry = push(entry, bits, tail, codes);
            if entry.is_literal() {
                entry = push(entry, bits, tail, codes);
                if entry.is_literal() {
                    entry = push(entry, bits, tail, codes);
                    continue;
                }
            }
        }
        if entry.is_other() {
            if entry.is_link() {
                bits.drop(Litlen::ROOT);
                entry = codes.litlen.second(entry, bits.buf);
                if entry.is_literal() {
                    bits.fill();
                    entry = push(entry, bits, tail, codes);
                    continue;
                }
            }
            if entry.is_other() {
                return match entry.is_end() {
                    true => {
                        bits.drop(entry.bits());
                        Ok(Ended::Block)
                    }
                    false => Err(UNKNOWN),
                };
            }
        }
        let len = bits.value(entry);
        let mut distance = codes.distance.first(bits.buf);
        bits.fill();
        if distance.is_link() {
            bits.drop(Distance::ROOT);
            distance = codes.distance.second(distance, bits.buf);
        }
        if distance.is_other() {
            return Err(NO_DISTANCE);
        }
        let distance = bits.value(distance);
        entry = codes.litlen.first(bits.buf);
        tail.check(distance)?;
        tail.repeat(distance, len);
    }
    Ok(Ended::Buffer)
}
