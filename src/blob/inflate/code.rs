//! The prefix codes of a block. A code is defined by the lengths of its symbols' codes (RFC 1951,
//! 3.2.2).
//!
//! The next bits of the data are looked up in a table of [`TableEntry`]. The first table has an entry for
//! each value of as many bits as most codes have. For longer codes, this entry leads to a second
//! table, which lies behind the first.

use super::bits::{Bits, InputBytes};
use super::entry::TableEntry;
use super::error::Invalid;

/// The maximum length of a code, in bits (RFC 1951, 3.2.7).
const MAX_LEN: usize = 15;

/// The maximum number of symbols of a code: those of the fixed code of literals and lengths (RFC
/// 1951, 3.2.6).
const MAX_SYMBOLS: usize = 288;

/// The number of codes of each length. The number at index 0 is 0.
type Counts = [u32; MAX_LEN + 1];

/// How an incomplete code is treated: a code in which some sequences of bits do not begin with a
/// symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partial {
    Refused,
    /// Accepted as in zlib, if it has no symbol, or one symbol of one bit. Encoders write such a code
    /// for a block that has no distance or one.
    Taken,
}

/// A symbol that was found in the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub entry: TableEntry,
    /// The length or distance that it means.
    pub value: usize,
    /// The number of bits of its code and its extra bits.
    pub bits: u32,
}

/// A table with `LEN` entries, of which the first 2^`ROOT` are the first table. `LEN` is a power of
/// two and leaves room for all second tables that the symbols can need (see zlib's enough.c).
pub(super) struct Table<const ROOT: u32, const LEN: usize>(Box<[TableEntry; LEN]>);

/// Table of literals and lengths: 288 symbols need at most 2,342 entries.
pub(super) type Litlen = Table<11, 4096>;
/// Table of distances: 32 symbols need at most 402 entries.
pub(super) type Distance = Table<8, 512>;
/// Table of the code of code lengths, whose codes have at most 7 bits.
pub(super) type Lengths = Table<7, 128>;

impl<const ROOT: u32, const LEN: usize> Table<ROOT, LEN> {
    /// Memory of a table, in bytes.
    pub(super) const FOOTPRINT: usize = size_of::<[TableEntry; LEN]>();

    /// The number of bits that are looked up in the first table.
    pub(super) const ROOT: u32 = ROOT;

    pub(super) fn new() -> Self {
        Self(Box::new([TableEntry::NONE; LEN]))
    }

    /// Looks up the next bits in the first table.
    #[inline(always)]
    pub(super) fn first(&self, buf: u64) -> TableEntry {
        self.at(buf as usize & ((1 << ROOT) - 1))
    }

    /// Looks up the next bits in the second table that `link` leads to. The bits of the first table
    /// must have been used.
    #[inline(always)]
    pub(super) fn second(&self, link: TableEntry, buf: u64) -> TableEntry {
        self.at(link.place(buf))
    }

    /// Finds the symbol that begins after `skip` unused bits. Returns `None` if more input is needed.
    /// No bit is used.
    pub(super) fn find(
        &self,
        bits: &mut Bits,
        skip: u32,
        source: &mut InputBytes<'_>,
    ) -> Option<Symbol> {
        loop {
            // Missing bits are taken as 0. This can lead to a wrong entry, but only to one with more
            // bits than there are.
            let mut buf = bits.buf >> skip;
            let mut entry = self.first(buf);
            let mut before = skip;
            if entry.is_link() {
                before += ROOT;
                buf >>= ROOT;
                entry = self.second(entry, buf);
            }
            if before + entry.bits() <= bits.count {
                return Some(Symbol {
                    entry,
                    value: entry.value(buf),
                    bits: before + entry.bits() - skip,
                });
            }
            if !bits.pull(source) {
                return None;
            }
        }
    }

    #[inline(always)]
    fn at(&self, place: usize) -> TableEntry {
        // The mask does not change a valid index. It saves a bounds check.
        self.0[place & (LEN - 1)]
    }

    /// Builds the table of a code from the lengths of its symbols' codes, which are 0 for symbols
    /// that are not used. `entry` returns the meaning of a symbol.
    ///
    /// # Errors
    /// If no code has these lengths, or if the code is incomplete and not accepted.
    pub(super) fn build(
        &mut self,
        lens: &[u8],
        partial: Partial,
        entry: impl Fn(usize) -> TableEntry,
    ) -> Result<(), Invalid> {
        let mut counts: Counts = [0; MAX_LEN + 1];
        for &len in lens {
            if let Some(count) = counts.get_mut(usize::from(len)) {
                *count += 1;
            }
        }
        let unused = std::mem::take(&mut counts[0]);
        let longest = counts.iter().rposition(|&n| n > 0).unwrap_or_default();
        let mut room = 1_i64;
        for &count in &counts[1..] {
            room = 2 * room - i64::from(count);
            if room < 0 {
                return Err(Invalid("a code has too many symbols"));
            }
        }
        if room > 0 && (longest > 1 || partial == Partial::Refused) {
            return Err(Invalid("a code has too few symbols"));
        }
        // The symbols sorted by length, then by number. This is the order of their codes.
        let mut sorted = [0_u16; MAX_SYMBOLS];
        let mut places = [0_u32; MAX_LEN + 1];
        for len in 1..MAX_LEN {
            places[len + 1] = places[len] + counts[len];
        }
        for (symbol, &len) in lens.iter().enumerate().filter(|(_, len)| **len > 0) {
            let place = places.get_mut(usize::from(len));
            if let Some(place) = place
                && let Some(sorted) = sorted.get_mut(*place as usize)
            {
                *sorted = symbol as u16;
                *place += 1;
            }
        }
        let used = lens.len().saturating_sub(unused as usize);
        let symbols = sorted.get(..used).unwrap_or_default();
        self.fill(symbols, &counts, longest as u32, entry);
        Ok(())
    }

    /// Fills the tables. `symbols` are in the order of their codes.
    fn fill(
        &mut self,
        symbols: &[u16],
        counts: &Counts,
        longest: u32,
        entry: impl Fn(usize) -> TableEntry,
    ) {
        let mut symbols = symbols.iter().map(|&symbol| usize::from(symbol));
        // The highest bit of a code comes first, so the index of a code is its bits reversed, and the
        // table for codes of one more bit consists of two copies of this table.
        let entries = &mut self.0[..];
        let mut code = 0;
        let mut size = 1;
        set(entries, 0, TableEntry::NONE);
        for (len, &count) in (1..).zip(&counts[1..]).take(ROOT as usize) {
            entries.copy_within(..size, size);
            size *= 2;
            for symbol in symbols.by_ref().take(count as usize) {
                set(entries, code, entry(symbol).after(len));
                code = following(code, size);
            }
        }
        // Longer codes: those with the same first bits share a second table.
        let mut prefix = usize::MAX;
        let (mut start, mut end) = (0, size);
        for (len, &count) in (1..=longest).zip(&counts[1..]).skip(ROOT as usize) {
            let more = len - ROOT;
            for (nth, symbol) in symbols.by_ref().take(count as usize).enumerate() {
                if code & (size - 1) != prefix {
                    prefix = code & (size - 1);
                    start = end;
                    let width = Self::width(counts, more, count - nth as u32);
                    end += 1 << width;
                    let link = TableEntry::link(start as u32, ROOT, width);
                    set(entries, prefix, link);
                }
                let first = start + (code >> ROOT);
                for place in (first..end).step_by(1 << more) {
                    set(entries, place, entry(symbol).after(more));
                }
                code = following(code, 1 << len);
            }
        }
    }

    /// Returns the number of bits that are looked up in the second table of the next code, which has
    /// `more` bits beyond the first table. The table is just large enough to be filled by the `left`
    /// remaining codes of this length and by longer ones.
    fn width(counts: &Counts, more: u32, left: u32) -> u32 {
        let mut width = more;
        let mut used = left;
        while used < 1 << width
            && let Some(longer) = counts.get((ROOT + width + 1) as usize)
        {
            width += 1;
            used = 2 * used + longer;
        }
        width
    }
}

/// Sets an entry. For a complete code, or one that [`Table::build`] accepts, every index is in the
/// table.
fn set(entries: &mut [TableEntry], place: usize, entry: TableEntry) {
    debug_assert!(place < entries.len());
    if let Some(at) = entries.get_mut(place) {
        *at = entry;
    }
}

/// Returns the code after a reversed one. `size` is 2 to the power of their length. After the last
/// code, the result has no meaning.
fn following(code: usize, size: usize) -> usize {
    match code ^ (size - 1) {
        0 => 0,
        zeros => {
            let highest = 1 << zeros.ilog2();
            code & (highest - 1) | highest
        }
    }
}
