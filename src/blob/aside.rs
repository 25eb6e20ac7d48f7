//! Spans that lie within another, written aside: the middle of what can be decoded from its start
//! alone, such as a layer of one zstd frame.
//!
//! The first pass leaves them as they are, since most mounts never read a byte of most layers. When
//! the first span of such a *stretch* is read, the stretch is decoded from its start up to there, and
//! each span of it is written into a file of the cache, compressed in a block of its own; the decoder
//! waits there for the next one who wants to go further. So each byte is decoded once, and only what
//! somebody asked for is waited for. When the whole stretch is written it is published, and the next
//! mount finds it there.
//!
//! Whoever needs a span that is not there takes the turn, and all others wait until he has come to
//! theirs. A short stretch is not worth a file: it is decoded again where the decoder has passed by.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use lz4::block::{CompressionMode, compress_bound, decompress_to_buffer};

use super::decoders::{Decoder, Shelf};
use super::publish::Publisher;
use super::spans::{Origin, PIECE_LEN, Span};
use super::{ReadAt, SpanTable};
use crate::cache::{CacheFile, Key, Kind, Writer};

/// The section of blocks.
const BLOCKS: u32 = 1;
/// The section of the offsets at which they end.
const ENDS: u32 = 2;
const END_LEN: usize = 8;

/// How blocks are compressed: they are written once and read a few times, so speed counts. LZ4 with
/// this acceleration takes half the time of zstd's fast levels, for 15 % more room.
const SPEED: CompressionMode = CompressionMode::FAST(8);

/// A stretch of no more spans than this is not written: 16 MiB are decoded again in no time.
const SHORT: u64 = 64;

/// The same for xz, which decodes a tenth as fast.
const SHORT_XZ: u64 = 6;

/// The spans of a blob that are written aside, as far as they are.
pub(super) struct Aside {
    source: Arc<dyn ReadAt>,
    table: SpanTable,
    publisher: Arc<Publisher>,
    shelf: Arc<Shelf>,
    /// By the number of the span that a stretch begins with.
    stretches: Mutex<HashMap<u64, Arc<Stretch>>>,
}

/// A row of spans of which only the first can be decoded alone.
struct Stretch {
    head: u64,
    is_short: bool,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    held: Held,
    decoder: Option<Decoder>,
    /// Somebody has the turn, and the decoder with it.
    busy: bool,
    /// Its rest is being decoded, since somebody has begun.
    finishing: bool,
}

#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    /// The blocks so far, and where each ends.
    Writing(Writer, Vec<u64>),
    /// All of them.
    Whole(Arc<CacheFile>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it was held leaves a value that is valid as it is.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Held {
    /// Whether the span of that number in its stretch, from 0, is there.
    fn has(&self, index: u64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Writing(_, ends) => (ends.len() as u64) > index,
            Self::Whole(_) => true,
        }
    }

    /// The block of a span, compressed.
    fn block(&self, index: u64) -> io::Result<Vec<u8>> {
        let length = |from: u64, to: u64| {
            let len = to
                .checked_sub(from)
                .and_then(|len| usize::try_from(len).ok());
            let bound = compress_bound(PIECE_LEN as usize)?;
            len.filter(|len| *len <= bound)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        };
        match self {
            Self::Nothing => Err(io::ErrorKind::InvalidData.into()),
            Self::Writing(writer, ends) => {
                let end = |n: u64| ends.get(usize::try_from(n).ok()?).copied();
                let from = index.checked_sub(1).map_or(Some(0), end);
                let (Some(from), Some(to)) = (from, end(index)) else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                let mut block = vec![0; length(from, to)?];
                writer.read_back(from, &mut block)?;
                Ok(block)
            }
            Self::Whole(file) => {
                let ends = file.part(ENDS);
                let end = |n| Some(u64::from_le_bytes(*ends.record::<END_LEN>(n)?));
                let from = index.checked_sub(1).map_or(Some(0), end);
                let (Some(from), Some(to)) = (from, end(index)) else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                let mut block = vec![0; length(from, to)?];
                // All blocks of a layer are larger than the layer, so they are not mapped; the
                // checksum of the span is the one that counts.
                file.part(BLOCKS).read_unchecked(from, &mut block)?;
                Ok(block)
            }
        }
    }
}

/// The turn to decode. Who has it gives it back, whatever happens to him.
struct Turn<'a> {
    stretch: &'a Stretch,
    decoder: Option<Decoder>,
    /// Whether all went well.
    done: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.stretch.state);
        state.busy = false;
        if self.done {
            state.decoder = self.decoder.take();
        } else if !matches!(state.held, Held::Whole(_)) {
            // The next one begins anew: what has failed may have failed for this once.
            state.held = Held::Nothing;
        }
        drop(state);
        self.stretch.moved.notify_all();
    }
}

impl Stretch {
    /// Takes the turn, unless the span is there already or gets there meanwhile.
    fn turn(&self, index: u64) -> Option<Turn<'_>> {
        let mut state = lock(&self.state);
        loop {
            if state.held.has(index) {
                return None;
            }
            if !state.busy {
                state.busy = true;
                return Some(Turn {
                    stretch: self,
                    decoder: state.decoder.take(),
                    done: false,
                });
            }
            let waited = self.moved.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Fills `out` with a span that is there; says whether it could.
    fn read(&self, index: u64, out: &mut [u8]) -> bool {
        let block = lock(&self.state).held.block(index);
        // No span is so long that its length does not fit.
        let len = out.len() as i32;
        block.is_ok_and(|block| {
            decompress_to_buffer(&block, Some(len), out).is_ok_and(|n| n == out.len())
        })
    }
}

impl Aside {
    pub(super) fn new(
        source: Arc<dyn ReadAt>,
        table: SpanTable,
        publisher: Arc<Publisher>,
        shelf: Arc<Shelf>,
    ) -> Self {
        Self {
            source,
            table,
            publisher,
            shelf,
            stretches: Mutex::default(),
        }
    }

    fn stretch(&self, head: u64) -> Arc<Stretch> {
        let new = || {
            let short = match self.table.span(head).map(|span| span.origin) {
                Some(Origin::XzStream { .. } | Origin::XzBlock { .. }) => SHORT_XZ,
                _ => SHORT,
            };
            let last = head.checked_add(short + 1);
            Arc::new(Stretch {
                head,
                is_short: last.is_none_or(|last| self.within(head, last).is_none()),
                state: Mutex::default(),
                moved: Condvar::new(),
            })
        };
        lock(&self.stretches)
            .entry(head)
            .or_insert_with(new)
            .clone()
    }

    /// The span of that number, if it lies in the stretch.
    fn within(&self, head: u64, number: u64) -> Option<Span> {
        let span = self.table.span(number)?;
        (span.origin == Origin::Within { head }).then_some(span)
    }

    fn key(&self, head: u64) -> Key {
        self.table.file().aside(head)
    }

    /// Fills `out`, which is as long as the span, with the span of that number, which lies in the
    /// stretch that begins with `head`.
    pub(super) fn read(&self, head: u64, number: u64, out: &mut [u8]) -> io::Result<()> {
        let (Some(span), Some(index)) = (
            self.within(head, number),
            number.checked_sub(head).and_then(|n| n.checked_sub(1)),
        ) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let stretch = self.stretch(head);
        // What cannot be read back is made again, once.
        for _ in 0..2 {
            if let Some(turn) = stretch.turn(index)
                && self.decode(turn, index, Some(out))?
            {
                return Ok(());
            }
            if stretch.read(index, out) && crc32fast::hash(out) == span.crc {
                return Ok(());
            }
            tracing::warn!(
                "the uncompressed copy of part of a layer in the cache is damaged; it is made again"
            );
            self.publisher.disk().remove(&self.key(head));
            let mut state = lock(&stretch.state);
            if !state.busy {
                state.held = Held::Nothing;
            }
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the uncompressed copy in the cache does not contain what was written to it",
        ))
    }

    /// Whether a span can be had without decoding others.
    pub(super) fn has(&self, head: u64, number: u64) -> bool {
        let Some(index) = number.checked_sub(head).and_then(|n| n.checked_sub(1)) else {
            return false;
        };
        let stretch = lock(&self.stretches).get(&head).cloned();
        stretch.is_some_and(|stretch| lock(&stretch.state).held.has(index))
    }

    /// Whether somebody should see to it that the rest of a stretch is decoded too; said once until
    /// [`Aside::go_on`] says that there is no more to do.
    pub(super) fn wants_finishing(&self, head: u64) -> bool {
        let stretch = self.stretch(head);
        let mut state = lock(&stretch.state);
        let wanted = matches!(state.held, Held::Writing(..)) && !state.finishing;
        state.finishing |= wanted;
        wanted
    }

    /// Decodes `count` more spans of a stretch; says whether it should be called again.
    pub(super) fn go_on(&self, head: u64, count: u64) -> bool {
        let stretch = self.stretch(head);
        let written = match &lock(&stretch.state).held {
            Held::Writing(_, ends) => Some(ends.len() as u64),
            Held::Nothing | Held::Whole(_) => None,
        };
        let turn = written.and_then(|next| {
            let last = next.saturating_add(count);
            Some((stretch.turn(last)?, last))
        });
        let went = turn.is_some_and(|(turn, last)| self.decode(turn, last, None).is_ok());
        if !went {
            lock(&stretch.state).finishing = false;
        }
        went
    }

    /// Notes that nobody goes on with a stretch.
    pub(super) fn stop_finishing(&self, head: u64) {
        lock(&self.stretch(head).state).finishing = false;
    }

    /// Decodes until the span of that number in the stretch is there, or the stretch ends. If that
    /// span was decoded on the way, `out` is filled with it, and the answer is true.
    fn decode(
        &self,
        mut turn: Turn<'_>,
        index: u64,
        mut out: Option<&mut [u8]>,
    ) -> io::Result<bool> {
        let stretch = turn.stretch;
        let source = &*self.source;
        // From where on what is decoded is to be written, and up to where the decoder may have come.
        let (written, passed) = match stretch.is_short {
            true => (u64::MAX, index),
            false => match self.prepare(stretch)? {
                Some(written) => (written, written),
                None => {
                    turn.done = true;
                    return Ok(false);
                }
            },
        };
        let mut decoder = match turn.decoder.take() {
            Some(decoder) if decoder.next <= passed => decoder,
            _ => Decoder::new(source, &self.table, stretch.head, &self.shelf)?,
        };
        let mut filled = false;
        loop {
            let number = stretch.head.saturating_add(decoder.next).saturating_add(1);
            let Some(span) = self.within(stretch.head, number) else {
                break;
            };
            let wanted = decoder.next == index;
            let bytes = decoder.decode(source, &span)?;
            if wanted
                && let Some(out) = out.take()
                && out.len() == bytes.len()
            {
                out.copy_from_slice(bytes);
                filled = true;
            }
            if decoder.next >= written {
                decoder.compress(SPEED)?;
                self.put(stretch, decoder.block())?;
            }
            decoder.next += 1;
            // A decoder that may not wait here goes on to the end.
            if decoder.next > index && (stretch.is_short || decoder.may_wait()) {
                let more = self.within(stretch.head, number.saturating_add(1));
                if more.is_some() {
                    turn.decoder = Some(decoder).filter(Decoder::may_wait);
                    turn.done = true;
                    return Ok(filled);
                }
                break;
            }
        }
        drop(decoder);
        if !stretch.is_short {
            self.end(stretch)?;
        }
        turn.done = true;
        Ok(filled)
    }

    /// Finds the stretch in the cache, or begins to write it; says how many of its spans are written,
    /// `None` if it is all there.
    fn prepare(&self, stretch: &Stretch) -> io::Result<Option<u64>> {
        let held = &mut lock(&stretch.state).held;
        match held {
            Held::Writing(_, ends) => return Ok(Some(ends.len() as u64)),
            Held::Whole(_) => return Ok(None),
            Held::Nothing => {}
        }
        let key = self.key(stretch.head);
        if let Some(file) = self.publisher.disk().load(&key) {
            let count = file.part(ENDS).records::<END_LEN>();
            let last = stretch.head.checked_add(count);
            let ends_there = last.is_some_and(|last| {
                self.within(stretch.head, last).is_some()
                    && self.within(stretch.head, last.saturating_add(1)).is_none()
            });
            if ends_there {
                *held = Held::Whole(file);
                return Ok(None);
            }
            self.publisher.disk().remove(&key);
        }
        let mut writer = self.publisher.disk().create(Kind::Aside)?;
        writer.section(BLOCKS)?;
        *held = Held::Writing(writer, Vec::new());
        Ok(Some(0))
    }

    /// Writes the next block.
    fn put(&self, stretch: &Stretch, block: &[u8]) -> io::Result<()> {
        if let Held::Writing(writer, ends) = &mut lock(&stretch.state).held {
            let at = writer.append(block)?;
            ends.push(at + block.len() as u64);
        }
        stretch.moved.notify_all();
        Ok(())
    }

    /// All blocks are written.
    fn end(&self, stretch: &Stretch) -> io::Result<()> {
        let mut state = lock(&stretch.state);
        let Held::Writing(mut writer, ends) = std::mem::take(&mut state.held) else {
            return Ok(());
        };
        writer.section(ENDS)?;
        for end in ends {
            writer.append(&end.to_le_bytes())?;
        }
        let unpublished = writer.finish(&self.key(stretch.head))?;
        state.held = Held::Whole(unpublished.file.clone());
        drop(state);
        self.publisher.publish(unpublished);
        Ok(())
    }
}
