//! The decoder of an xz file.
//!
//! It takes input in pieces of any size, and separates it into streams and blocks. It stops before
//! each block, since decoding can begin again there.

use super::block::Block;
use super::check::CheckKind;
use super::error::XzError;
use super::header::{BlockHeader, MAGIC, STREAM_HEADER_LEN, stream_footer, stream_header};
use super::index::{Records, StreamIndex};

/// A decoder somewhere in an xz file.
pub(in crate::blob) struct XzDecoder {
    state: DecoderState,
    /// The bytes of a field of fixed length that were read so far.
    field: Vec<u8>,
    /// The check of the blocks in this stream.
    check: CheckKind,
    /// Whether checks are compared.
    is_checked: bool,
    /// The blocks of this stream so far, if they are compared with the index.
    records: Option<Records>,
}

/// The position in the file.
enum DecoderState {
    StreamHeader,
    /// Before a block or the index.
    Between,
    BlockHeader,
    Data(Box<Block>),
    /// After the data of a block: the number of zeros that follow, before the check.
    BlockEnd(Box<Block>, usize),
    Index(Box<StreamIndex>),
    /// After an index of that length, in bytes.
    Footer(u64),
    /// After a stream: the number of zeros so far.
    StreamPadding(u64),
    /// After an error.
    Failed,
}

/// The result of a step.
pub(super) struct Step {
    /// Stored bytes that were used.
    pub consumed: usize,
    /// Decoded bytes that were written.
    pub produced: usize,
    pub stop: Stop,
}

/// Why a step has stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The step should be repeated, if necessary with more input or room for output.
    Buffer,
    /// Before a block, in a stream whose check has that number.
    Block { check: u8 },
}

impl XzDecoder {
    /// Creates a decoder that begins at the header of a stream and compares all checks.
    pub(super) fn checked() -> Self {
        Self {
            is_checked: true,
            ..Self::unchecked()
        }
    }

    /// Creates a decoder that begins at the header of a stream and compares no checks: the caller
    /// checks the bytes in another way.
    pub(super) fn unchecked() -> Self {
        Self {
            state: DecoderState::StreamHeader,
            field: Vec::new(),
            check: CheckKind::None,
            is_checked: false,
            records: None,
        }
    }

    /// Creates a decoder that begins at the header of a block, in a stream whose check has that
    /// number.
    pub(super) fn at_block(check: u8) -> Result<Self, XzError> {
        Ok(Self {
            state: DecoderState::Between,
            check: CheckKind::of(check)?,
            ..Self::unchecked()
        })
    }

    /// Returns whether the file may end here.
    pub(super) fn may_end(&self) -> Result<bool, XzError> {
        match self.state {
            DecoderState::StreamPadding(len) if len.is_multiple_of(4) => Ok(true),
            DecoderState::StreamPadding(_) => Err(odd_padding()),
            _ => Ok(false),
        }
    }

    /// Decodes until the input or the room for output runs out, or a block begins. If a step makes no
    /// progress, the next one needs more input or room.
    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, XzError> {
        let (mut consumed, mut produced) = (0, 0);
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            let room = out.get_mut(produced..).unwrap_or_default();
            let in_block = matches!(self.state, DecoderState::Data(_));
            if (rest.is_empty() && !in_block) || (in_block && room.is_empty()) {
                break;
            }
            let before = (consumed, produced);
            let stop = self.advance(rest, room, &mut consumed, &mut produced)?;
            if stop != Stop::Buffer || (in_block && before == (consumed, produced)) {
                return Ok(Step {
                    consumed,
                    produced,
                    stop,
                });
            }
        }
        Ok(Step {
            consumed,
            produced,
            stop: Stop::Buffer,
        })
    }

    /// Reads the next field, or as much of it as there is.
    fn advance(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        consumed: &mut usize,
        produced: &mut usize,
    ) -> Result<Stop, XzError> {
        // After an error the decoder cannot be used again.
        match std::mem::replace(&mut self.state, DecoderState::Failed) {
            DecoderState::StreamHeader => {
                *consumed += self.gather(input, STREAM_HEADER_LEN);
                if !self.field.iter().zip(&MAGIC).all(|(is, must)| is == must) {
                    return Err(XzError::damaged(
                        "the data after a stream is not another stream",
                    ));
                }
                self.state = match self.whole(STREAM_HEADER_LEN) {
                    Some(field) => {
                        self.check = stream_header(field_of(&field)?)?;
                        self.records = self.is_checked.then(Records::new);
                        DecoderState::Between
                    }
                    None => DecoderState::StreamHeader,
                };
            }
            DecoderState::Between => match input.first() {
                Some(0) => self.state = DecoderState::Index(Box::new(StreamIndex::new())),
                Some(_) => {
                    self.state = DecoderState::BlockHeader;
                    let check = self.check.id();
                    return Ok(Stop::Block { check });
                }
                None => self.state = DecoderState::Between,
            },
            DecoderState::BlockHeader => {
                let first = self.field.first().or(input.first());
                let len = first.map_or(1, |first| BlockHeader::len_of(*first));
                *consumed += self.gather(input, len);
                self.state = match self.whole(len) {
                    Some(field) => {
                        let header = BlockHeader::parse(&field)?;
                        let check = self.is_checked.then(|| self.check.begin());
                        DecoderState::Data(Box::new(Block::new(header, check)?))
                    }
                    None => DecoderState::BlockHeader,
                };
            }
            DecoderState::Data(mut block) => {
                let progress = block.step(input, out)?;
                *consumed += progress.consumed;
                *produced += progress.produced;
                self.state = match progress.ended {
                    true => {
                        let padding = block.padding();
                        self.end_block(block, padding)?
                    }
                    false => DecoderState::Data(block),
                };
            }
            DecoderState::BlockEnd(block, padding) => {
                *consumed += self.gather(input, padding + self.check.len());
                self.state = self.end_block(block, padding)?;
            }
            DecoderState::Index(mut index) => {
                let (used, ended) = index.step(input)?;
                *consumed += used;
                self.state = match ended {
                    true => DecoderState::Footer(index.finish(self.records.take())?),
                    false => DecoderState::Index(index),
                };
            }
            DecoderState::Footer(index) => {
                *consumed += self.gather(input, STREAM_HEADER_LEN);
                self.state = match self.whole(STREAM_HEADER_LEN) {
                    Some(field) => {
                        if stream_footer(field_of(&field)?)? != (index, self.check) {
                            let detail =
                                "the footer of a stream does not match its header and index";
                            return Err(XzError::damaged(detail));
                        }
                        DecoderState::StreamPadding(0)
                    }
                    None => DecoderState::Footer(index),
                };
            }
            DecoderState::StreamPadding(len) => {
                let zeros = input.iter().take_while(|byte| **byte == 0).count();
                *consumed += zeros;
                let len = len.saturating_add(zeros as u64);
                self.state = match zeros == input.len() {
                    true => DecoderState::StreamPadding(len),
                    false if len.is_multiple_of(4) => DecoderState::StreamHeader,
                    false => return Err(odd_padding()),
                };
            }
            DecoderState::Failed => return Err(XzError::damaged("the decoder has failed before")),
        }
        Ok(Stop::Buffer)
    }

    /// Ends a block if its padding and check were read.
    fn end_block(&mut self, block: Box<Block>, padding: usize) -> Result<DecoderState, XzError> {
        let Some(field) = self.whole(padding + self.check.len()) else {
            return Ok(DecoderState::BlockEnd(block, padding));
        };
        let (zeros, check) = field.split_at_checked(padding).unwrap_or_default();
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(XzError::damaged("the padding of a block is not zeros"));
        }
        let (stored, decoded) = block.finish(check)?;
        if let Some(records) = &mut self.records {
            records.push(stored, decoded);
        }
        Ok(DecoderState::Between)
    }

    /// Reads the missing bytes of a field of `len` bytes. Returns how many were read.
    fn gather(&mut self, input: &[u8], len: usize) -> usize {
        let missing = len.saturating_sub(self.field.len());
        let now = input.get(..missing).unwrap_or(input);
        self.field.extend_from_slice(now);
        now.len()
    }

    /// Returns the field if all of its `len` bytes were read.
    fn whole(&mut self, len: usize) -> Option<Vec<u8>> {
        (self.field.len() >= len).then(|| std::mem::take(&mut self.field))
    }

    /// Returns the maximum memory that it takes in this block, in bytes.
    pub(super) fn footprint(&self) -> usize {
        match &self.state {
            DecoderState::Data(block) | DecoderState::BlockEnd(block, _) => block.footprint(),
            _ => 0,
        }
    }
}

/// Converts a field that was read with this length.
fn field_of(field: &[u8]) -> Result<&[u8; STREAM_HEADER_LEN], XzError> {
    let wrong = |_| XzError::damaged("a field of the wrong length");
    field.try_into().map_err(wrong)
}

fn odd_padding() -> XzError {
    XzError::damaged("the number of zeros after a stream is not a multiple of four")
}
