//! Decoders that are kept in the middle of a blob until a later read continues there.
//!
//! The memory of a decoder is mostly its window, whose length the blob chooses: 128 MiB in a hostile
//! one. So all kept decoders together take at most [`LIMIT`] bytes. A decoder that does not fit is
//! not kept.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lz4::block::{CompressionMode, compress_bound, compress_to_buffer};

use super::restart::Restart;
use super::spans::{PIECE_LEN, Span, SpanTable};
use super::{ReadAt, reader};

/// The maximum memory of all kept decoders, in bytes. It suffices for eight layers with windows of 8
/// MiB, for thirty with the usual 2 MiB, or for one with the 64 MiB of `xz -9`.
const LIMIT: usize = 72 << 20;

/// The memory that kept decoders have reserved.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    held: AtomicUsize,
}

/// A decoder in the middle of a stretch.
pub(super) struct Decoder {
    restart: Restart,
    /// The index of the span that it decodes next. The span after the head has index 0.
    pub next: u64,
    bytes: Vec<u8>,
    block: Vec<u8>,
    block_len: usize,
    shelf: Arc<Shelf>,
    /// The memory that it has reserved, if the limit allowed it.
    reserved: Option<usize>,
}

impl Decoder {
    /// Begins after the span numbered `head`.
    pub(super) fn new(
        source: &dyn ReadAt,
        table: &SpanTable,
        head: u64,
        shelf: &Arc<Shelf>,
    ) -> io::Result<Self> {
        let span = table.span(head).ok_or(io::ErrorKind::InvalidData)?;
        let mut restart = Restart::new(source, table, &span)?;
        let mut passed = vec![0; span.len as usize];
        restart.fill(source, &mut passed)?;
        Ok(Self::around(restart, shelf))
    }

    /// Reserves memory for the decoder if the limit allows it.
    fn around(restart: Restart, shelf: &Arc<Shelf>) -> Self {
        let bytes = restart.footprint() + 2 * PIECE_LEN as usize;
        let add = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= LIMIT);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let reserved = shelf.held.fetch_update(set, fetch, add);
        Self {
            restart,
            next: 0,
            bytes: Vec::new(),
            block: Vec::new(),
            block_len: 0,
            shelf: shelf.clone(),
            reserved: reserved.is_ok().then_some(bytes),
        }
    }

    /// Returns whether the decoder may be kept while it is not in use.
    pub(super) fn may_wait(&self) -> bool {
        self.reserved.is_some()
    }

    /// Decodes the next span.
    pub(super) fn decode(&mut self, source: &dyn ReadAt, span: &Span) -> io::Result<&[u8]> {
        self.bytes.resize(span.len as usize, 0);
        self.restart.fill(source, &mut self.bytes)?;
        if crc32fast::hash(&self.bytes) != span.crc {
            return Err(reader::changed());
        }
        Ok(&self.bytes)
    }

    /// Compresses the span that was decoded last.
    pub(super) fn compress(&mut self, mode: CompressionMode) -> io::Result<()> {
        self.block.resize(compress_bound(self.bytes.len())?, 0);
        self.block_len = compress_to_buffer(&self.bytes, Some(mode), false, &mut self.block)?;
        Ok(())
    }

    /// Returns the block that was compressed last.
    pub(super) fn block(&self) -> &[u8] {
        self.block.get(..self.block_len).unwrap_or_default()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        if let Some(bytes) = self.reserved {
            self.shelf.held.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_which_there_is_no_room_does_not_wait() {
        let shelf = Arc::new(Shelf::default());
        let new = || Decoder::around(Restart::Plain(0), &shelf);
        let mut waiting: Vec<_> = (0..LIMIT / (2 * PIECE_LEN as usize))
            .map(|_| new())
            .collect();
        assert!(waiting.iter().all(Decoder::may_wait));
        assert!(!new().may_wait());
        waiting.pop();
        assert!(new().may_wait());
        drop(waiting);
        assert_eq!(shelf.held.load(Ordering::Relaxed), 0);
    }
}
