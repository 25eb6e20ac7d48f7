//! The data of a block while it is decoded, and the checks of its lengths.

use super::check::Check;
use super::error::XzError;
use super::filters::{Chain, Progress};
use super::header::BlockHeader;

/// A block whose header was read.
pub(super) struct Block {
    header: BlockHeader,
    chain: Chain,
    /// The number of stored bytes of data so far.
    stored: u64,
    /// The number of decoded bytes so far.
    decoded: u64,
    /// Computes the check. `None` if it is not compared.
    check: Option<Check>,
}

impl Block {
    pub(super) fn new(header: BlockHeader, check: Option<Check>) -> Result<Self, XzError> {
        Ok(Self {
            chain: Chain::new(&header)?,
            header,
            stored: 0,
            decoded: 0,
            check,
        })
    }

    /// Decodes until the input or the room for output runs out, or the data ends.
    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Progress, XzError> {
        let progress = self.chain.step(input, out)?;
        if let Some(check) = &mut self.check {
            check.update(out.get(..progress.produced).unwrap_or_default());
        }
        self.stored += progress.consumed as u64;
        self.decoded += progress.produced as u64;
        let fits = |said: Option<u64>, is: u64| match progress.ended {
            true => said.is_none_or(|said| said == is),
            false => said.is_none_or(|said| said >= is),
        };
        if !fits(self.header.stored, self.stored) || !fits(self.header.decoded, self.decoded) {
            return Err(XzError::damaged(
                "a block is not as long as its header says",
            ));
        }
        Ok(progress)
    }

    /// Returns the number of zeros after the data, which is padded to a multiple of four bytes.
    pub(super) fn padding(&self) -> usize {
        // The length of the header is a multiple of four. The result is less than four, so it fits.
        (self.stored.wrapping_neg() % 4) as usize
    }

    /// Compares the check with the field that follows the padding. Returns the two lengths that the
    /// index has for the block: stored, with header and check but without padding, and decoded.
    pub(super) fn finish(self, field: &[u8]) -> Result<(u64, u64), XzError> {
        if let Some(check) = self.check {
            check.compare(field)?;
        }
        let around = (self.header.len + field.len()) as u64;
        Ok((around + self.stored, self.decoded))
    }

    /// Returns the maximum memory that it takes, in bytes.
    pub(super) fn footprint(&self) -> usize {
        self.chain.footprint()
    }
}
