//! Cuts the output of a pass into spans while it is decoded.
//!
//! Memory use is small: windows are written to the cache file at once, and only the short records of
//! the spans are kept.

use std::io;

use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use super::inflate::WINDOW_LEN;
use super::spans::{
    PIECE_LEN, RECORD_LEN, SPAN_LIMIT, SPAN_TARGET, SPANS, Span, SpanOrigin, WINDOWS, WindowRange,
};
use crate::cache::Writer;

/// The zstd level for windows. Windows are most of an index. Level 3 makes the index 2 % smaller, but
/// compressing the windows takes several times as long.
const WINDOW_LEVEL: i32 = 1;

/// Receives the output of a decoder, and the places where decoding can begin again (seek points).
pub(super) trait SpanSink {
    /// Returns whether a seek point is worth keeping here or within the next `bytes` bytes.
    fn wants_point_within(&self, bytes: usize) -> bool;

    /// Returns whether a seek point is worth keeping here.
    fn wants_point(&self) -> bool {
        self.wants_point_within(0)
    }

    /// Reports that decoding can begin again here, at `origin`.
    fn point(&mut self, origin: SpanOrigin);

    /// Like [`SpanSink::point`], but for a place that needs the output before it, `window`.
    fn point_with(&mut self, origin: SpanOrigin, window: &[u8]) -> io::Result<()>;

    /// Takes in decoded bytes. If there is a second checksum, `other`, it is combined from those of
    /// the spans, so that each byte is read only once.
    fn bytes(&mut self, bytes: &[u8], other: Option<&mut crc32fast::Hasher>);
}

/// Keeps no spans, for a blob that is read only once.
pub(super) struct NoSpans;

impl SpanSink for NoSpans {
    fn wants_point_within(&self, _: usize) -> bool {
        false
    }

    fn point(&mut self, _: SpanOrigin) {}

    fn point_with(&mut self, _: SpanOrigin, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8], other: Option<&mut crc32fast::Hasher>) {
        if let Some(other) = other {
            other.update(bytes);
        }
    }
}

/// Builds the spans of a blob.
pub(super) struct SpanBuilder<'w> {
    writer: &'w mut Writer,
    records: Vec<u8>,
    open: Option<OpenSpan>,
    size: u64,
    /// The number of the last span at which decoding can begin.
    head: u64,
    windows: Option<Compressor<'static>>,
    /// The buffer into which a window is compressed.
    frame: Vec<u8>,
}

struct OpenSpan {
    start: u64,
    len: u32,
    crc: crc32fast::Hasher,
    origin: SpanOrigin,
    window: WindowRange,
}

impl OpenSpan {
    fn new(start: u64, origin: SpanOrigin, window: WindowRange) -> Self {
        Self {
            start,
            len: 0,
            crc: crc32fast::Hasher::new(),
            origin,
            window,
        }
    }

    /// Returns the length at which the span ends, whether or not decoding can begin again there.
    fn limit(&self) -> u32 {
        match self.origin {
            SpanOrigin::Plain { .. } | SpanOrigin::Within { .. } => PIECE_LEN,
            _ => SPAN_LIMIT,
        }
    }
}

impl<'w> SpanBuilder<'w> {
    /// Starts the section of windows, and a first span that begins at `origin`.
    pub(super) fn new(origin: SpanOrigin, writer: &'w mut Writer) -> io::Result<Self> {
        writer.section(WINDOWS)?;
        Ok(Self {
            writer,
            records: Vec::new(),
            open: Some(OpenSpan::new(0, origin, WindowRange::default())),
            size: 0,
            head: 0,
            windows: None,
            frame: Vec::new(),
        })
    }

    /// Closes the open span.
    fn close(&mut self) {
        let Some(open) = self.open.take().filter(|open| open.len > 0) else {
            return;
        };
        if !matches!(open.origin, SpanOrigin::Within { .. }) {
            self.head = (self.records.len() / RECORD_LEN) as u64;
        }
        let span = Span {
            start: open.start,
            len: open.len,
            crc: open.crc.finalize(),
            origin: open.origin,
            window: open.window,
        };
        self.records.extend_from_slice(&span.record());
    }

    /// Closes the last span and writes the records. The owner of the file can then add other sections.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close();
        self.writer.section(SPANS)?;
        self.writer.append(&self.records)?;
        Ok(())
    }
}

impl SpanSink for SpanBuilder<'_> {
    fn wants_point_within(&self, bytes: usize) -> bool {
        match &self.open {
            Some(open) if matches!(open.origin, SpanOrigin::Within { .. }) => {
                open.len > 0 || bytes > 0
            }
            Some(open) => (open.len as usize).saturating_add(bytes) >= SPAN_TARGET as usize,
            None => true,
        }
    }

    /// Closes the open span and begins the next one.
    fn point(&mut self, origin: SpanOrigin) {
        self.close();
        self.open = Some(OpenSpan::new(self.size, origin, WindowRange::default()));
    }

    fn point_with(&mut self, origin: SpanOrigin, window: &[u8]) -> io::Result<()> {
        debug_assert!(window.len() <= WINDOW_LEN);
        self.close();
        let windows = match &mut self.windows {
            Some(windows) => windows,
            None => self.windows.insert(Compressor::new(WINDOW_LEVEL)?),
        };
        self.frame.clear();
        self.frame.reserve(compress_bound(window.len()));
        windows.compress_to_buffer(window, &mut self.frame)?;
        let window = WindowRange {
            at: self.writer.append(&self.frame)?,
            len: u32::try_from(self.frame.len()).map_err(|_| io::ErrorKind::FileTooLarge)?,
        };
        self.open = Some(OpenSpan::new(self.size, origin, window));
        Ok(())
    }

    fn bytes(&mut self, mut bytes: &[u8], mut other: Option<&mut crc32fast::Hasher>) {
        while !bytes.is_empty() {
            let (size, head) = (self.size, self.head);
            let new = || OpenSpan::new(size, SpanOrigin::Within { head }, WindowRange::default());
            let open = self.open.get_or_insert_with(new);
            let limit = open.limit();
            let room = limit.saturating_sub(open.len) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            match &mut other {
                Some(other) => {
                    let mut crc = crc32fast::Hasher::new();
                    crc.update(now);
                    open.crc.combine(&crc);
                    other.combine(&crc);
                }
                None => open.crc.update(now),
            }
            // `now` is at most `room` bytes long, which fits.
            open.len += now.len() as u32;
            self.size += now.len() as u64;
            bytes = later;
            if open.len >= limit {
                self.close();
            }
        }
    }
}
