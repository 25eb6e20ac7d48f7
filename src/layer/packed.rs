//! A sorted list of numbered values in a cache file. Values are stored in small blocks, each compressed
//! on its own, with a directory of blocks, so that a lookup reads a single block.
//!
//! Each value is stored as a pair of its number and its bytes in postcard's wire format
//! (postcard.jamesmunns.com/wire-format). The bytes are the value's own postcard encoding, so that
//! values can be skipped without decoding. A block is a zstd frame of several pairs. A directory record
//! has 24 bytes: the number of the block's first value (u64), the block's offset (u64), and its
//! compressed (u32) and decompressed (u32) length.

use std::io;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Part, Writer};

/// Length of a directory record, in bytes.
const RECORD_LEN: usize = 24;

/// The zstd compression level. Blocks are small and written once.
const LEVEL: i32 = 6;

/// The maximum length of a decompressed block. A value is a tar entry, whose headers have size limits.
const MAX_BLOCK: usize = 256 << 20;

/// The number of decompressed blocks that are kept for each list.
const RECENT: NonZeroUsize = NonZeroUsize::new(32).expect("it is not 0");

/// Collects values and writes them as blocks.
pub(super) struct PackedWriter<T> {
    blocks: Vec<u8>,
    directory: Vec<u8>,
    block: Vec<u8>,
    value: Vec<u8>,
    /// Number of the block's first value.
    first: u64,
    /// A block is closed after the value with which it reaches this number of bytes.
    block_len: usize,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    values: PhantomData<T>,
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

impl<T: Serialize> PackedWriter<T> {
    pub(super) fn new(block_len: usize) -> Self {
        Self {
            blocks: Vec::new(),
            directory: Vec::new(),
            block: Vec::new(),
            value: Vec::new(),
            first: 0,
            block_len,
            compressor: None,
            values: PhantomData,
        }
    }

    /// Adds a value. Numbers must be in increasing order.
    pub(super) fn push(&mut self, number: u64, value: &T) -> io::Result<()> {
        if self.block.is_empty() {
            self.first = number;
        }
        let mut bytes = std::mem::take(&mut self.value);
        bytes.clear();
        self.value = postcard::to_extend(value, bytes).map_err(io::Error::other)?;
        let pair = (number, serde_bytes::Bytes::new(&self.value));
        let block = std::mem::take(&mut self.block);
        self.block = postcard::to_extend(&pair, block).map_err(io::Error::other)?;
        if self.block.len() >= self.block_len {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            None => self.compressor.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        let frame = compressor.compress(&self.block)?;
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| invalid());
        self.directory.extend_from_slice(&self.first.to_le_bytes());
        let at = self.blocks.len() as u64;
        self.directory.extend_from_slice(&at.to_le_bytes());
        self.directory
            .extend_from_slice(&len(&frame)?.to_le_bytes());
        self.directory
            .extend_from_slice(&len(&self.block)?.to_le_bytes());
        self.blocks.extend_from_slice(&frame);
        self.block.clear();
        Ok(())
    }

    /// Writes the blocks as section `id` and their directory as section `id + 1`.
    pub(super) fn finish(mut self, id: u32, writer: &mut Writer) -> io::Result<()> {
        self.close()?;
        writer.section(id)?;
        writer.append(&self.blocks)?;
        writer.section(id + 1)?;
        writer.append(&self.directory)?;
        Ok(())
    }
}

/// A list of values, read one block at a time.
#[derive(Clone, Debug)]
pub(super) struct Packed<T> {
    blocks: Part,
    directory: Part,
    /// The most recently used blocks. Files that are listed together are mostly in the same block.
    recent: Arc<Mutex<LruCache<u64, Arc<[u8]>>>>,
    values: PhantomData<T>,
}

/// One directory record.
struct Block {
    first: u64,
    at: u64,
    len: u32,
    raw_len: u32,
}

impl<T: DeserializeOwned> Packed<T> {
    pub(super) fn new(blocks: Part, directory: Part) -> Self {
        Self {
            blocks,
            directory,
            recent: Arc::new(Mutex::new(LruCache::new(RECENT))),
            values: PhantomData,
        }
    }

    fn count(&self) -> u64 {
        self.directory.records::<RECORD_LEN>()
    }

    fn record(&self, number: u64) -> io::Result<Block> {
        let record = self.directory.record::<RECORD_LEN>(number);
        let read = |record: &[u8; RECORD_LEN]| {
            Some(Block {
                first: u64::from_le_bytes(*record.first_chunk()?),
                at: u64::from_le_bytes(*record.get(8..)?.first_chunk()?),
                len: u32::from_le_bytes(*record.get(16..)?.first_chunk()?),
                raw_len: u32::from_le_bytes(*record.get(20..)?.first_chunk()?),
            })
        };
        record.and_then(read).ok_or_else(|| self.damaged())
    }

    /// Marks the file as damaged and returns the error to report.
    fn damaged(&self) -> io::Error {
        self.blocks.file().set_damaged();
        invalid()
    }

    fn block(&self, number: u64) -> io::Result<Vec<u8>> {
        let block = self.record(number)?;
        let frame = self.blocks.get(block.at, block.len.into());
        let raw_len = block.raw_len as usize;
        if raw_len > MAX_BLOCK {
            return Err(self.damaged());
        }
        let bytes = zstd::bulk::decompress(frame, raw_len).map_err(|_| self.damaged())?;
        if bytes.len() != raw_len {
            return Err(self.damaged());
        }
        Ok(bytes)
    }

    /// Splits the next pair off a block. Returns the number, the undecoded value, and the remaining
    /// bytes.
    fn pair<'a>(&self, bytes: &'a [u8]) -> io::Result<(u64, &'a [u8], &'a [u8])> {
        let read = postcard::take_from_bytes::<(u64, &serde_bytes::Bytes)>(bytes);
        let ((number, value), rest) = read.map_err(|_| self.damaged())?;
        Ok((number, value, rest))
    }

    fn value(&self, bytes: &[u8]) -> io::Result<T> {
        postcard::from_bytes(bytes).map_err(|_| self.damaged())
    }

    /// Returns the values of one block.
    fn values(&self, number: u64) -> io::Result<Vec<(u64, T)>> {
        let block = self.block(number)?;
        let mut bytes = block.as_slice();
        let mut values = Vec::new();
        // A number takes at least one byte, so the loop terminates.
        while !bytes.is_empty() {
            let (number, value, rest) = self.pair(bytes)?;
            values.push((number, self.value(value)?));
            bytes = rest;
        }
        Ok(values)
    }

    /// Iterates over all values in order.
    pub(super) fn into_iter(self) -> impl Iterator<Item = io::Result<(u64, T)>> {
        let blocks = (0..self.count()).map(move |number| self.values(number));
        blocks.flat_map(|block| match block {
            Ok(values) => values.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// Returns the value with this number, if there is one.
    pub(super) fn find(&self, number: u64) -> io::Result<Option<T>> {
        let (mut from, mut to) = (0, self.count());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.record(middle)?.first <= number {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        let Some(block) = from.checked_sub(1) else {
            return Ok(None);
        };
        let block = self.recent_block(block)?;
        let mut bytes: &[u8] = &block;
        while !bytes.is_empty() {
            let (found, value, rest) = self.pair(bytes)?;
            if found == number {
                return self.value(value).map(Some);
            }
            bytes = rest;
        }
        Ok(None)
    }

    /// Returns a decompressed block, from the recent blocks if it is among them.
    fn recent_block(&self, number: u64) -> io::Result<Arc<[u8]>> {
        let lock = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = lock().get(&number) {
            return Ok(block.clone());
        }
        let block: Arc<[u8]> = self.block(number)?.into();
        lock().put(number, block.clone());
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{CacheDir, CacheKey, CacheKind};

    #[test]
    fn every_value_is_found_and_no_other() {
        let mut writer = CacheDir::none().create(CacheKind::Layer).unwrap();
        let mut list = PackedWriter::new(100);
        let text = |n: u64| "x".repeat((n % 90) as usize);
        for n in 0..1000 {
            list.push(n * 3, &text(n)).unwrap();
        }
        list.finish(7, &mut writer).unwrap();
        let file = writer.finish(&CacheKey::layer("sha256:00")).unwrap().file;
        let list: Packed<String> = Packed::new(file.part(7), file.part(8));
        let all: Vec<(u64, String)> = list.clone().into_iter().map(Result::unwrap).collect();
        assert_eq!(all, (0..1000).map(|n| (n * 3, text(n))).collect::<Vec<_>>());
        for n in 0..3100 {
            let want = (n % 3 == 0 && n < 3000).then(|| text(n / 3));
            assert_eq!(list.find(n).unwrap(), want, "{n}");
        }
        let empty: Packed<String> = Packed::new(file.part(77), file.part(78));
        assert_eq!(empty.clone().into_iter().count(), 0);
        assert_eq!(empty.find(0).unwrap(), None);
    }

    #[test]
    fn nonsense_with_right_checksums_is_an_error() {
        for (blocks, directory) in [
            (&b"no frame"[..], [0, 0, 8 | 100 << 32]),
            (&b"x"[..], [0, 900, 8 | 100 << 32]),
            (&b"x"[..], [0, 0, 1 | (u64::from(u32::MAX) << 32)]),
        ] {
            let mut writer = CacheDir::none().create(CacheKind::Layer).unwrap();
            writer.section(7).unwrap();
            writer.append(blocks).unwrap();
            writer.section(8).unwrap();
            for word in directory {
                writer.append(&u64::to_le_bytes(word)).unwrap();
            }
            let file = writer.finish(&CacheKey::layer("sha256:00")).unwrap().file;
            let list: Packed<String> = Packed::new(file.part(7), file.part(8));
            assert!(list.find(5).is_err());
            assert!(file.is_damaged());
        }
    }
}
