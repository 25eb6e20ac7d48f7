//! The codes of a block: how long each symbol's code is says all (RFC 1951, 3.2.2).
//!
//! A code is looked up by the next bits of the data in a table of [`Entry`], which has an entry for
//! each value of so many bits as most codes are long. Longer ones lead from there to a second table
//! behind the first.

use super::Invalid;
use super::bits::{Bits, Source};
use super::entry::Entry;

/// Longest code in bits (RFC 1951, 3.2.7).
const MAX_LEN: usize = 15;

/// Most symbols that a code has: the known one of literals and lengths (RFC 1951, 3.2.6).
const MAX_SYMBOLS: usize = 288;

/// How many codes there are of each length; of none at 0.
type Counts = [u32; MAX_LEN + 1];

/// What is done with a code that is not whole: of which not all sequences of bits begin with a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partial {
    Refused,
    /// Taken as zlib does, with no symbol or one, of one bit: what writes a block without or with one
    /// distance writes such a code.
    Taken,
}

/// A symbol that was found in the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub entry: Entry,
    /// The length or distance.
    pub value: usize,
    /// How many bits it takes, with those behind its code.
    pub bits: u32,
}

/// A table with `LEN` entries, of which the first 2^`ROOT` are the first table. `LEN` is a power of
/// two and leaves room for all second tables that codes of the alphabet can need (zlib's enough.c).
pub(super) struct Table<const ROOT: u32, const LEN: usize>(Box<[Entry; LEN]>);

/// Of literals and lengths: 288 symbols need 2,342 entries at most.
pub(super) type Litlen = Table<11, 4096>;
/// Of distances: 32 symbols need 402.
pub(super) type Distance = Table<8, 512>;
/// Of the lengths of codes, themselves of at most 7 bits.
pub(super) type Lengths = Table<7, 128>;

impl<const ROOT: u32, const LEN: usize> Table<ROOT, LEN> {
    /// Memory that one takes, in bytes.
    pub(super) const FOOTPRINT: usize = size_of::<[Entry; LEN]>();

    /// How many bits the first table tells apart.
    pub(super) const ROOT: u32 = ROOT;

    pub(super) fn new() -> Self {
        Self(Box::new([Entry::NONE; LEN]))
    }

    /// What the next bits say, if their code is no longer than the first table's.
    #[inline(always)]
    pub(super) fn first(&self, buf: u64) -> Entry {
        self.at(buf as usize & ((1 << ROOT) - 1))
    }

    /// What they say if that is a link. Its own bits must have been used.
    #[inline(always)]
    pub(super) fn second(&self, link: Entry, buf: u64) -> Entry {
        self.at(link.place(buf))
    }

    /// The symbol that begins `skip` bits from the next one on; `None` if it is not all there. No bit is
    /// used.
    pub(super) fn find(
        &self,
        bits: &mut Bits,
        skip: u32,
        source: &mut Source<'_>,
    ) -> Option<Found> {
        loop {
            // Bits that are not there are taken for 0. That may find another symbol, but none that is
            // short enough to be there.
            let mut buf = bits.buf >> skip;
            let mut entry = self.first(buf);
            let mut before = skip;
            if entry.is_link() {
                before += ROOT;
                buf >>= ROOT;
                entry = self.second(entry, buf);
            }
            if before + entry.bits() <= bits.count {
                return Some(Found {
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
    fn at(&self, place: usize) -> Entry {
        // The mask changes no place that a table has: it spares a check.
        self.0[place & (LEN - 1)]
    }

    /// Makes the table of a code with these lengths, 0 for symbols that have none. `entry` says what a
    /// symbol means.
    ///
    /// # Errors
    /// If there is no such code, or one that is not whole.
    pub(super) fn build(
        &mut self,
        lens: &[u8],
        partial: Partial,
        entry: impl Fn(usize) -> Entry,
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
        // The symbols by length, and by number within one: the order of their codes.
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

    /// Fills the tables. `symbols` come in the order of their codes.
    fn fill(
        &mut self,
        symbols: &[u16],
        counts: &Counts,
        longest: u32,
        entry: impl Fn(usize) -> Entry,
    ) {
        let mut symbols = symbols.iter().map(|&symbol| usize::from(symbol));
        // Bits of a code come the highest first, so its place is it reversed, and a table for codes of
        // one bit more is this one twice.
        let entries = &mut self.0[..];
        let mut code = 0;
        let mut size = 1;
        set(entries, 0, Entry::NONE);
        for (len, &count) in (1..).zip(&counts[1..]).take(ROOT as usize) {
            entries.copy_within(..size, size);
            size *= 2;
            for symbol in symbols.by_ref().take(count as usize) {
                set(entries, code, entry(symbol).after(len));
                code = following(code, size);
            }
        }
        // Longer codes: those that begin alike share a second table.
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
                    let link = Entry::link(start as u32, ROOT, width);
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

    /// How many bits tell the place in the second table of the next code, which has `more` bits than the
    /// first table's: as many as it takes until the `left` codes of this length, and those that are
    /// longer, fill it.
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

/// Sets an entry. Of a code that is whole, or that [`Table::build`] lets pass, all lie inside.
fn set(entries: &mut [Entry], place: usize, entry: Entry) {
    debug_assert!(place < entries.len());
    if let Some(at) = entries.get_mut(place) {
        *at = entry;
    }
}

/// The code after a reversed one, both with as many bits as `size`, a power of two, is long; any after
/// the last.
fn following(code: usize, size: usize) -> usize {
    match code ^ (size - 1) {
        0 => 0,
        zeros => {
            let highest = 1 << zeros.ilog2();
            code & (highest - 1) | highest
        }
    }
}
