//! The start of a block: its type and the lengths of its codes (RFC 1951, 3.2.3, 3.2.6, 3.2.7).

use super::bits::{Bits, InputBytes};
use super::code::{Distance, Lengths, Litlen, Partial};
use super::entry::TableEntry;
use super::error::Invalid;

/// How the data of a block are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// Not compressed.
    Stored,
    /// With the fixed codes of RFC 1951.
    Fixed,
    /// With codes that the block defines.
    Dynamic,
}

/// Reads the three bits at the start of a block: whether it is the last, and its kind. `None` if more
/// input is needed.
pub(super) fn kind(
    bits: &mut Bits,
    source: &mut InputBytes<'_>,
) -> Result<Option<(bool, BlockKind)>, Invalid> {
    let Some(value) = bits.take(3, source) else {
        return Ok(None);
    };
    let kind = match value >> 1 {
        0 => BlockKind::Stored,
        1 => BlockKind::Fixed,
        2 => BlockKind::Dynamic,
        _ => return Err(Invalid("a block of an unknown type")),
    };
    Ok(Some((value & 1 == 1, kind)))
}

/// Reads the length of a stored block in bytes. Its bytes follow. `None` if more input is needed.
pub(super) fn stored(bits: &mut Bits, source: &mut InputBytes<'_>) -> Result<Option<u16>, Invalid> {
    let Some(value) = bits.take(32, source) else {
        return Ok(None);
    };
    let (len, inverse) = (value as u16, (value >> 16) as u16);
    if len != !inverse {
        return Err(Invalid("the length of a stored block is damaged"));
    }
    Ok(Some(len))
}

/// The first length and the number of extra bits of each symbol from 257 on (RFC 1951, 3.2.5).
const LENGTHS: [(u16, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// The symbol that ends a block.
const END_OF_BLOCK: usize = 256;

/// Returns the meaning of a symbol of the code of literals and lengths.
fn litlen(symbol: usize) -> TableEntry {
    match (u8::try_from(symbol), symbol) {
        (Ok(byte), _) => TableEntry::literal(byte),
        (_, END_OF_BLOCK) => TableEntry::END_OF_BLOCK,
        _ => match LENGTHS.get(symbol - 257) {
            Some(&(base, extra)) => TableEntry::base(base, extra),
            None => TableEntry::UNKNOWN,
        },
    }
}

/// Returns the meaning of a symbol of the code of distances. The first four are the distances 1 to 4.
/// After these, the number of extra bits grows by one with every second symbol.
fn distance(symbol: usize) -> TableEntry {
    match symbol as u16 {
        distance @ 0..=3 => TableEntry::base(distance + 1, 0),
        symbol @ 4..=29 => {
            let extra = symbol / 2 - 1;
            TableEntry::base(((2 + symbol % 2) << extra) + 1, extra.into())
        }
        _ => TableEntry::UNKNOWN,
    }
}

/// The codes of a block.
pub(super) struct Codes {
    pub litlen: Litlen,
    pub distance: Distance,
    /// Whether they are the fixed codes of RFC 1951, 3.2.6.
    fixed: bool,
}

impl Codes {
    /// Memory of the codes, in bytes.
    pub(super) const FOOTPRINT: usize = Litlen::FOOTPRINT + Distance::FOOTPRINT;

    pub(super) fn new() -> Self {
        Self {
            litlen: Litlen::new(),
            distance: Distance::new(),
            fixed: false,
        }
    }

    /// Sets the fixed codes.
    pub(super) fn fix(&mut self) -> Result<(), Invalid> {
        if !self.fixed {
            let mut lens = [8; 288];
            lens[144..256].fill(9);
            lens[256..280].fill(7);
            self.litlen.build(&lens, Partial::Taken, litlen)?;
            self.distance.build(&[5; 32], Partial::Taken, distance)?;
            self.fixed = true;
        }
        Ok(())
    }

    fn set(&mut self, litlens: &[u8], distances: &[u8]) -> Result<(), Invalid> {
        self.fixed = false;
        if litlens.get(END_OF_BLOCK).is_none_or(|&len| len == 0) {
            return Err(Invalid("a block has no end-of-block code"));
        }
        self.litlen.build(litlens, Partial::Taken, litlen)?;
        self.distance.build(distances, Partial::Taken, distance)
    }
}

/// The maximum number of symbols of literals and lengths, and of distances, that a block may list.
/// These are zlib's limits; RFC 1951 gives a meaning to 286 and 30.
const MAX_LITLENS: u32 = 286;
const MAX_DISTANCES: u32 = 30;

/// The order in which the lengths of the code of code lengths are stored (RFC 1951, 3.2.7).
const ORDER: [u8; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// Reads the lengths of a block's codes.
///
/// The lengths of both codes are one run-length encoded sequence. It is written in a code of its own,
/// the code of code lengths, whose lengths come first.
pub(super) struct Head {
    stage: Stage,
    litlens: usize,
    /// The number of lengths of both codes together.
    all: usize,
    table: Lengths,
    lens: [u8; (MAX_LITLENS + MAX_DISTANCES) as usize],
}

#[derive(Clone, Copy)]
enum Stage {
    Counts,
    /// Reads the lengths of the code of code lengths: `of` in all, of which `have` were read.
    Lengths {
        of: u32,
        have: u32,
        lens: [u8; 19],
    },
    /// Reads the lengths of both codes, of which `have` were read.
    Codes {
        have: usize,
    },
}

impl Head {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Counts,
            litlens: 0,
            all: 0,
            table: Lengths::new(),
            lens: [0; (MAX_LITLENS + MAX_DISTANCES) as usize],
        }
    }

    /// Starts with another block.
    pub(super) fn restart(&mut self) {
        self.stage = Stage::Counts;
    }

    /// Reads the bits that are available. Returns `None` if more input is needed.
    pub(super) fn read(
        &mut self,
        bits: &mut Bits,
        source: &mut InputBytes<'_>,
        codes: &mut Codes,
    ) -> Result<Option<()>, Invalid> {
        loop {
            match &mut self.stage {
                Stage::Counts => {
                    let Some(value) = bits.take(14, source) else {
                        return Ok(None);
                    };
                    let litlens = 257 + (value & 31);
                    let distances = 1 + (value >> 5 & 31);
                    if litlens > MAX_LITLENS || distances > MAX_DISTANCES {
                        return Err(Invalid("a block lists too many symbols"));
                    }
                    self.litlens = litlens as usize;
                    self.all = (litlens + distances) as usize;
                    self.stage = Stage::Lengths {
                        of: 4 + (value >> 10),
                        have: 0,
                        lens: [0; 19],
                    };
                }
                Stage::Lengths { of, have, lens } if *have < *of => {
                    let Some(len) = bits.take(3, source) else {
                        return Ok(None);
                    };
                    // `have` is below 19, since `of` is at most 4 plus the value of four bits.
                    let place = ORDER.get(*have as usize).copied().unwrap_or_default();
                    if let Some(at) = lens.get_mut(usize::from(place)) {
                        *at = len as u8;
                    }
                    *have += 1;
                }
                Stage::Lengths { lens, .. } => {
                    let symbol = |symbol| TableEntry::base(symbol as u16, 0);
                    self.table.build(lens, Partial::Refused, symbol)?;
                    self.stage = Stage::Codes { have: 0 };
                }
                Stage::Codes { have } if *have < self.all => {
                    let Some((len, times)) = run(&self.table, bits, source) else {
                        return Ok(None);
                    };
                    let before = have.checked_sub(1).and_then(|n| self.lens.get(n));
                    let len = match (len, before) {
                        (Some(len), _) | (None, Some(&len)) => len,
                        (None, None) => {
                            return Err(Invalid(
                                "a block repeats a code length before the first one",
                            ));
                        }
                    };
                    let to = *have + times;
                    let Some(run) = self.lens.get_mut(*have..to).filter(|_| to <= self.all) else {
                        return Err(Invalid("a block has too many lengths"));
                    };
                    run.fill(len);
                    *have = to;
                }
                Stage::Codes { .. } => {
                    let all = self.lens.get(..self.all).unwrap_or_default();
                    let (litlens, distances) = all.split_at(self.litlens.min(all.len()));
                    codes.set(litlens, distances)?;
                    return Ok(Some(()));
                }
            }
        }
    }
}

/// Reads the next run: its length, or `None` to repeat the one before, and how many times it occurs.
fn run(
    table: &Lengths,
    bits: &mut Bits,
    source: &mut InputBytes<'_>,
) -> Option<(Option<u8>, usize)> {
    let found = table.find(bits, 0, source)?;
    let (len, least, extra) = match found.value {
        len @ 0..=15 => (Some(len as u8), 1, 0),
        16 => (None, 3, 2),
        17 => (Some(0), 3, 3),
        _ => (Some(0), 11, 7),
    };
    let value = bits.take(found.bits + extra, source)?;
    Some((len, least + (value >> found.bits) as usize))
}
