//! Decoders that are kept in the middle of a blob until a later read continues there.
//!
//! The memory of a decoder is mostly its window, whose length the blob chooses: 128 MiB in a hostile
//! one. So all kept decoders together take at most [`LIMIT`] bytes. A decoder that does not fit is
//! not kept.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lz4::block::{CompressionMode, compress_bound, compress_to_buffer};

use super::ReadAt;
use super::error::changed;
use super::span_decoder::SpanDecoder;
use super::spans::{PIECE_LEN, Span, SpanTable};

/// The maximum memory of all kept decoders, in bytes. It suffices for eight layers with windows of 8
/// MiB, for thirty with the usual 2 MiB, or for one with the 64 MiB of `xz -9`.
const LIMIT: usize = 72 << 20;

/// The memory that kept decoders have reserved.
#[derive(Debug, Default)]
pub(super) struct DecoderBudget {
    held: AtomicUsize,
}

/// A decoder in the middle of a span run.
pub(super) struct RunDecoder {
    decoder: SpanDecoder,
    /// The index of the span that it decodes next. The span after the head has index 0.
    pub next: u64,
    bytes: Vec<u8>,
    block: Vec<u8>,
    block_len: usize,
    budget: Arc<DecoderBudget>,
    /// The memory that it has reserved, if the limit allowed it.
    reserved: Option<usize>,
}

impl RunDecoder {
    /// Begins after the span numbered `head`.
    pub(super) fn new(
        source: &dyn ReadAt,
        table: &SpanTable,
        head: u64,
        budget: &Arc<DecoderBudget>,
    ) -> io::Result<Self> {
        let span = table.span(head).ok_or(io::ErrorKind::InvalidData)?;
        let mut decoder = SpanDecoder::new(source, table, &span)?;
        let mut passed = vec![0; span.len as usize];
        decoder.fill(source, &mut passed)?;
        Ok(Self::around(decoder, budget))
    }

    /// Reserves memory for the decoder if the limit allows it.
    fn around(decoder: SpanDecoder, budget: &Arc<DecoderBudget>) -> Self {
        let bytes = decoder.footprint() + 2 * PIECE_LEN as usize;
        let add = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= LIMIT);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let reserved = budget.held.fetch_update(set, fetch, add);
        Self {
            decoder,
            next: 0,
            bytes: Vec::new(),
            block: Vec::new(),
            block_len: 0,
            budget: budget.clone(),
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
        self.decoder.fill(source, &mut self.bytes)?;
        if crc32fast::hash(&self.bytes) != span.crc {
            return Err(changed());
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

impl Drop for RunDecoder {
    fn drop(&mut self) {
        if let Some(bytes) = self.reserved {
            self.budget.held.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_which_there_is_no_room_does_not_wait() {
        let budget = Arc::new(DecoderBudget::default());
        let new = || RunDecoder::around(SpanDecoder::Plain(0), &budget);
        let mut waiting: Vec<_> = (0..LIMIT / (2 * PIECE_LEN as usize))
            .map(|_| new())
            .collect();
        assert!(waiting.iter().all(RunDecoder::may_wait));
        assert!(!new().may_wait());
        waiting.pop();
        assert!(new().may_wait());
        drop(waiting);
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }
}
