//! An entry of the table of a code: all that is to know of a symbol, in 32 bits.

/// What a code says.
///
/// ```text
/// bits 0-7    bits to use: of the code (in the second table: what it has more) and behind it
/// bits 8-11   bits of the code alone; of a link, how many bits tell the place in the second table
/// bit  12     a link: the code goes on in the second table
/// bit  13     the end of the block
/// bit  14     neither a literal nor a base: one of the above, or no code at all
/// bit  15     a literal
/// bits 16-31  the literal, or base of the length or distance; of a link, where the second table begins
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry(u32);

const LINK: u32 = 1 << 12;
const END: u32 = 1 << 13;
const OTHER: u32 = 1 << 14;
const LITERAL: u32 = 1 << 15;

impl Entry {
    /// What no code leads to, known after one bit.
    pub(super) const NONE: Self = Self(OTHER | 1);

    pub(super) const END_OF_BLOCK: Self = Self(OTHER | END);

    /// A symbol that means nothing.
    pub(super) const UNKNOWN: Self = Self(OTHER);

    pub(super) const fn literal(byte: u8) -> Self {
        Self((byte as u32) << 16 | LITERAL)
    }

    /// A length or distance from `base` on, to which the next `extra` bits are added.
    pub(super) const fn base(base: u16, extra: u32) -> Self {
        Self((base as u32) << 16 | extra)
    }

    /// The same, at the end of a code of `len` bits.
    pub(super) const fn after(self, len: u32) -> Self {
        Self(self.0 + (len << 8) + len)
    }

    /// To the second table that begins at `start`, after `first` bits, by the next `more` bits.
    pub(super) const fn link(start: u32, first: u32, more: u32) -> Self {
        Self(start << 16 | OTHER | LINK | more << 8 | first)
    }

    pub(super) fn is_literal(self) -> bool {
        self.0 & LITERAL != 0
    }

    /// Whether it is neither a literal nor a base.
    pub(super) fn is_other(self) -> bool {
        self.0 & OTHER != 0
    }

    pub(super) fn is_link(self) -> bool {
        self.0 & LINK != 0
    }

    pub(super) fn is_end(self) -> bool {
        self.0 & END != 0
    }

    /// The byte of a literal.
    pub(super) fn byte(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// How many bits to use, at most 28.
    pub(super) fn bits(self) -> u32 {
        self.0 & 0xff
    }

    /// A number of which the lowest eight bits are [`Entry::bits`]: for who looks at no others.
    pub(super) fn bits_and_more(self) -> u32 {
        self.0
    }

    /// The length or distance that is meant, from bits that begin with the code.
    pub(super) fn value(self, buf: u64) -> usize {
        let extra = (buf & !(u64::MAX << (self.0 & 63))) >> (self.0 >> 8 & 15);
        (self.0 >> 16) as usize + extra as usize
    }

    /// Where a link leads, from bits that begin behind the first table's.
    pub(super) fn place(self, buf: u64) -> usize {
        let more = self.0 >> 8 & 15;
        (self.0 >> 16) as usize + (buf & !(u64::MAX << more)) as usize
    }
}
