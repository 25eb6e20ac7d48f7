//! The decoder as a state machine: blocks, their heads, and symbols near the end of the input or the
//! output.

use super::bits::{Bits, InputBytes};
use super::error::Invalid;
use super::fast::{self, Ended};
use super::head::{self, BlockKind, Codes, Head};
use super::output::{LONGEST, Output, WINDOW_LEN};

/// Where [`Inflater::step`] stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// At the next block, unless the input or the room for output runs out before.
    Block,
    /// When the input or the room for output runs out.
    Buffer,
}

/// The result of one call of [`Inflater::step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes of input that were used.
    pub consumed: usize,
    /// Bytes of output that were added.
    pub produced: usize,
    /// Why decoding has stopped.
    pub stop: Stop,
}

/// Why [`Inflater::step`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The input or the room for output ran out.
    Buffer,
    /// Before a block, where decoding could begin again. The highest `bits` bits of the last byte
    /// consumed belong to that block.
    Block { bits: u8 },
    /// The data has ended. The remaining bits of the last byte have no meaning.
    End,
}

/// The position in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a block.
    Between,
    /// Before the length of a stored block.
    StoredLen,
    /// In a stored block: the number of bytes that are missing.
    Stored(u16),
    /// Before or in the lengths of a block's codes.
    Head,
    /// Before a symbol.
    Symbols,
    /// After a block.
    Behind,
    /// After the last block.
    End,
}

/// A deflate decoder.
pub(crate) struct Inflater {
    state: State,
    /// Whether the block is the last.
    last: bool,
    bits: Bits,
    head: Head,
    codes: Codes,
    output: Output,
}

impl Inflater {
    /// Approximate memory of a decoder, in bytes.
    pub(crate) const FOOTPRINT: usize = Output::FOOTPRINT + Codes::FOOTPRINT;

    /// Creates a decoder at the start of deflate data.
    pub(crate) fn new() -> Self {
        Self {
            state: State::Between,
            last: false,
            bits: Bits::default(),
            head: Head::new(),
            codes: Codes::new(),
            output: Output::new(),
        }
    }

    /// Begins with other data. Output that has not been taken stays.
    pub(crate) fn restart(&mut self) {
        self.state = State::Between;
        self.bits = Bits::default();
        self.output.forget();
    }

    /// Begins before a block in the middle of other data. The highest `bits` bits of `byte`, the byte
    /// before the block, belong to it, and `window` is the output before it. All earlier output must
    /// have been taken.
    pub(crate) fn resume(&mut self, bits: u8, byte: u8, window: &[u8]) {
        self.restart();
        if let 1..8 = bits {
            self.bits.buf = u64::from(byte >> (8 - bits));
            self.bits.count = bits.into();
        }
        let window = window.get(window.len().saturating_sub(WINDOW_LEN)..);
        self.output.append(window.unwrap_or_default());
        self.take(self.ready().len());
    }

    /// Returns the output that has not been taken.
    pub(crate) fn ready(&self) -> &[u8] {
        self.output.ready()
    }

    /// Returns how many bytes of output there is room for.
    pub(crate) fn room(&self) -> usize {
        self.output.room()
    }

    /// Takes `n` bytes of the output. Room is made only when all output is taken.
    pub(crate) fn take(&mut self, n: usize) {
        self.output.take(n);
    }

    /// Returns the output that the next symbols may refer to.
    pub(crate) fn window(&self) -> &[u8] {
        self.output.window()
    }

    /// Decodes until the input or the room for output runs out, the data ends, or (with
    /// [`Until::Block`]) a block begins.
    ///
    /// # Errors
    /// If the input is not valid deflate data. The decoder must not be called again then.
    pub(crate) fn step(&mut self, input: &[u8], until: Until) -> Result<Step, Invalid> {
        let mut source = InputBytes::new(input);
        let room = self.output.room();
        let stop = self.advance(&mut source, until)?;
        Ok(Step {
            consumed: source.used,
            produced: room - self.output.room(),
            stop,
        })
    }

    fn advance(&mut self, source: &mut InputBytes<'_>, until: Until) -> Result<Stop, Invalid> {
        loop {
            match self.state {
                State::Between => {
                    let Some((last, kind)) = head::kind(&mut self.bits, source)? else {
                        return Ok(Stop::Buffer);
                    };
                    self.last = last;
                    self.state = match kind {
                        BlockKind::Stored => {
                            self.bits.align();
                            State::StoredLen
                        }
                        BlockKind::Fixed => {
                            self.codes.fix()?;
                            State::Symbols
                        }
                        BlockKind::Dynamic => {
                            self.head.restart();
                            State::Head
                        }
                    };
                }
                State::StoredLen => {
                    let Some(len) = head::stored(&mut self.bits, source)? else {
                        return Ok(Stop::Buffer);
                    };
                    self.state = State::Stored(len);
                }
                State::Stored(0) => self.state = State::Behind,
                State::Stored(len) => {
                    let left = source.left();
                    let n = left.len().min(self.output.room()).min(usize::from(len));
                    if n == 0 {
                        return Ok(Stop::Buffer);
                    }
                    self.output.append(left.get(..n).unwrap_or_default());
                    source.used += n;
                    // `n` is at most `len`.
                    self.state = State::Stored(len - n as u16);
                }
                State::Head => {
                    let read = self.head.read(&mut self.bits, source, &mut self.codes)?;
                    if read.is_none() {
                        return Ok(Stop::Buffer);
                    }
                    self.state = State::Symbols;
                }
                State::Symbols => match self.symbols(source)? {
                    Ended::Buffer => return Ok(Stop::Buffer),
                    Ended::Block => self.state = State::Behind,
                },
                State::Behind if self.last => self.state = State::End,
                State::Behind => {
                    self.state = State::Between;
                    if until == Until::Block {
                        // There are fewer than eight.
                        let bits = self.bits.count as u8;
                        return Ok(Stop::Block { bits });
                    }
                }
                State::End => return Ok(Stop::End),
            }
        }
    }

    /// Decodes symbols until the input or the room for output runs out, or the block ends.
    fn symbols(&mut self, source: &mut InputBytes<'_>) -> Result<Ended, Invalid> {
        loop {
            // With eight or more bits, decoding has stopped in the middle of a symbol.
            if self.bits.count < 8 {
                let (bits, output) = (&mut self.bits, &mut self.output);
                if fast::decode(bits, source, output, &self.codes)? == Ended::Block {
                    return Ok(Ended::Block);
                }
            }
            // Decodes one symbol that the fast loop cannot decode. Afterwards the fast loop may be
            // able to go on.
            match self.symbol(source)? {
                Some(Ended::Buffer) => {}
                Some(Ended::Block) => return Ok(Ended::Block),
                None => return Ok(Ended::Buffer),
            }
        }
    }

    /// Decodes one symbol. Returns `None` if more input or more room for output is needed.
    fn symbol(&mut self, source: &mut InputBytes<'_>) -> Result<Option<Ended>, Invalid> {
        if self.output.room() < LONGEST {
            return Ok(None);
        }
        let Some(len) = self.codes.litlen.find(&mut self.bits, 0, source) else {
            return Ok(None);
        };
        if len.entry.is_literal() {
            self.bits.drop(len.bits);
            self.output.append(&[len.entry.byte()]);
            return Ok(Some(Ended::Buffer));
        }
        if len.entry.is_end() {
            self.bits.drop(len.bits);
            return Ok(Some(Ended::Block));
        }
        if len.entry.is_other() {
            return Err(fast::UNKNOWN);
        }
        let distances = &self.codes.distance;
        let Some(distance) = distances.find(&mut self.bits, len.bits, source) else {
            return Ok(None);
        };
        if distance.entry.is_other() {
            return Err(fast::NO_DISTANCE);
        }
        self.output.repeat(distance.value, len.value)?;
        self.bits.drop(len.bits + distance.bits);
        Ok(Some(Ended::Buffer))
    }
}
