//! Spans: the pieces of a blob that can be decoded alone.
//!
//! A decoder that has read from the start can only go on. To read the middle of a layer without
//! decoding what comes before, the first pass notes places where decoding can start again:
//!
//! * in gzip at a block boundary, with the 32 KiB of output before it (the window);
//! * in zstd at the start of a frame;
//! * in plain bytes anywhere.
//!
//! A span reaches from one such place to the next. Where the data offers none for
//! [`SPAN_LIMIT`] bytes (a zstd layer of one single frame, a gzip block of nothing but zeros),
//! the pass writes the following pieces aside into a spool, compressed one by one, so that a
//! span is never larger than the limit whatever the blob looks like.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// A span ends at the first seek point after this many decoded bytes.
pub(crate) const SPAN_TARGET: u32 = 1 << 20;

/// No span decodes to more bytes than this.
pub(crate) const SPAN_LIMIT: u32 = 4 << 20;

/// How hard pieces of the spool are compressed: it is written once and read a few times, so speed
/// counts. Negative levels are zstd's fast ones.
const SPOOL_LEVEL: i32 = -5;

/// One piece of a blob's decoded bytes.
#[derive(Debug)]
pub struct Span {
    /// Offset of its first byte in the decoded blob.
    pub start: u64,
    /// Length in decoded bytes.
    pub len: u32,
    /// CRC-32 of the decoded bytes, from the verified pass.
    pub(crate) crc: u32,
    /// Where its bytes come from.
    pub(crate) origin: Origin,
}

/// Where to start decoding to get a span.
#[derive(Debug)]
pub(crate) enum Origin {
    /// The bytes themselves, at this offset of the blob.
    Plain { at: u64 },
    /// The start of a gzip member.
    GzipMember { at: u64 },
    /// A block boundary inside a gzip member: the next byte to read, how many bits of the byte
    /// before it are still unread, and the output that back references may point into.
    GzipBlock {
        at: u64,
        bits: u8,
        window: Box<[u8]>,
    },
    /// The start of a zstd frame.
    ZstdFrame { at: u64 },
    /// One zstd frame in the spool.
    Spool { at: u64, len: u32 },
}

/// All spans of a blob in order, without gaps.
#[derive(Debug, Default)]
pub struct SpanTable {
    spans: Vec<Span>,
    spool: Option<Arc<File>>,
}

impl SpanTable {
    /// Length of the decoded blob in bytes.
    pub fn size(&self) -> u64 {
        self.spans.last().map_or(0, |s| s.start + u64::from(s.len))
    }

    /// The span that holds the byte at `offset`, and its number.
    pub fn find(&self, offset: u64) -> Option<(usize, &Span)> {
        let after = self.spans.partition_point(|s| s.start <= offset);
        let number = after.checked_sub(1)?;
        let span = self.spans.get(number)?;
        (offset < span.start + u64::from(span.len)).then_some((number, span))
    }

    /// All spans, in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Reads one compressed piece out of the spool.
    pub(crate) fn read_spool(&self, at: u64, len: u32) -> io::Result<Vec<u8>> {
        let spool = self.spool.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let mut piece = vec![0; len as usize];
        spool.read_exact_at(&mut piece, at)?;
        Ok(piece)
    }
}

/// Cuts the output of a pass into spans while it streams by.
pub(crate) struct SpanBuilder {
    table: SpanTable,
    open: Option<OpenSpan>,
    size: u64,
    /// The piece that waits to be written to the spool. Empty unless the open span is spooled.
    pending: Vec<u8>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    spool_len: u64,
}

struct OpenSpan {
    start: u64,
    len: u32,
    crc: crc32fast::Hasher,
    /// `None` while the span goes to the spool.
    origin: Option<Origin>,
}

impl OpenSpan {
    fn new(start: u64, origin: Option<Origin>) -> Self {
        Self {
            start,
            len: 0,
            crc: crc32fast::Hasher::new(),
            origin,
        }
    }
}

impl SpanBuilder {
    /// Starts with a span that begins at `origin`.
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            table: SpanTable::default(),
            open: Some(OpenSpan::new(0, Some(origin))),
            size: 0,
            pending: Vec::new(),
            compressor: None,
            spool_len: 0,
        }
    }

    /// Decoded bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether a seek point here would be worth keeping.
    pub(crate) fn wants_point(&self) -> bool {
        match &self.open {
            Some(open) => open.len >= SPAN_TARGET || (open.origin.is_none() && open.len > 0),
            None => true,
        }
    }

    /// Decoding can start again here: closes the open span and begins one at `origin`.
    pub(crate) fn point(&mut self, origin: Origin) -> io::Result<()> {
        self.close()?;
        self.open = Some(OpenSpan::new(self.size, Some(origin)));
        Ok(())
    }

    /// Takes in decoded bytes.
    pub(crate) fn bytes(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let size = self.size;
            let open = self.open.get_or_insert_with(|| OpenSpan::new(size, None));
            let limit = if open.origin.is_some() {
                SPAN_LIMIT
            } else {
                SPAN_TARGET
            };
            let room = limit.saturating_sub(open.len) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            open.crc.update(now);
            // `now` is at most `room` long, which fits.
            open.len += now.len() as u32;
            if open.origin.is_none() {
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
        let origin = match open.origin {
            Some(origin) => origin,
            None => self.spool()?,
        };
        self.table.spans.push(Span {
            start: open.start,
            len: open.len,
            crc: open.crc.finalize(),
            origin,
        });
        Ok(())
    }

    fn spool(&mut self) -> io::Result<Origin> {
        let file = match &self.table.spool {
            Some(file) => file.clone(),
            None => {
                let file = Arc::new(spool_file()?);
                self.table.spool = Some(file.clone());
                file
            }
        };
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            None => self
                .compressor
                .insert(zstd::bulk::Compressor::new(SPOOL_LEVEL)?),
        };
        let piece = compressor.compress(&self.pending)?;
        self.pending.clear();
        file.write_all_at(&piece, self.spool_len)?;
        let at = self.spool_len;
        let len = u32::try_from(piece.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.spool_len += u64::from(len);
        Ok(Origin::Spool { at, len })
    }

    /// Closes the last span.
    pub(crate) fn finish(mut self) -> io::Result<SpanTable> {
        self.close()?;
        Ok(self.table)
    }
}

/// A file without a name, gone when the last handle is closed.
fn spool_file() -> io::Result<File> {
    let dir = spool_dir();
    tempfile::tempfile_in(&dir).map_err(|e| {
        let hint = "set TMPDIR to a directory with room";
        io::Error::new(e.kind(), format!("{}: {e} ({hint})", dir.display()))
    })
}

/// Where temporary files go: `$TMPDIR`, else `/var/tmp`, which unlike `/tmp` is never memory.
pub fn spool_dir() -> PathBuf {
    std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_without_seek_points_goes_to_the_spool() {
        let mut builder = SpanBuilder::new(Origin::ZstdFrame { at: 0 });
        let total = u64::from(SPAN_LIMIT) + 2 * u64::from(SPAN_TARGET) + 17;
        let bytes: Vec<u8> = (0..total).map(|i| ((i * i) >> 7) as u8).collect();
        for chunk in bytes.chunks(100_003) {
            builder.bytes(chunk).unwrap();
        }
        assert!(builder.wants_point());
        builder.point(Origin::ZstdFrame { at: 99 }).unwrap();
        builder.bytes(b"tail").unwrap();
        let table = builder.finish().unwrap();
        assert_eq!(table.size(), total + 4);

        let kinds: Vec<_> = table
            .spans()
            .iter()
            .map(|s| (s.len, matches!(s.origin, Origin::Spool { .. })))
            .collect();
        assert_eq!(
            kinds,
            [
                (SPAN_LIMIT, false),
                (SPAN_TARGET, true),
                (SPAN_TARGET, true),
                (17, true),
                (4, false)
            ]
        );
        let Origin::Spool { at, len } = table.spans()[3].origin else {
            panic!("the fourth span is spooled");
        };
        let piece = zstd::bulk::decompress(&table.read_spool(at, len).unwrap(), 64).unwrap();
        assert_eq!(piece, bytes[bytes.len() - 17..]);
    }

    #[test]
    fn finding_a_span_by_offset() {
        let mut builder = SpanBuilder::new(Origin::Plain { at: 0 });
        builder.bytes(b"0123").unwrap();
        builder.point(Origin::Plain { at: 4 }).unwrap();
        builder.bytes(b"45").unwrap();
        let table = builder.finish().unwrap();
        let number = |offset| table.find(offset).map(|(n, _)| n);
        assert_eq!(number(0), Some(0));
        assert_eq!(number(3), Some(0));
        assert_eq!(number(4), Some(1));
        assert_eq!(number(6), None);
        assert_eq!(SpanTable::default().find(0).map(|(n, _)| n), None);
    }
}
