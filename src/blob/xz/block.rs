//! The data of a block, while they are decoded, and what has to be right about their lengths.

use super::check::Check;
use super::filters::{Chain, Progress};
use super::header::{BlockHeader, Fault};

/// A block whose header was read.
pub(super) struct Block {
    header: BlockHeader,
    chain: Chain,
    /// How many stored bytes of data there were.
    stored: u64,
    /// How many they decoded to.
    decoded: u64,
    /// Computes the check, where somebody wants to know.
    check: Option<Check>,
}

impl Block {
    pub(super) fn new(header: BlockHeader, check: Option<Check>) -> Result<Self, Fault> {
        Ok(Self {
            chain: Chain::new(&header)?,
            header,
            stored: 0,
            decoded: 0,
            check,
        })
    }

    /// Decodes until input or room runs out, or the data ends.
    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Progress, Fault> {
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
            return Err(Fault::damaged("a block is not as long as its header says"));
        }
        Ok(progress)
    }

    /// How many zeros follow the data: up to a multiple of four bytes.
    pub(super) fn padding(&self) -> usize {
        // The header's length is such a multiple; less than four fits.
        (self.stored.wrapping_neg() % 4) as usize
    }

    /// Compares the check with the field that follows the padding. Gives the lengths that the index has
    /// of it: stored with header and check but without padding, and decoded.
    pub(super) fn finish(self, field: &[u8]) -> Result<(u64, u64), Fault> {
        if let Some(check) = self.check {
            check.compare(field)?;
        }
        let around = (self.header.len + field.len()) as u64;
        Ok((around + self.stored, self.decoded))
    }

    /// Memory that it takes at most, in bytes.
    pub(super) fn footprint(&self) -> usize {
        self.chain.footprint()
    }
}
