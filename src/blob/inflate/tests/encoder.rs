//! A small encoder of deflate data with codes of any shape, as in RFC 1951, 3.2.

use std::ops::RangeInclusive;

/// A literal or a copy, which are one or two symbols in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Literal(u8),
    /// Length and distance, in bytes.
    Copy(usize, usize),
}

/// The lengths of a block's codes.
#[derive(Clone, Debug)]
pub(super) struct Lens {
    pub litlens: Vec<u8>,
    pub distances: Vec<u8>,
}

/// Writes bits from the lowest bit of each byte on.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// The number of bits of the last byte that are used.
    used: u32,
}

/// The lengths of copies of each symbol from 257 on (the table of RFC 1951, 3.2.5).
fn lengths() -> Vec<RangeInclusive<usize>> {
    let mut ranges = vec![];
    let mut first = 3;
    for symbol in 257..=284 {
        let extra = if symbol < 265 { 0 } else { (symbol - 261) / 4 };
        ranges.push(first..=first + (1 << extra) - 1);
        first += 1 << extra;
    }
    // Symbol 284 with all extra bits set would be 258, which has a symbol of its own.
    ranges[27] = 227..=257;
    ranges.push(258..=258);
    ranges
}

/// The distances of each symbol.
fn distances() -> Vec<RangeInclusive<usize>> {
    let mut ranges = vec![];
    let mut first = 1;
    for symbol in 0..30 {
        let extra = if symbol < 4 { 0 } else { symbol / 2 - 1 };
        ranges.push(first..=first + (1 << extra) - 1);
        first += 1 << extra;
    }
    assert_eq!(first, 32_769);
    ranges
}

/// Returns the symbol of a value, the value of its extra bits, and their number.
fn symbol(ranges: &[RangeInclusive<usize>], value: usize) -> (usize, u32, u32) {
    let symbol = ranges.iter().position(|range| range.contains(&value));
    let symbol = symbol.expect("every value has a symbol");
    let (first, last) = (*ranges[symbol].start(), *ranges[symbol].end());
    // The range of symbol 284 is one value short of a power of two.
    let extra = (last - first + 1).next_power_of_two().ilog2();
    (symbol, (value - first) as u32, extra)
}

/// Returns the codes with these lengths, by the algorithm of RFC 1951, 3.2.2.
fn codes(lens: &[u8]) -> Vec<u32> {
    let mut next = [0_u32; 17];
    for len in 1..=15 {
        let shorter = lens.iter().filter(|&&l| usize::from(l) == len - 1 && l > 0);
        next[len] = (next[len - 1].wrapping_add(shorter.count() as u32)) << 1;
    }
    let mut at = next;
    let give = |&len: &u8| {
        let code = at[usize::from(len)];
        at[usize::from(len)] = code.wrapping_add(1);
        code
    };
    lens.iter().map(give).collect()
}

impl Writer {
    pub(super) fn bits(&mut self, value: u32, n: u32) {
        for bit in 0..n {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
                self.used = 0;
            }
            let last = self.bytes.last_mut().expect("a byte was pushed");
            *last |= ((value >> bit & 1) as u8) << self.used;
            self.used += 1;
        }
    }

    /// Writes a code, from its highest bit on.
    fn code(&mut self, code: u32, len: u8) {
        for bit in (0..len).rev() {
            self.bits(code >> bit & 1, 1);
        }
    }

    /// Writes the head of a block with its own codes. Each length is written with four bits.
    fn head(&mut self, lens: &Lens) {
        self.bits(2, 2);
        self.bits(lens.litlens.len() as u32 - 257, 5);
        self.bits(lens.distances.len() as u32 - 1, 5);
        self.bits(15, 4);
        for symbol in [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ] {
            self.bits(if symbol < 16 { 4 } else { 0 }, 3);
        }
        for &len in lens.litlens.iter().chain(&lens.distances) {
            self.code(len.into(), 4);
        }
    }

    /// Writes a block with its own codes. Operations whose symbols have no code are left out. Returns
    /// the operations that were written.
    pub(super) fn block(&mut self, last: bool, lens: &Lens, ops: &[Op]) -> Vec<Op> {
        self.bits(last.into(), 1);
        self.head(lens);
        self.body(lens, ops)
    }

    /// Writes a block with the fixed codes of RFC 1951, 3.2.6.
    pub(super) fn fixed(&mut self, last: bool, ops: &[Op]) -> Vec<Op> {
        self.bits(last.into(), 1);
        self.bits(1, 2);
        let lens = Lens {
            litlens: [vec![8; 144], vec![9; 112], vec![7; 24], vec![8; 8]].concat(),
            distances: vec![5; 30],
        };
        self.body(&lens, ops)
    }

    fn body(&mut self, lens: &Lens, ops: &[Op]) -> Vec<Op> {
        let (litlens, dists) = (codes(&lens.litlens), codes(&lens.distances));
        let (lengths, distances) = (lengths(), distances());
        let mut written = Vec::new();
        for &op in ops {
            match op {
                Op::Literal(byte) => {
                    let at = usize::from(byte);
                    if lens.litlens[at] == 0 {
                        continue;
                    }
                    self.code(litlens[at], lens.litlens[at]);
                }
                Op::Copy(len, distance) => {
                    let (length, add, extra) = symbol(&lengths, len);
                    let (dist, dist_add, dist_extra) = symbol(&distances, distance);
                    let has = |lens: &[u8], at: usize| lens.get(at).is_some_and(|&len| len > 0);
                    if !has(&lens.litlens, 257 + length) || !has(&lens.distances, dist) {
                        continue;
                    }
                    self.code(litlens[257 + length], lens.litlens[257 + length]);
                    self.bits(add, extra);
                    self.code(dists[dist], lens.distances[dist]);
                    self.bits(dist_add, dist_extra);
                }
            }
            written.push(op);
        }
        self.code(litlens[256], lens.litlens[256]);
        written
    }

    /// Writes a stored block.
    pub(super) fn stored(&mut self, last: bool, bytes: &[u8]) {
        self.bits(last.into(), 1);
        self.bits(0, 2);
        self.used = 8;
        let len = u16::try_from(bytes.len()).expect("a stored block is shorter than 64 KiB");
        self.bytes.extend(len.to_le_bytes());
        self.bytes.extend((!len).to_le_bytes());
        self.bytes.extend(bytes);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Applies operations to the bytes in `out`. Returns `None` if a copy would begin before the first
/// byte.
pub(super) fn apply(ops: &[Op], out: &mut Vec<u8>) -> Option<()> {
    for &op in ops {
        match op {
            Op::Literal(byte) => out.push(byte),
            Op::Copy(len, distance) => {
                for _ in 0..len {
                    out.push(*out.get(out.len().checked_sub(distance)?)?);
                }
            }
        }
    }
    Some(())
}
