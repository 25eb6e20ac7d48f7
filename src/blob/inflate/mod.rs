//! A decoder of deflate data (RFC 1951) that can stop before a block, tell all that is needed to
//! begin there again, and begin there.
//!
//! [`Inflater`] is fed bytes in pieces of any size and decodes into a buffer of its own, which holds the
//! window too (`output.rs`). Where there are plenty of both, symbols are decoded in a loop that takes
//! more bits than it needs (`fast.rs`); near the end of either, one at a time and bit by bit, so that
//! it can stop after each. Both look symbols up in the same tables (`code.rs`), which `head.rs` makes of
//! what a block begins with.
//!
//! It is ours since no library does all three: stop at blocks, as seek points want; need no `unsafe`;
//! be as fast as a first mount should be, of which it is the larger part (`docs/architecture.md`).

mod bits;
mod code;
mod entry;
mod fast;
mod head;
mod output;
#[cfg(test)]
mod tests;

use bits::{Bits, Source};
use fast::Ended;
use head::{Codes, Head, Kind};
use output::{LONGEST, Output};

/// Longest window of deflate, in bytes (RFC 1951, section 2).
pub(crate) const WINDOW_LEN: usize = 32 * 1024;

/// What is wrong with deflate data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(pub(super) &'static str);

/// Up to where [`Inflater::step`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The next block, if neither input nor room runs out before.
    Block,
    /// Until one of them runs out.
    Buffer,
}

/// How far one call of [`Inflater::step`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes of input that are used up.
    pub consumed: usize,
    /// Bytes of output that were added.
    pub produced: usize,
    /// Where the decoder stands now.
    pub stop: Stop,
}

/// Why [`Inflater::step`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Input or room ran out.
    Buffer,
    /// Before a block: decoding could start again here. `bits` bits of the last byte consumed, the
    /// highest, belong to what follows.
    Block { bits: u8 },
    /// The data has ended. What is left of the last byte means nothing.
    End,
}

/// Where in the data it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a block.
    Between,
    /// Before the length of a stored block.
    StoredLen,
    /// So many bytes of a stored block are to come.
    Stored(u16),
    /// Before or in the codes of a block.
    Head,
    /// Before a symbol.
    Symbols,
    /// Behind a block.
    Behind,
    /// Behind the last block.
    End,
}

/// A deflate decoder.
pub(crate) struct Inflater {
    state: State,
    /// The block is the last.
    last: bool,
    bits: Bits,
    head: Head,
    codes: Codes,
    output: Output,
}

impl Inflater {
    /// Memory that one takes, in bytes, more or less.
    pub(crate) const FOOTPRINT: usize = Output::FOOTPRINT + Codes::FOOTPRINT;

    /// A decoder at the start of deflate data.
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

    /// Begins with other data. What nobody has taken stays.
    pub(crate) fn restart(&mut self) {
        self.state = State::Between;
        self.bits = Bits::default();
        self.output.forget();
    }

    /// Begins before a block inside of other data: `bits` bits of the byte before it, the highest, belong
    /// to it, and `window` is the output before it. Nothing that was decoded before may be left.
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

    /// Output that nobody has taken.
    pub(crate) fn ready(&self) -> &[u8] {
        self.output.ready()
    }

    /// How many bytes can be added to it.
    pub(crate) fn room(&self) -> usize {
        self.output.room()
    }

    /// Takes so many bytes of it. Only when all are taken there is room again.
    pub(crate) fn take(&mut self, n: usize) {
        self.output.take(n);
    }

    /// The output that what follows may refer to.
    pub(crate) fn window(&self) -> &[u8] {
        self.output.window()
    }

    /// Decodes until input or room runs out, the data ends, or, if that is wanted, a block begins.
    ///
    /// # Errors
    /// If it is no deflate data; no further call makes sense then.
    pub(crate) fn step(&mut self, input: &[u8], until: Until) -> Result<Step, Invalid> {
        let mut source = Source::new(input);
        let room = self.output.room();
        let stop = self.advance(&mut source, until)?;
        Ok(Step {
            consumed: source.used,
            produced: room - self.output.room(),
            stop,
        })
    }

    fn advance(&mut self, source: &mut Source<'_>, until: Until) -> Result<Stop, Invalid> {
        loop {
            match self.state {
                State::Between => {
                    let Some((last, kind)) = head::kind(&mut self.bits, source)? else {
                        return Ok(Stop::Buffer);
                    };
                    self.last = last;
                    self.state = match kind {
                        Kind::Stored => {
                            self.bits.align();
                            State::StoredLen
                        }
                        Kind::Fixed => {
                            self.codes.fix()?;
                            State::Symbols
                        }
                        Kind::Dynamic => {
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
                    // No more than `len`.
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
                        // Fewer than eight.
                        let bits = self.bits.count as u8;
                        return Ok(Stop::Block { bits });
                    }
                }
                State::End => return Ok(Stop::End),
            }
        }
    }

    /// Decodes symbols until input or room runs out or the block ends.
    fn symbols(&mut self, source: &mut Source<'_>) -> Result<Ended, Invalid> {
        loop {
            // With more bits than that it is in the middle of a symbol.
            if self.bits.count < 8 {
                let (bits, output) = (&mut self.bits, &mut self.output);
                if fast::decode(bits, source, output, &self.codes)? == Ended::Block {
                    return Ok(Ended::Block);
                }
            }
            // One more; then perhaps a new piece of input is plenty.
            match self.symbol(source)? {
                Some(Ended::Buffer) => {}
                Some(Ended::Block) => return Ok(Ended::Block),
                None => return Ok(Ended::Buffer),
            }
        }
    }

    /// Decodes one symbol, if all of it is there and there is room for it.
    fn symbol(&mut self, source: &mut Source<'_>) -> Result<Option<Ended>, Invalid> {
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
