//! The fast loop of the decoder, which runs while plenty of input and room for output are left. It
//! decodes nearly all of a layer.
//!
//! Bits are taken eight bytes at a time, which is more than are needed. One refill, which gives at
//! least 56 bits, is enough for two literals of the first table, a length, and the lookup of its
//! distance (2 * 11 + 20 + 8), or for three literals and the lookup of the next symbol. Another
//! refill is enough for the distance and that lookup (28 + 11).
//!
//! The processor mostly waits for the chain of lookups, since each needs the bits that the one before
//! leaves. So the next symbol is always looked up before the current one is written.

use super::bits::{Bits, InputBytes};
use super::code::{Distance, Litlen};
use super::entry::TableEntry;
use super::error::Invalid;
use super::head::Codes;
use super::output::{LONGEST, Output, Tail};

/// The maximum number of input bytes that one turn of the loop looks at.
const INPUT: usize = 2 * size_of::<u64>();

/// The maximum number of output bytes that one turn of the loop adds: literals and a copy.
const OUTPUT: usize = 4 + LONGEST;

/// The error for a symbol without a meaning.
pub(super) const UNKNOWN: Invalid = Invalid("a code that has no meaning");
/// The error for a symbol that is not a distance.
pub(super) const NO_DISTANCE: Invalid = Invalid("a code that is not a distance");

/// Why decoding has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Little input or room for output is left.
    Buffer,
    /// The block has ended.
    Block,
}

/// Decodes symbols as long as plenty of input and room for output are left. Afterwards fewer than
/// eight bits are left, as everywhere between symbols.
///
/// With BMI2, a shift by the value of a register takes one step instead of three.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(super) fn decode(
    bits: &mut Bits,
    source: &mut InputBytes<'_>,
    output: &mut Output,
    codes: &Codes,
) -> Result<Ended, Invalid> {
    #[target_feature(enable = "bmi1,bmi2")]
    fn with_bmi2(
        bits: &mut Bits,
        source: &mut InputBytes<'_>,
        output: &mut Output,
        codes: &Codes,
    ) -> Result<Ended, Invalid> {
        turns(bits, source, output, codes)
    }

    if is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has the features that the function requires.
        return unsafe { with_bmi2(bits, source, output, codes) };
    }
    turns(bits, source, output, codes)
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) use turns as decode;

/// The loop for any processor. The values that change with each symbol are local variables, so that
/// they can be kept in registers.
#[inline(always)]
pub(super) fn turns(
    bits: &mut Bits,
    source: &mut InputBytes<'_>,
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
    // Whole bytes that were taken too early are given back.
    let count = reservoir.count & 63;
    source.used = source.bytes.len() - reservoir.left.len() - (count / 8) as usize;
    bits.count = count % 8;
    bits.buf = reservoir.buf & !(u64::MAX << bits.count);
    ended
}

/// Bits that are taken from the input as many at a time as fit.
struct Reservoir<'a> {
    left: &'a [u8],
    /// The next bit is the lowest. The bits above `count` may already hold the start of the input
    /// that follows.
    buf: u64,
    /// Only the lowest six bits are valid.
    count: u32,
}

impl Reservoir<'_> {
    fn is_plenty(&self) -> bool {
        self.left.len() >= INPUT
    }

    /// Refills to at least 56 bits.
    #[inline(always)]
    fn fill(&mut self) {
        // There are always eight bytes, since each turn begins with a check.
        if let Some(next) = self.left.first_chunk::<8>() {
            self.buf |= u64::from_le_bytes(*next) << (self.count & 63);
            // The index is at most 7, and there are at least 8 bytes.
            self.left = &self.left[7 - ((self.count / 8) as usize & 7)..];
            self.count |= 56;
        }
    }

    #[inline(always)]
    fn drop(&mut self, n: u32) {
        self.buf >>= n & 63;
        self.count = self.count.wrapping_sub(n);
    }

    /// Uses the bits of an entry and returns its length or distance.
    #[inline(always)]
    fn value(&mut self, entry: TableEntry) -> usize {
        let value = entry.value(self.buf);
        self.drop(entry.bits_and_more());
        value
    }
}

/// Uses a literal and returns the next entry. The entry is looked up before the byte is written,
/// since everything else waits for it.
#[inline(always)]
fn push(
    literal: TableEntry,
    bits: &mut Reservoir<'_>,
    tail: &mut Tail<'_>,
    codes: &Codes,
) -> TableEntry {
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
    // The entry of the next symbol, whose bits are not used yet.
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
