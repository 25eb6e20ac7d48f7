//! Cutting the output of a pass into spans while it streams by.
//!
//! Nothing of it stays in memory: windows and pieces that are written aside go into the file of the
//! cache at once, so that a layer of any length costs the same.

use std::io;

use lz4::block::{CompressionMode, compress_to_buffer};
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use super::inflate::WINDOW_LEN;
use super::spans::{Origin, PIECE_LEN, SIDE, SPAN_LIMIT, SPAN_TARGET, SPANS, Side, Span};
use crate::cache::Writer;

/// How pieces are compressed: they are written once and read a few times, so speed counts. LZ4 with
/// this acceleration takes half the time of zstd's fast levels, for 15 % more room.
const PIECE: CompressionMode = CompressionMode::FAST(8);

/// How windows are compressed. They are few, and most of an index.
const WINDOW_LEVEL: i32 = 3;

/// Makes the spans of a blob.
pub(super) struct SpanBuilder {
    writer: Writer,
    records: Vec<u8>,
    open: Option<OpenSpan>,
    size: u64,
    /// The piece that waits to be written aside. Empty unless the open span is one.
    pending: Vec<u8>,
    windows: Option<Compressor<'static>>,
    /// What a piece or a window is compressed into.
    frame: Vec<u8>,
}

struct OpenSpan {
    start: u64,
    len: u32,
    crc: crc32fast::Hasher,
    origin: Origin,
    side: Side,
}

impl OpenSpan {
    fn new(start: u64, origin: Origin, side: Side) -> Self {
        Self {
            start,
            len: 0,
            crc: crc32fast::Hasher::new(),
            origin,
            side,
        }
    }

    /// After so many bytes it ends, whether or not decoding can begin again there.
    fn limit(&self) -> u32 {
        match self.origin {
            Origin::Plain { .. } | Origin::Aside => PIECE_LEN,
            _ => SPAN_LIMIT,
        }
    }
}

impl SpanBuilder {
    /// Starts with a span that begins at `origin`, and the section of windows and pieces.
    pub(super) fn new(origin: Origin, mut writer: Writer) -> io::Result<Self> {
        writer.section(SIDE)?;
        Ok(Self {
            writer,
            records: Vec::new(),
            open: Some(OpenSpan::new(0, origin, Side::default())),
            size: 0,
            pending: Vec::new(),
            windows: None,
            frame: Vec::new(),
        })
    }

    /// Decoded bytes so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether a place to begin again would be worth keeping here.
    pub(super) fn wants_point(&self) -> bool {
        match &self.open {
            Some(open) if open.origin == Origin::Aside => open.len > 0,
            Some(open) => open.len >= SPAN_TARGET,
            None => true,
        }
    }

    /// Decoding can start again here: closes the open span and begins one at `origin`.
    pub(super) fn point(&mut self, origin: Origin) -> io::Result<()> {
        self.close(&[])?;
        self.open = Some(OpenSpan::new(self.size, origin, Side::default()));
        Ok(())
    }

    /// The same for a place that needs the output before it.
    pub(super) fn point_with(&mut self, origin: Origin, window: &[u8]) -> io::Result<()> {
        debug_assert!(window.len() <= WINDOW_LEN);
        self.close(&[])?;
        let windows = match &mut self.windows {
            Some(windows) => windows,
            None => self.windows.insert(Compressor::new(WINDOW_LEVEL)?),
        };
        self.frame.clear();
        self.frame.reserve(compress_bound(window.len()));
        windows.compress_to_buffer(window, &mut self.frame)?;
        let side = self.put_aside(self.frame.len())?;
        self.open = Some(OpenSpan::new(self.size, origin, side));
        Ok(())
    }

    /// Takes in decoded bytes.
    pub(super) fn bytes(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let size = self.size;
            let new = || OpenSpan::new(size, Origin::Aside, Side::default());
            let open = self.open.get_or_insert_with(new);
            let limit = open.limit();
            let room = limit.saturating_sub(open.len) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            open.crc.update(now);
            // `now` is at most `room` long, which fits.
            open.len += now.len() as u32;
            self.size += now.len() as u64;
            bytes = later;
            let full = open.len >= limit;
            if open.origin == Origin::Aside && !(full && self.pending.is_empty()) {
                self.pending.extend_from_slice(now);
            }
            if full {
                self.close(now)?;
            }
        }
        Ok(())
    }

    /// Closes the open span. A piece is what is pending, or else all of `whole`: most pieces come in
    /// one go, and are not copied.
    fn close(&mut self, whole: &[u8]) -> io::Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if open.len == 0 {
            return Ok(());
        }
        let mut side = open.side;
        if open.origin == Origin::Aside {
            self.frame
                .resize(lz4::block::compress_bound(PIECE_LEN as usize)?, 0);
            let piece = match self.pending.as_slice() {
                [] => whole,
                pending => pending,
            };
            let len = compress_to_buffer(piece, Some(PIECE), false, &mut self.frame)?;
            self.pending.clear();
            side = self.put_aside(len)?;
        }
        let span = Span {
            start: open.start,
            len: open.len,
            crc: open.crc.finalize(),
            origin: open.origin,
            side,
        };
        self.records.extend_from_slice(&span.record());
        Ok(())
    }

    /// Writes what was compressed.
    fn put_aside(&mut self, len: usize) -> io::Result<Side> {
        let compressed = self.frame.get(..len).unwrap_or_default();
        Ok(Side {
            at: self.writer.append(compressed)?,
            len: u32::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?,
        })
    }

    /// Closes the last span, writes the records, and gives the file back for what else belongs in it.
    pub(super) fn finish(mut self) -> io::Result<Writer> {
        self.close(&[])?;
        self.writer.section(SPANS)?;
        self.writer.append(&self.records)?;
        Ok(self.writer)
    }
}
