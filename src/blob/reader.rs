//! Random reads of a blob's decoded bytes. They are decoded span by span, and for sequential readers
//! the next spans are decoded ahead.

use std::io;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};

use super::access_pattern::AccessPattern;
use super::buffer::SpanBytes;
use super::error::changed;
use super::side_file::SideFiles;
use super::span_cache::SpanKey;
use super::span_decoder::SpanDecoder;
use super::spans::SpanOrigin;
use super::{FileRange, ReadAt, SpanCache, SpanTable};

/// The maximum number of bytes that are decoded ahead of a reader. A small cache reduces it.
const AHEAD: usize = 8 << 20;

/// The number of spans of a span run that one background job decodes, before other jobs get their
/// turn.
const FINISHED_AT_ONCE: u64 = 32;

/// A blob's decoded bytes, readable at any offset. Clones share the decoded spans.
#[derive(Clone)]
pub struct SpanReader {
    blob: Arc<Blob>,
}

/// What spans are decoded from. Shared with the threads that decode ahead.
struct Blob {
    source: Arc<dyn ReadAt>,
    table: SpanTable,
    cache: Arc<SpanCache>,
    /// This blob's number in the cache.
    id: u32,
    access: Mutex<AccessPattern>,
    side_files: SideFiles,
}

/// Bytes of one decoded span, without a copy.
#[derive(Clone, Debug)]
pub struct SpanSlice {
    bytes: SpanBytes,
    range: Range<usize>,
}

impl Deref for SpanSlice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }
}

impl SpanSlice {
    /// Returns the part of the slice in `range`, cut off at its end.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let at = |n: usize| self.range.start.saturating_add(n).min(self.range.end);
        Self {
            bytes: self.bytes.clone(),
            range: at(range.start)..at(range.end),
        }
    }
}

/// The position of a span in the decoded blob.
#[derive(Clone, Copy)]
struct SpanPosition {
    number: u32,
    start: u64,
    len: usize,
    /// The number of the head, if the span lies in a span run.
    head: Option<u64>,
}

impl Blob {
    fn find(&self, offset: u64) -> Option<SpanPosition> {
        let (number, span) = self.table.find(offset)?;
        Some(SpanPosition {
            number: u32::try_from(number).ok()?,
            start: span.start,
            len: span.len as usize,
            head: match span.origin {
                SpanOrigin::Within { head } => Some(head),
                _ => None,
            },
        })
    }

    fn key(&self, place: SpanPosition) -> SpanKey {
        (self.id, place.number)
    }

    /// Fills `out`, which is as long as the span, with the bytes of the span with that number.
    fn decode(&self, number: u32, out: &mut [u8]) -> io::Result<()> {
        let span = self.table.span(number.into()).ok_or_else(damaged)?;
        if let SpanOrigin::Within { head } = span.origin {
            return self.side_files.read(head, number.into(), out);
        }
        let source = &*self.source;
        SpanDecoder::new(source, &self.table, &span)?.fill(source, out)?;
        if crc32fast::hash(out) != span.crc {
            return Err(changed());
        }
        Ok(())
    }

    fn span(self: &Arc<Self>, place: SpanPosition) -> io::Result<SpanBytes> {
        let bytes = self.cache.get(self.key(place), place.len, |out| {
            self.decode(place.number, out)
        })?;
        if let Some(head) = place.head
            && self.side_files.wants_finishing(head)
        {
            self.finish(head);
        }
        Ok(bytes)
    }

    /// Decodes the rest of a span run in the background and writes it to the side file, for later
    /// reads and the next mount. It is done a few spans at a time, between other jobs that decode
    /// ahead.
    fn finish(self: &Arc<Self>, head: u64) {
        let blob = Arc::downgrade(self);
        let pushed = self.cache.prefetcher.push(move || {
            // The image may have been closed meanwhile.
            if let Some(blob) = blob.upgrade()
                && blob.side_files.go_on(head, FINISHED_AT_ONCE)
            {
                blob.finish(head);
            }
        });
        if !pushed {
            self.side_files.stop_finishing(head);
        }
    }

    /// Records a read. If its reader is sequential, requests that the next spans are decoded ahead.
    fn note(self: &Arc<Self>, offset: u64, len: usize) {
        let limit = self.cache.prefetch_limit().min(AHEAD) as u64;
        let wanted = {
            let mut access = self.access.lock().unwrap_or_else(PoisonError::into_inner);
            access.note(offset, len as u64, limit)
        };
        let Some((mut at, to)) = wanted else {
            return;
        };
        while at < to
            && let Some(place) = self.find(at)
        {
            at = place.start + place.len as u64;
            // The span that was just read is in the cache, or its reader decodes it.
            if place.start <= offset || self.cache.has(self.key(place)) {
                continue;
            }
            // In a span run, only spans that are in the side file are decoded ahead: others need all
            // spans before them.
            if let Some(head) = place.head
                && !self.side_files.has(head, place.number.into())
            {
                return;
            }
            let blob = Arc::downgrade(self);
            let pushed = self.cache.prefetcher.push(move || {
                // The image may have been closed meanwhile.
                if let Some(blob) = blob.upgrade() {
                    blob.cache.prefetch(blob.key(place), place.len, |out| {
                        blob.decode(place.number, out)
                    });
                }
            });
            if !pushed {
                return;
            }
        }
    }
}

impl SpanPosition {
    /// Returns the range of the span's bytes that holds the `len` bytes from `offset` on, cut off at
    /// the end of the span.
    fn range(self, offset: u64, len: usize) -> Range<usize> {
        // The span holds `offset`, since `find` has returned it. The length of a span fits a `usize`.
        let from = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let from = from.min(self.len);
        from..from.saturating_add(len).min(self.len)
    }
}

impl SpanReader {
    /// Creates a reader of the spans of `table`, which a [`Pass`](super::Pass) over the same `source`
    /// made.
    pub fn new(source: Arc<dyn ReadAt>, table: SpanTable, cache: Arc<SpanCache>) -> Self {
        let id = cache.register();
        let side_files = cache.side_files(source.clone(), table.clone());
        Self {
            blob: Arc::new(Blob {
                source,
                table,
                cache,
                id,
                access: Mutex::default(),
                side_files,
            }),
        }
    }

    /// Like [`SpanReader::slice`], but returns `None` if the span is not in the cache. Never waits
    /// for a decoder.
    pub fn peek(&self, offset: u64, len: usize) -> Option<SpanSlice> {
        self.blob.note(offset, len);
        let place = self.blob.find(offset)?;
        let bytes = self.blob.cache.peek(self.blob.key(place))?;
        let range = place.range(offset, len);
        Some(SpanSlice { bytes, range })
    }

    /// Returns up to `len` bytes from `offset` on, cut off at the end of their span. `None` at the
    /// end of the blob.
    ///
    /// # Errors
    /// As [`ReadAt::read_at`].
    pub fn slice(&self, offset: u64, len: usize) -> io::Result<Option<SpanSlice>> {
        self.blob.note(offset, len);
        let Some(place) = self.blob.find(offset) else {
            return match self.blob.table.is_damaged() {
                true => Err(damaged()),
                false => Ok(None),
            };
        };
        let bytes = self.blob.span(place)?;
        let range = place.range(offset, len);
        Ok(Some(SpanSlice { bytes, range }))
    }

    /// Returns the whole span that holds `offset`, and the offset at which it begins, if it is in the
    /// cache.
    pub fn around(&self, offset: u64) -> Option<(u64, SpanSlice)> {
        let place = self.blob.find(offset)?;
        let bytes = self.blob.cache.peek_quietly(self.blob.key(place))?;
        let range = 0..place.len;
        Some((place.start, SpanSlice { bytes, range }))
    }
}

fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "its index in the cache is damaged; unmount and mount the image again to rebuild it",
    )
}

impl ReadAt for SpanReader {
    fn size(&self) -> u64 {
        self.blob.table.size()
    }

    fn file_range(&self) -> Option<FileRange> {
        let stored = self.blob.source.file_range()?;
        Some(FileRange {
            depth: stored.depth.checked_add(1)?,
            at: 0,
            len: self.size(),
            ..stored
        })
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(from) = self.slice(offset, buf.len())? else {
            return Ok(0);
        };
        if let Some(to) = buf.get_mut(..from.len()) {
            to.copy_from_slice(&from);
        }
        Ok(from.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use proptest::prelude::*;

    use super::super::source::tests::Memory;
    use super::super::{BlobError, Codec, Hasher, Pass};
    use super::*;
    use crate::cache::{CacheDir, CacheKey, CacheKind, Writer};

    /// Bytes that compress a little, with runs of zeros that give long matches.
    fn sample(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let word = state >> 33;
            if word.is_multiple_of(97) {
                bytes.resize(bytes.len() + (word as usize % 40_000), 0);
            }
            bytes.extend_from_slice(&word.to_le_bytes()[..4]);
        }
        bytes.truncate(len);
        bytes
    }

    fn hex(digits: &str) -> Vec<u8> {
        let (pairs, _) = digits.as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        pairs.iter().map(|pair| byte(pair).unwrap()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn writer() -> Writer {
        CacheDir::none().create(CacheKind::Layer).unwrap()
    }

    fn table(writer: Writer) -> SpanTable {
        let key = CacheKey::layer("sha256:00");
        SpanTable::of(&writer.finish(&key).unwrap().file)
    }

    fn open(stored: Vec<u8>) -> Result<(Vec<u8>, Codec, SpanReader), BlobError> {
        let mut hasher = Hasher::sha256();
        hasher.update(&stored);
        let source: Arc<dyn ReadAt> = Arc::new(Memory(stored));
        let mut writer = writer();
        let mut pass = Pass::new(source.clone(), Some(hasher.finish()), None, &mut writer)?;
        let mut decoded = Vec::new();
        if pass.read_to_end(&mut decoded).is_err() {
            return Err(pass.take_error().unwrap());
        }
        let result = pass.finish()?;
        let cache = Arc::new(SpanCache::new(8 << 20, CacheDir::none()));
        let codec = result.codec;
        let reader = SpanReader::new(source, table(writer), cache);
        Ok((decoded, codec, reader))
    }

    fn check(stored: Vec<u8>, codec: Codec, want: &[u8]) {
        let (decoded, found, reader) = open(stored).unwrap();
        assert_eq!(found, codec);
        assert!(decoded == want, "the pass decodes all bytes");
        assert_eq!(reader.size(), want.len() as u64);
        let mut offset = 0;
        let mut step = 7;
        while offset < want.len() {
            let mut buf = vec![0; (step * 31) % 300_000 + 1];
            let n = reader.read_at(&mut buf, offset as u64).unwrap();
            assert!(n > 0 && buf[..n] == want[offset..offset + n], "at {offset}");
            step = step * 1_103_515_245 % 1_000_003;
            offset += step % 700_001 + 1;
        }
    }

    #[test]
    fn gzip_of_one_member() {
        let bytes = sample(9_000_000);
        check(gzip(&bytes), Codec::Gzip, &bytes);
    }

    /// Decoding can begin again at the first block after each 2.5 MiB. At its default level zlib ends
    /// a block after about 16,000 symbols. Here these are mostly literals, so a block has about 16
    /// KB, and 9 MB have three such places.
    #[test]
    fn gzip_is_cut_at_blocks() {
        let mut state = 1_u64;
        let letter = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 58) as u8
        };
        let bytes: Vec<u8> = std::iter::repeat_with(letter).take(9_000_000).collect();
        let usual = flate2::Compression::default();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), usual);
        encoder.write_all(&bytes).unwrap();
        let stored = encoder.finish().unwrap();
        check(stored.clone(), Codec::Gzip, &bytes);
        let (_, _, reader) = open(stored).unwrap();
        let table = &reader.blob.table;
        let origins = (0..table.count()).filter_map(|n| Some(table.span(n)?.origin));
        let blocks = origins.filter(|origin| matches!(origin, SpanOrigin::GzipBlock { .. }));
        assert_eq!((table.count(), blocks.count()), (4, 3));
    }

    #[test]
    fn gzip_of_many_members_and_padding() {
        let bytes = sample(5_000_000);
        let mut stored = Vec::new();
        for chunk in bytes.chunks(70_001) {
            stored.extend(gzip(chunk));
        }
        stored.extend(gzip(b""));
        stored.extend([0; 100]);
        check(stored, Codec::Gzip, &bytes);
    }

    #[test]
    fn gzip_blocks_of_nothing_but_zeros_are_longer_than_a_span() {
        let mut bytes = vec![0; 40 << 20];
        bytes.extend(sample(100_000));
        check(gzip(&bytes), Codec::Gzip, &bytes);
    }

    #[test]
    fn zstd_of_one_frame() {
        let bytes = sample(9_000_000);
        check(
            ::zstd::encode_all(&bytes[..], 1).unwrap(),
            Codec::Zstd,
            &bytes,
        );
    }

    #[test]
    fn zstd_of_many_frames_and_skippable_ones() {
        let bytes = sample(5_000_000);
        let skippable = [0x5e, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5];
        let mut stored = skippable.to_vec();
        for chunk in bytes.chunks(300_007) {
            stored.extend(::zstd::encode_all(chunk, 1).unwrap());
            stored.extend(skippable);
        }
        check(stored, Codec::Zstd, &bytes);
    }

    #[test]
    fn plain_and_empty() {
        let bytes = sample(3_000_000);
        check(bytes.clone(), Codec::Plain, &bytes);
        check(Vec::new(), Codec::Plain, &[]);
        check(gzip(b""), Codec::Gzip, &[]);
    }

    #[test]
    fn a_byte_that_changed_after_the_pass_is_an_error() {
        use std::os::unix::fs::FileExt;
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&sample(100_000), 0).unwrap();
        let source: Arc<dyn ReadAt> =
            Arc::new(super::super::FileSource::new(file.try_clone().unwrap()).unwrap());
        let mut writer = writer();
        let pass = Pass::new(source.clone(), None, None, &mut writer).unwrap();
        pass.finish().unwrap();
        let table = table(writer);
        let reader = SpanReader::new(source, table, Arc::new(SpanCache::new(0, CacheDir::none())));
        file.write_all_at(b"?", 500).unwrap();
        let error = reader.read_at(&mut [0; 10], 90_000).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn damage_is_told_apart() {
        let whole = gzip(&sample(200_000));
        let cut = whole[..whole.len() / 2].to_vec();
        assert!(matches!(open(cut), Err(BlobError::Truncated { .. })));
        let mut garbage = whole.clone();
        garbage.extend(b"garbage");
        assert!(matches!(open(garbage), Err(BlobError::Corrupt { .. })));
        let frame = ::zstd::encode_all(&sample(200_000)[..], 1).unwrap();
        let cut = frame[..frame.len() / 2].to_vec();
        assert!(matches!(open(cut), Err(BlobError::Truncated { .. })));
        assert!(matches!(
            open(b"\xfd7zXZ\0".to_vec()),
            Err(BlobError::Truncated { .. })
        ));
        assert!(matches!(
            open(b"BZh91AY&SY".to_vec()),
            Err(BlobError::Unsupported("bzip2"))
        ));
    }

    #[test]
    fn the_wrong_digest_is_an_error_after_a_pass_without_any_other() {
        let stored = gzip(b"hello");
        let source: Arc<dyn ReadAt> = Arc::new(Memory(stored));
        let wrong: super::super::Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        let mut file = writer();
        let pass = Pass::new(source.clone(), Some(wrong.clone()), None, &mut file).unwrap();
        assert!(matches!(pass.finish(), Err(BlobError::Digest { .. })));
        let mut file = writer();
        let pass = Pass::new(source, None, Some(wrong), &mut file).unwrap();
        assert!(matches!(pass.finish(), Err(BlobError::Digest { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn hostile_bytes_never_panic(
            magic in prop_oneof![
                Just(vec![0x1f, 0x8b, 8, 0]),
                Just(vec![0x28, 0xb5, 0x2f, 0xfd]),
                // A stream without checks, and the header of a block that does not state its lengths.
                Just(hex("fd377a585a000000ff12d941")),
                Just(hex("fd377a585a000000ff12d941020021010c0000008f98419c")),
                Just(vec![]),
            ],
            tail in proptest::collection::vec(any::<u8>(), 0..4000),
        ) {
            let mut stored = magic;
            stored.extend(tail);
            if let Ok((decoded, _, reader)) = open(stored) {
                prop_assert_eq!(reader.size(), decoded.len() as u64);
            }
        }
    }
}
