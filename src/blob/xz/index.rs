//! The index at the end of a stream, which lists the lengths of its blocks (The .xz File Format, 4).
//! It is compared with the blocks that were decoded. It is not needed to find them.

use super::error::XzError;
use super::number::{Digit, Number};
use crate::blob::Hasher;

/// The lengths of blocks. There may be many, so only their number and a digest are kept.
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

/// An index that is read in pieces.
pub(super) struct StreamIndex {
    state: IndexState,
    number: Number,
    crc: crc32fast::Hasher,
    /// The number of bytes read so far.
    len: u64,
    records: Records,
}

/// The position in the index.
enum IndexState {
    /// The byte that distinguishes an index from a block.
    Indicator,
    Count,
    /// The first length of a record. The value is the number of records that are left.
    Stored(u64),
    /// The second length of a record. The values are the number of records that are left, and the
    /// first length.
    Decoded(u64, u64),
    Padding,
    /// The checksum. The values are its bytes so far, and their number.
    Crc(u32, u32),
}

impl StreamIndex {
    pub(super) fn new() -> Self {
        Self {
            state: IndexState::Indicator,
            number: Number::default(),
            crc: crc32fast::Hasher::new(),
            len: 0,
            records: Records::new(),
        }
    }

    /// Takes in bytes. Returns how many belong to the index, and whether it has ended.
    pub(super) fn step(&mut self, input: &[u8]) -> Result<(usize, bool), XzError> {
        for (used, byte) in input.iter().enumerate() {
            if self.push(*byte)? {
                return Ok((used + 1, true));
            }
        }
        Ok((input.len(), false))
    }

    /// Takes in a byte. Returns whether it was the last.
    fn push(&mut self, byte: u8) -> Result<bool, XzError> {
        self.len += 1;
        if !matches!(self.state, IndexState::Crc(..)) {
            self.crc.update(&[byte]);
        }
        match self.state {
            IndexState::Indicator => self.state = IndexState::Count,
            IndexState::Count => {
                if let Some(count) = self.digit(byte)? {
                    self.after(count);
                }
            }
            IndexState::Stored(left) => {
                if let Some(stored) = self.digit(byte)? {
                    self.state = IndexState::Decoded(left, stored);
                }
            }
            IndexState::Decoded(left, stored) => {
                if let Some(decoded) = self.digit(byte)? {
                    self.records.push(stored, decoded);
                    self.after(left.saturating_sub(1));
                }
            }
            IndexState::Padding => {
                if byte != 0 {
                    return Err(XzError::damaged("the index of a stream is invalid"));
                }
                self.pad();
            }
            IndexState::Crc(value, have) => {
                let value = value | u32::from(byte) << (8 * have);
                self.state = IndexState::Crc(value, have + 1);
                if have == 3 {
                    return match value == self.crc.clone().finalize() {
                        true => Ok(true),
                        false => Err(XzError::damaged("the checksum of an index differs")),
                    };
                }
            }
        }
        Ok(false)
    }

    fn digit(&mut self, byte: u8) -> Result<Option<u64>, XzError> {
        match self.number.push(byte) {
            Digit::More => Ok(None),
            Digit::Whole(value) => Ok(Some(value)),
            Digit::Invalid => Err(XzError::damaged("the index of a stream is invalid")),
        }
    }

    /// Goes on where `left` records are left.
    fn after(&mut self, left: u64) {
        match left {
            0 => self.pad(),
            left => self.state = IndexState::Stored(left),
        }
    }

    /// Goes on with padding up to a multiple of four bytes, and then the checksum.
    fn pad(&mut self) {
        self.state = match self.len.is_multiple_of(4) {
            true => IndexState::Crc(0, 0),
            false => IndexState::Padding,
        };
    }

    /// Returns the length of the index in bytes. Fails if `blocks` is given and the index lists other
    /// blocks.
    pub(super) fn finish(self, blocks: Option<Records>) -> Result<u64, XzError> {
        match blocks.is_none_or(|blocks| blocks.same(self.records)) {
            true => Ok(self.len),
            false => Err(XzError::damaged("the index does not match the blocks")),
        }
    }
}
