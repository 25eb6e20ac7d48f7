//! An entry of the table of a code: everything about a symbol in 32 bits.

/// The meaning of a code.
///
/// ```text
/// bits 0-7    bits to use: of the code (in a second table: those beyond the first table) and extra bits
/// bits 8-11   bits of the code alone; of a link, how many bits are looked up in the second table
/// bit  12     a link: the code continues in a second table
/// bit  13     the end of the block
/// bit  14     neither a literal nor a base: one of the two above, or not a valid code
/// bit  15     a literal
/// bits 16-31  the literal, or the base of the length or distance; of a link, where the second table begins
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TableEntry(u32);

const LINK: u32 = 1 << 12;
const END: u32 = 1 << 13;
const OTHER: u32 = 1 << 14;
const LITERAL: u32 = 1 << 15;

impl TableEntry {
    /// The entry for bits that no code begins with. One bit is enough to know it.
    pub(super) const NONE: Self = Self(OTHER | 1);

    pub(super) const END_OF_BLOCK: Self = Self(OTHER | END);

    /// A symbol without a meaning.
    pub(super) const UNKNOWN: Self = Self(OTHER);

    pub(super) const fn literal(byte: u8) -> Self {
        Self((byte as u32) << 16 | LITERAL)
    }

    /// A length or distance: the next `extra` bits are added to `base`.
    pub(super) const fn base(base: u16, extra: u32) -> Self {
        Self((base as u32) << 16 | extra)
    }

    /// Returns this entry for a code of `len` bits, or of `len` bits beyond the first table.
    pub(super) const fn after(self, len: u32) -> Self {
        Self(self.0 + (len << 8) + len)
    }

    /// A link after `first` bits to the second table that begins at `start`, where the next `more`
    /// bits are looked up.
    pub(super) const fn link(start: u32, first: u32, more: u32) -> Self {
        Self(start << 16 | OTHER | LINK | more << 8 | first)
    }

    pub(super) fn is_literal(self) -> bool {
        self.0 & LITERAL != 0
    }

    /// Returns whether it is neither a literal nor a base.
    pub(super) fn is_other(self) -> bool {
        self.0 & OTHER != 0
    }

    pub(super) fn is_link(self) -> bool {
        self.0 & LINK != 0
    }

    pub(super) fn is_end(self) -> bool {
        self.0 & END != 0
    }

    /// Returns the byte of a literal.
    pub(super) fn byte(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// Returns the number of bits to use, at most 28.
    pub(super) fn bits(self) -> u32 {
        self.0 & 0xff
    }

    /// Returns a number whose lowest eight bits are [`TableEntry::bits`], for callers that use no others.
    pub(super) fn bits_and_more(self) -> u32 {
        self.0
    }

    /// Returns the length or distance. `buf` begins with the bits of the code.
    pub(super) fn value(self, buf: u64) -> usize {
        let extra = (buf & !(u64::MAX << (self.0 & 63))) >> (self.0 >> 8 & 15);
        (self.0 >> 16) as usize + extra as usize
    }

    /// Returns the index that a link leads to. `buf` begins after the bits of the first table.
    pub(super) fn place(self, buf: u64) -> usize {
        let more = self.0 >> 8 & 15;
        (self.0 >> 16) as usize + (buf & !(u64::MAX << more)) as usize
    }
}
