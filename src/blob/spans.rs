//! Spans: the pieces of a blob that can be decoded on their own.
//!
//! A decoder that has read from the start can only go on. To read the middle of a layer without
//! decoding everything before it, the first pass records places where decoding can begin again:
//!
//! * in gzip at a block boundary, with the 32 KiB of output before it (the window);
//! * in zstd at the start of a frame;
//! * in xz at the start of a block;
//! * in plain bytes anywhere.
//!
//! A span reaches from one such place to the next. If the data has none for [`SPAN_LIMIT`] bytes (a
//! zstd layer of a single frame, a large xz block, a gzip block of nothing but zeros), the bytes that
//! follow are cut into spans of [`PIECE_LEN`] that lie *within* the span before them, its head. To
//! read one of these, all bytes from the head on are decoded, once (`side_file.rs`). Head and spans
//! together are a span run. So no span is larger than the limit, in any blob.
//!
//! The spans of a blob are two sections of a file of the cache: the records, which have a fixed
//! length and are searched in place, and the windows that they point to, each a zstd frame.

use std::io;
use std::sync::Arc;

use super::Codec;
use crate::cache::{CacheFile, Part};

/// The section of windows.
pub(super) const WINDOWS: u32 = 1;
/// The section of records.
pub(super) const SPANS: u32 = 2;

/// A span of a compressed blob ends at the first place after this many decoded bytes. A window is
/// kept for each span, so smaller spans make a larger index. With this value it is a hundredth of the
/// blob.
pub(super) const SPAN_TARGET: u32 = 5 << 19;

/// Length of a span of plain bytes, and of one within another span, in bytes. They need no window, so
/// they can be small, and a read in the middle of a file costs little.
pub(super) const PIECE_LEN: u32 = 256 << 10;

/// The maximum length of a span in decoded bytes. It is a little more than zlib puts into one block
/// of zeros: 16,383 matches of 258 bytes (deflate.c, `lit_bufsize`).
pub(super) const SPAN_LIMIT: u32 = 5 << 20;

/// Length of a record, in bytes.
pub(super) const RECORD_LEN: usize = 40;

/// One piece of a blob's decoded bytes. `Deserialize` only describes the fields to the cache's schema: a
/// span is stored as a record of fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Span {
    /// Offset of its first byte in the decoded blob.
    pub start: u64,
    /// Length in decoded bytes.
    pub len: u32,
    /// CRC-32 of the decoded bytes, from the verified pass.
    pub(super) crc: u32,
    /// Where its bytes come from.
    pub(super) origin: SpanOrigin,
    /// The position of its window in [`WINDOWS`], if it has one.
    pub(super) window: WindowRange,
}

/// A range of bytes of [`WINDOWS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) struct WindowRange {
    pub at: u64,
    pub len: u32,
}

/// Where to start decoding to get a span. Offsets are in the stored blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub(crate) enum SpanOrigin {
    /// The bytes are not compressed.
    Plain { at: u64 },
    /// The start of a gzip member.
    GzipMember { at: u64 },
    /// A block boundary inside a gzip member: the next byte to read, and how many bits of the byte
    /// before it are still unread. The window is in [`WINDOWS`].
    GzipBlock { at: u64, bits: u8 },
    /// The start of a zstd frame.
    ZstdFrame { at: u64 },
    /// The start of an xz stream.
    XzStream { at: u64 },
    /// The start of a block inside an xz stream. `check` is the number of the check in the stream's
    /// flags.
    XzBlock { at: u64, check: u8 },
    /// Decoding cannot begin here. It begins at the span numbered `head`.
    Within { head: u64 },
}

impl SpanOrigin {
    /// Returns the origin of the first span of a blob.
    pub(super) fn first(codec: Codec) -> Self {
        let at = 0;
        match codec {
            Codec::Plain => Self::Plain { at },
            Codec::Gzip => Self::GzipMember { at },
            Codec::Zstd => Self::ZstdFrame { at },
            Codec::Xz => Self::XzStream { at },
        }
    }
}

impl Span {
    pub(super) fn record(&self) -> [u8; RECORD_LEN] {
        let (kind, bits, at) = match self.origin {
            SpanOrigin::Plain { at } => (0, 0, at),
            SpanOrigin::GzipMember { at } => (1, 0, at),
            SpanOrigin::GzipBlock { at, bits } => (2, bits, at),
            SpanOrigin::ZstdFrame { at } => (3, 0, at),
            SpanOrigin::Within { head } => (4, 0, head),
            SpanOrigin::XzStream { at } => (5, 0, at),
            SpanOrigin::XzBlock { at, check } => (6, check, at),
        };
        let mut record = [0; RECORD_LEN];
        let fields: [&[u8]; 7] = [
            &self.start.to_le_bytes(),
            &self.len.to_le_bytes(),
            &self.crc.to_le_bytes(),
            &[kind, bits, 0, 0],
            &self.window.len.to_le_bytes(),
            &at.to_le_bytes(),
            &self.window.at.to_le_bytes(),
        ];
        for (to, from) in record.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        record
    }

    /// Reads a record. Returns `None` if it is invalid.
    fn parse(record: &[u8; RECORD_LEN]) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_le_bytes(*record.get(at..)?.first_chunk()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(*record.get(at..)?.first_chunk()?));
        let at = u64_at(24)?;
        let origin = match (record.get(16)?, record.get(17)?) {
            (0, 0) => SpanOrigin::Plain { at },
            (1, 0) => SpanOrigin::GzipMember { at },
            (2, bits @ 0..8) => SpanOrigin::GzipBlock { at, bits: *bits },
            (3, 0) => SpanOrigin::ZstdFrame { at },
            (4, 0) => SpanOrigin::Within { head: at },
            (5, 0) => SpanOrigin::XzStream { at },
            (6, check @ 0..16) => SpanOrigin::XzBlock { at, check: *check },
            _ => return None,
        };
        let span = Self {
            start: u64_at(0)?,
            len: u32_at(8)?,
            crc: u32_at(12)?,
            origin,
            window: WindowRange {
                at: u64_at(32)?,
                len: u32_at(20)?,
            },
        };
        // Memory is allocated by these lengths, so they are checked.
        let sound = span.len <= SPAN_LIMIT && span.start.checked_add(span.len.into()).is_some();
        sound.then_some(span)
    }
}

/// All spans of a blob in order, without gaps.
#[derive(Clone, Debug)]
pub struct SpanTable {
    records: Part,
    windows: Part,
}

impl SpanTable {
    /// Returns the spans that a [`Pass`](super::Pass) has written to a file.
    pub fn of(file: &Arc<CacheFile>) -> Self {
        Self {
            records: file.part(SPANS),
            windows: file.part(WINDOWS),
        }
    }

    /// Returns the number of spans.
    pub fn count(&self) -> u64 {
        self.records.records::<RECORD_LEN>()
    }

    /// Returns the length of the decoded blob in bytes.
    pub fn size(&self) -> u64 {
        let last = self.count().checked_sub(1).and_then(|n| self.span(n));
        last.map_or(0, |s| s.start + u64::from(s.len))
    }

    /// Returns the span with that number. Returns `None` if there is none, or if its record is
    /// invalid, which also marks the file as damaged.
    pub fn span(&self, number: u64) -> Option<Span> {
        let span = Span::parse(self.records.record(number)?);
        if span.is_none() {
            self.records.file().set_damaged();
        }
        span
    }

    /// Returns the span that holds the byte at `offset`, and its number.
    pub fn find(&self, offset: u64) -> Option<(u64, Span)> {
        let (mut from, mut to) = (0, self.count());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.span(middle)?.start <= offset {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        let number = from.checked_sub(1)?;
        let span = self.span(number)?;
        // A gap between spans, which only a damaged file has, is treated as the end.
        (span.start..span.start + u64::from(span.len))
            .contains(&offset)
            .then_some((number, span))
    }

    /// Returns whether the file is damaged, so that spans may be wrong or missing.
    pub(super) fn is_damaged(&self) -> bool {
        self.records.file().is_damaged()
    }

    /// Returns the window of a span of gzip, which has at most `len` bytes.
    pub(super) fn window(&self, span: &Span, len: usize) -> io::Result<Vec<u8>> {
        let frame = self.windows.get(span.window.at, span.window.len.into());
        ::zstd::bulk::decompress(frame, len)
    }

    /// Returns the file that holds the spans.
    pub(super) fn file(&self) -> &Arc<CacheFile> {
        self.records.file()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back_and_nonsense_is_refused() {
        for origin in [
            SpanOrigin::Plain { at: 7 },
            SpanOrigin::GzipMember { at: u64::MAX },
            SpanOrigin::GzipBlock { at: 9, bits: 7 },
            SpanOrigin::ZstdFrame { at: 1 << 40 },
            SpanOrigin::Within { head: 12 },
            SpanOrigin::XzStream { at: 24 },
            SpanOrigin::XzBlock { at: 36, check: 10 },
        ] {
            let span = Span {
                start: 1 << 50,
                len: SPAN_LIMIT,
                crc: 0xdead_beef,
                origin,
                window: WindowRange { at: 3, len: 5 },
            };
            let record = span.record();
            assert_eq!(Span::parse(&record), Some(span));
            for (at, byte) in [(16, 7), (16, 255), (17, 16), (11, 1)] {
                let mut bad = record;
                bad[at] = byte;
                assert_eq!(Span::parse(&bad), None, "{at}");
            }
        }
    }
}
