//! Side files: the decoded spans of a *span run*, written to a separate file of the cache (in its
//! directory `aside/`).
//!
//! A span run is a series of consecutive spans at which decoding cannot begin, together with the span
//! before them (its head), from which they are decoded. A layer of one zstd frame is an example.
//!
//! The first pass does not write side files, since most mounts never read a byte of most layers. When
//! the first span of a run is read, the run is decoded from its start up to that span. Each
//! span on the way is compressed as a block of its own and written to the side file. The decoder is
//! then kept for the next read that is further ahead. So each byte is decoded once, and a reader
//! waits only for the bytes up to the span that it needs. When the whole run is written, the side
//! file is published, and the next mount finds it.
//!
//! A thread that needs a span that is not written yet takes the [`Turn`] to decode. Other threads
//! wait until their span is written. A short run is not worth a file: if the decoder is already
//! past the span, the run is decoded again from its start.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use lz4::block::{CompressionMode, compress_bound, decompress_to_buffer};

use super::publish::Publisher;
use super::run_decoder::{DecoderBudget, RunDecoder};
use super::spans::{PIECE_LEN, Span, SpanOrigin};
use super::{ReadAt, SpanTable};
use crate::cache::{CacheFile, CacheKey, CacheKind, Writer};

/// The section of blocks.
const BLOCKS: u32 = 1;
/// The section of the offsets at which the blocks end.
const ENDS: u32 = 2;
const END_LEN: usize = 8;

/// How blocks are compressed. They are written once and read a few times, so speed counts. LZ4 with
/// this acceleration takes half the time of zstd's fast levels, for 15 % more space.
const SPEED: CompressionMode = CompressionMode::FAST(8);

/// A run with at most this many spans after its head has no side file. Decoding 16 MiB again is
/// fast.
const SHORT: u64 = 64;

/// Like [`SHORT`], but for xz, which decodes a tenth as fast.
const SHORT_XZ: u64 = 6;

/// The runs of a blob, and what is written to their side files so far.
pub(super) struct SideFiles {
    source: Arc<dyn ReadAt>,
    table: SpanTable,
    publisher: Arc<Publisher>,
    decoder_budget: Arc<DecoderBudget>,
    /// The runs that have been used, by the number of their head.
    runs: Mutex<HashMap<u64, Arc<SpanRun>>>,
}

/// Consecutive spans that are decoded from their head. See the documentation of this module.
struct SpanRun {
    head: u64,
    is_short: bool,
    state: Mutex<RunState>,
    progressed: Condvar,
}

#[derive(Default)]
struct RunState {
    side_file: SideFile,
    decoder: Option<RunDecoder>,
    /// A thread has the turn, and the decoder with it.
    busy: bool,
    /// The rest of the run is being decoded in the background.
    finishing: bool,
}

#[derive(Default)]
enum SideFile {
    #[default]
    Nothing,
    /// An unfinished side file, and the offset at which each of its blocks ends.
    Writing(Writer, Vec<u64>),
    /// The complete side file.
    Whole(Arc<CacheFile>),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while the lock was held leaves a value that is still valid.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SideFile {
    /// Returns whether the span at `index` is written. The index counts from 0 at the span after the
    /// head.
    fn has(&self, index: u64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Writing(_, ends) => (ends.len() as u64) > index,
            Self::Whole(_) => true,
        }
    }

    /// Reads the compressed block of a span.
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
                // All blocks of a layer together are larger than the layer, so they are not mapped.
                // They are not checked here, since the caller compares the checksum of the span.
                file.part(BLOCKS).read_unchecked(from, &mut block)?;
                Ok(block)
            }
        }
    }
}

/// The turn to decode a run. Released on drop, even on panic.
struct Turn<'a> {
    run: &'a SpanRun,
    decoder: Option<RunDecoder>,
    /// Whether decoding succeeded.
    done: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.run.state);
        state.busy = false;
        if self.done {
            state.decoder = self.decoder.take();
        } else if !matches!(state.side_file, SideFile::Whole(_)) {
            // The next turn starts from nothing, since the failure may have been temporary.
            state.side_file = SideFile::Nothing;
        }
        drop(state);
        self.run.progressed.notify_all();
    }
}

impl SpanRun {
    /// Takes the turn, waiting for it if necessary. Returns `None` if the span at `index` is written
    /// already, or is written during the wait.
    fn turn(&self, index: u64) -> Option<Turn<'_>> {
        let mut state = lock(&self.state);
        loop {
            if state.side_file.has(index) {
                return None;
            }
            if !state.busy {
                state.busy = true;
                return Some(Turn {
                    run: self,
                    decoder: state.decoder.take(),
                    done: false,
                });
            }
            let waited = self.progressed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Fills `out` with a span that is written. Returns whether that succeeded.
    fn read(&self, index: u64, out: &mut [u8]) -> bool {
        let block = lock(&self.state).side_file.block(index);
        // The length of a span always fits an `i32`.
        let len = out.len() as i32;
        block.is_ok_and(|block| {
            decompress_to_buffer(&block, Some(len), out).is_ok_and(|n| n == out.len())
        })
    }
}

impl SideFiles {
    pub(super) fn new(
        source: Arc<dyn ReadAt>,
        table: SpanTable,
        publisher: Arc<Publisher>,
        decoder_budget: Arc<DecoderBudget>,
    ) -> Self {
        Self {
            source,
            table,
            publisher,
            decoder_budget,
            runs: Mutex::default(),
        }
    }

    fn run(&self, head: u64) -> Arc<SpanRun> {
        let new = || {
            let short = match self.table.span(head).map(|span| span.origin) {
                Some(SpanOrigin::XzStream { .. } | SpanOrigin::XzBlock { .. }) => SHORT_XZ,
                _ => SHORT,
            };
            let last = head.checked_add(short + 1);
            Arc::new(SpanRun {
                head,
                is_short: last.is_none_or(|last| self.within(head, last).is_none()),
                state: Mutex::default(),
                progressed: Condvar::new(),
            })
        };
        lock(&self.runs).entry(head).or_insert_with(new).clone()
    }

    /// Returns the span with that number if it lies in the run.
    fn within(&self, head: u64, number: u64) -> Option<Span> {
        let span = self.table.span(number)?;
        (span.origin == SpanOrigin::Within { head }).then_some(span)
    }

    fn key(&self, head: u64) -> CacheKey {
        self.table.file().side_file_key(head)
    }

    /// Fills `out`, which is as long as the span, with the span `number` of the run that begins
    /// at span `head`.
    pub(super) fn read(&self, head: u64, number: u64, out: &mut [u8]) -> io::Result<()> {
        let (Some(span), Some(index)) = (
            self.within(head, number),
            number.checked_sub(head).and_then(|n| n.checked_sub(1)),
        ) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let run = self.run(head);
        // If the side file cannot be read back, it is made again, once.
        for _ in 0..2 {
            if let Some(turn) = run.turn(index)
                && self.decode(turn, index, Some(out))?
            {
                return Ok(());
            }
            if run.read(index, out) && crc32fast::hash(out) == span.crc {
                return Ok(());
            }
            tracing::warn!(
                "the uncompressed copy of part of a layer in the cache is damaged; it is made again"
            );
            self.publisher.disk().remove(&self.key(head));
            let mut state = lock(&run.state);
            if !state.busy {
                state.side_file = SideFile::Nothing;
            }
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the uncompressed copy in the cache does not contain what was written to it",
        ))
    }

    /// Returns whether a span can be read from the side file, without decoding other spans.
    pub(super) fn has(&self, head: u64, number: u64) -> bool {
        let Some(index) = number.checked_sub(head).and_then(|n| n.checked_sub(1)) else {
            return false;
        };
        let run = lock(&self.runs).get(&head).cloned();
        run.is_some_and(|run| lock(&run.state).side_file.has(index))
    }

    /// Returns whether the caller should have the rest of the run decoded. Once it has returned
    /// true, it returns false until [`SideFiles::go_on`] returns false or [`SideFiles::stop_finishing`] is
    /// called.
    pub(super) fn wants_finishing(&self, head: u64) -> bool {
        let run = self.run(head);
        let mut state = lock(&run.state);
        let wanted = matches!(state.side_file, SideFile::Writing(..)) && !state.finishing;
        state.finishing |= wanted;
        wanted
    }

    /// Decodes about `count` more spans of a run. Returns whether it should be called again.
    pub(super) fn go_on(&self, head: u64, count: u64) -> bool {
        let run = self.run(head);
        let written = match &lock(&run.state).side_file {
            SideFile::Writing(_, ends) => Some(ends.len() as u64),
            SideFile::Nothing | SideFile::Whole(_) => None,
        };
        let turn = written.and_then(|next| {
            let last = next.saturating_add(count);
            Some((run.turn(last)?, last))
        });
        let went = turn.is_some_and(|(turn, last)| self.decode(turn, last, None).is_ok());
        if !went {
            lock(&run.state).finishing = false;
        }
        went
    }

    /// Records that the rest of a run is not being decoded.
    pub(super) fn stop_finishing(&self, head: u64) {
        lock(&self.run(head).state).finishing = false;
    }

    /// Decodes until the span at `index` of the run is available, or the run ends. If that
    /// span was decoded in this call, fills `out` with it and returns true.
    fn decode(
        &self,
        mut turn: Turn<'_>,
        index: u64,
        mut out: Option<&mut [u8]>,
    ) -> io::Result<bool> {
        let run = turn.run;
        let source = &*self.source;
        // `written` is the index of the first span to write. `passed` is the furthest position at
        // which a decoder that was kept can still be used.
        let (written, passed) = match run.is_short {
            true => (u64::MAX, index),
            false => match self.prepare(run)? {
                Some(written) => (written, written),
                None => {
                    turn.done = true;
                    return Ok(false);
                }
            },
        };
        let mut decoder = match turn.decoder.take() {
            Some(decoder) if decoder.next <= passed => decoder,
            _ => RunDecoder::new(source, &self.table, run.head, &self.decoder_budget)?,
        };
        let mut filled = false;
        loop {
            let number = run.head.saturating_add(decoder.next).saturating_add(1);
            let Some(span) = self.within(run.head, number) else {
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
                self.put(run, decoder.block())?;
            }
            decoder.next += 1;
            // A decoder that must not be kept goes on to the end of the run.
            if decoder.next > index && (run.is_short || decoder.may_wait()) {
                let more = self.within(run.head, number.saturating_add(1));
                if more.is_some() {
                    turn.decoder = Some(decoder).filter(RunDecoder::may_wait);
                    turn.done = true;
                    return Ok(filled);
                }
                break;
            }
        }
        drop(decoder);
        if !run.is_short {
            self.end(run)?;
        }
        turn.done = true;
        Ok(filled)
    }

    /// Opens the side file of a run if the cache has it, and otherwise creates it. Returns the
    /// number of spans written so far, or `None` if the side file is complete.
    fn prepare(&self, run: &SpanRun) -> io::Result<Option<u64>> {
        let side_file = &mut lock(&run.state).side_file;
        match side_file {
            SideFile::Writing(_, ends) => return Ok(Some(ends.len() as u64)),
            SideFile::Whole(_) => return Ok(None),
            SideFile::Nothing => {}
        }
        let key = self.key(run.head);
        if let Some(file) = self.publisher.disk().load(&key) {
            let count = file.part(ENDS).records::<END_LEN>();
            let last = run.head.checked_add(count);
            let ends_there = last.is_some_and(|last| {
                self.within(run.head, last).is_some()
                    && self.within(run.head, last.saturating_add(1)).is_none()
            });
            if ends_there {
                *side_file = SideFile::Whole(file);
                return Ok(None);
            }
            self.publisher.disk().remove(&key);
        }
        let mut writer = self.publisher.disk().create(CacheKind::SideFile)?;
        writer.section(BLOCKS)?;
        *side_file = SideFile::Writing(writer, Vec::new());
        Ok(Some(0))
    }

    /// Writes the next block.
    fn put(&self, run: &SpanRun, block: &[u8]) -> io::Result<()> {
        if let SideFile::Writing(writer, ends) = &mut lock(&run.state).side_file {
            let at = writer.append(block)?;
            ends.push(at + block.len() as u64);
        }
        run.progressed.notify_all();
        Ok(())
    }

    /// Completes the side file, after all blocks are written, and publishes it.
    fn end(&self, run: &SpanRun) -> io::Result<()> {
        let mut state = lock(&run.state);
        let SideFile::Writing(mut writer, ends) = std::mem::take(&mut state.side_file) else {
            return Ok(());
        };
        writer.section(ENDS)?;
        for end in ends {
            writer.append(&end.to_le_bytes())?;
        }
        let unpublished = writer.finish(&self.key(run.head))?;
        state.side_file = SideFile::Whole(unpublished.file.clone());
        drop(state);
        self.publisher.publish(unpublished);
        Ok(())
    }
}
