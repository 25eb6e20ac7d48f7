//! Cutting the output of a pass into spans while it streams by.
//!
//! Nothing of it stays in memory: windows and pieces that are written aside go into the file of the
//! cache at once, so that a layer of any length costs the same.

use std::io;

use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, compress_bound};

use super::inflate::WINDOW_LEN;
use super::spans::{Origin, PIECE_LEN, SIDE, SPAN_LIMIT, SPAN_TARGET, SPANS, Side, Span};
use crate::cache::Writer;

/// How pieces are compressed: they are written once and read a few times, so speed counts. Negative
/// levels are zstd's fast ones; longer matches and a smaller table make them faster still (27 % on
/// the layers of a release, for 8 % more room).
const PIECE: &[CParameter] = &[
    CParameter::CompressionLevel(-5),
    CParameter::MinMatch(7),
    CParameter::HashLog(12),
];

/// How windows are compressed. They are few, and most of an index.
const WINDOW: &[CParameter] = &[CParameter::CompressionLevel(3)];

/// Makes the spans of a blob.
pub(super) struct SpanBuilder {
    writer: Writer,
    records: Vec<u8>,
    open: Option<OpenSpan>,
    size: u64,
    /// The piece that waits to be written aside. Empty unless the open span is one.
    pending: Vec<u8>,
    pieces: Option<Compressor<'static>>,
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

fn compress(
    compressor: &mut Option<Compressor<'static>>,
    parameters: &[CParameter],
    bytes: &[u8],
    frame: &mut Vec<u8>,
    writer: &mut Writer,
) -> io::Result<Side> {
    let compressor = match compressor {
        Some(compressor) => compressor,
        None => {
            let mut new = Compressor::default();
            for parameter in parameters {
                new.set_parameter(*parameter)?;
            }
            compressor.insert(new)
        }
    };
    frame.clear();
    frame.reserve(compress_bound(bytes.len()));
    compressor.compress_to_buffer(bytes, frame)?;
    Ok(Side {
        at: writer.append(frame)?,
        len: u32::try_from(frame.len()).map_err(|_| io::ErrorKind::FileTooLarge)?,
    })
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
            pieces: None,
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
        self.close()?;
        self.open = Some(OpenSpan::new(self.size, origin, Side::default()));
        Ok(())
    }

    /// The same for a place that needs the output before it.
    pub(super) fn point_with(&mut self, origin: Origin, window: &[u8]) -> io::Result<()> {
        debug_assert!(window.len() <= WINDOW_LEN);
        self.close()?;
        let (windows, frame) = (&mut self.windows, &mut self.frame);
        let side = compress(windows, WINDOW, window, frame, &mut self.writer)?;
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
            if open.origin == Origin::Aside {
                self.pending.extend_from_slice(now);
            }
            self.size += now.len() as u64;
            bytes = later;
            if open.len >= limit {
                self.close()?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if open.len == 0 {
            return Ok(());
        }
        let mut side = open.side;
        if open.origin == Origin::Aside {
            let (pieces, frame) = (&mut self.pieces, &mut self.frame);
            let writer = &mut self.writer;
            side = compress(pieces, PIECE, &self.pending, frame, writer)?;
            self.pending.clear();
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

    /// Closes the last span, writes the records, and gives the file back for what else belongs in it.
    pub(super) fn finish(mut self) -> io::Result<Writer> {
        self.close()?;
        self.writer.section(SPANS)?;
        self.writer.append(&self.records)?;
        Ok(self.writer)
    }
}
