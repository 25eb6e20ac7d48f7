//! The index at the end of a stream: the lengths of its blocks (The .xz File Format, 4). It is
//! compared with the blocks that were decoded; to find them nobody needs it.

use super::header::Fault;
use super::number::{Digit, Number};
use crate::blob::Hasher;

/// Lengths of blocks. They may be many, so only their number and a digest are kept.
pub(super) struct Records {
    count: u64,
    hasher: Hasher,
}

impl Records {
    pub(super) fn new() -> Self {
        let hasher = Hasher::sha256();
        Self { count: 0, hasher }
    }

    /// Takes in the lengths of the next block, in bytes: stored without padding, and decoded.
    pub(super) fn push(&mut self, stored: u64, decoded: u64) {
        self.count += 1;
        self.hasher.update(&stored.to_le_bytes());
        self.hasher.update(&decoded.to_le_bytes());
    }

    fn same(self, other: Self) -> bool {
        self.count == other.count && self.hasher.finish() == other.hasher.finish()
    }
}

/// An index whose bytes arrive in pieces.
pub(super) struct Index {
    at: At,
    number: Number,
    crc: crc32fast::Hasher,
    /// How many bytes of it there were.
    len: u64,
    records: Records,
}

/// Where in the index it is.
enum At {
    /// The byte that tells an index from a block.
    Indicator,
    Count,
    /// The first length of a record; so many records are left.
    Stored(u64),
    /// The second one, after the first.
    Decoded(u64, u64),
    Padding,
    /// So many bytes of the checksum are there.
    Crc(u32, u32),
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            at: At::Indicator,
            number: Number::default(),
            crc: crc32fast::Hasher::new(),
            len: 0,
            records: Records::new(),
        }
    }

    /// Takes in some bytes; says how many belong to it, and whether it has ended.
    pub(super) fn step(&mut self, input: &[u8]) -> Result<(usize, bool), Fault> {
        for (used, byte) in input.iter().enumerate() {
            if self.push(*byte)? {
                return Ok((used + 1, true));
            }
        }
        Ok((input.len(), false))
    }

    /// Takes in a byte; says whether it was the last.
    fn push(&mut self, byte: u8) -> Result<bool, Fault> {
        self.len += 1;
        if !matches!(self.at, At::Crc(..)) {
            self.crc.update(&[byte]);
        }
        match self.at {
            At::Indicator => self.at = At::Count,
            At::Count => {
                if let Some(count) = self.digit(byte)? {
                    self.after(count);
                }
            }
            At::Stored(left) => {
                if let Some(stored) = self.digit(byte)? {
                    self.at = At::Decoded(left, stored);
                }
            }
            At::Decoded(left, stored) => {
                if let Some(decoded) = self.digit(byte)? {
                    self.records.push(stored, decoded);
                    self.after(left.saturating_sub(1));
                }
            }
            At::Padding => {
                if byte != 0 {
                    return Err(Fault::damaged("the index of a stream is invalid"));
                }
                self.pad();
            }
            At::Crc(value, have) => {
                let value = value | u32::from(byte) << (8 * have);
                self.at = At::Crc(value, have + 1);
                if have == 3 {
                    return match value == self.crc.clone().finalize() {
                        true => Ok(true),
                        false => Err(Fault::damaged("the checksum of an index differs")),
                    };
                }
            }
        }
        Ok(false)
    }

    fn digit(&mut self, byte: u8) -> Result<Option<u64>, Fault> {
        match self.number.push(byte) {
            Digit::More => Ok(None),
            Digit::Whole(value) => Ok(Some(value)),
            Digit::Invalid => Err(Fault::damaged("the index of a stream is invalid")),
        }
    }

    /// So many records are left.
    fn after(&mut self, left: u64) {
        match left {
            0 => self.pad(),
            left => self.at = At::Stored(left),
        }
    }

    /// Zeros follow up to a multiple of four bytes.
    fn pad(&mut self) {
        self.at = match self.len.is_multiple_of(4) {
            true => At::Crc(0, 0),
            false => At::Padding,
        };
    }

    /// Its length in bytes, and whether it lists those blocks, if somebody wants to know.
    pub(super) fn finish(self, blocks: Option<Records>) -> Result<u64, Fault> {
        match blocks.is_none_or(|blocks| blocks.same(self.records)) {
            true => Ok(self.len),
            false => Err(Fault::damaged("the index does not match the blocks")),
        }
    }
}
