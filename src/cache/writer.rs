//! Writes a cache file: sequentially, under a temporary name, renamed when it is complete.
//!
//! If the disk is full or fails, the file only loses its name: what was written so far is copied to
//! an unnamed temporary file elsewhere, and writing continues there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::file::CacheFile;
use super::format::{BLOCK, FileHeader, HEADER_LEN, MAKER, SectionRecord};
use super::key::{CacheKey, CacheKind};
use super::root::Root;
use super::user_file::{temporary_dir, temporary_file};
use crate::private::about;
use tempfile::TempPath;

/// The prefix of the names of incomplete files.
pub(super) const UNFINISHED: &str = ".new-";

/// Sections begin at multiples of this, so that their records are aligned.
const ALIGN: u64 = 8;

/// The temporary path of a file until it is complete, and the directory that it is then moved to.
pub(super) struct Destination {
    pub temporary: TempPath,
    pub root: Arc<Root>,
}

/// A cache file that is being written.
pub struct Writer {
    file: File,
    destination: Option<Destination>,
    kind: CacheKind,
    /// Bytes not written yet: the last block, from its start or from the end of the header.
    pending: Vec<u8>,
    /// The file offset of `pending`.
    written: u64,
    sums: Vec<u32>,
    sections: Vec<SectionRecord>,
}

/// A file that is complete and readable but not yet visible to others.
pub struct Unpublished {
    /// The mapped file.
    pub file: Arc<CacheFile>,
    handle: File,
    /// Its temporary name and its final path.
    names: Option<(TempPath, PathBuf)>,
}

impl Writer {
    /// Starts a file. Without a destination it is unnamed and vanishes when it is closed.
    pub(super) fn new(file: File, destination: Option<Destination>, kind: CacheKind) -> Self {
        Self {
            file,
            destination,
            kind,
            pending: Vec::with_capacity(BLOCK as usize),
            written: HEADER_LEN as u64,
            sums: Vec::new(),
            sections: Vec::new(),
        }
    }

    fn position(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Starts a section, which ends where the next one begins.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn section(&mut self, id: u32) -> io::Result<()> {
        let padding = self.position().wrapping_neg() % ALIGN;
        self.close();
        self.take(&[0; ALIGN as usize][..padding as usize])?;
        self.sections.push(SectionRecord {
            id,
            at: self.position(),
            len: 0,
        });
        Ok(())
    }

    /// Appends bytes to the open section and returns their offset in it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let start = self.sections.last().map_or(0, |s| s.at);
        let at = self.position() - start;
        self.take(bytes)?;
        Ok(at)
    }

    /// Fills `buf` with bytes of the open section from `at` on.
    ///
    /// # Errors
    /// `UnexpectedEof` if they have not been appended yet, or an error if the read fails.
    pub fn read_back(&self, at: u64, buf: &mut [u8]) -> io::Result<()> {
        let start = self.sections.last().map_or(0, |s| s.at);
        let at = start.saturating_add(at);
        let on_disk = usize::try_from(self.written.saturating_sub(at)).unwrap_or(usize::MAX);
        let (first, rest) = buf.split_at_mut(on_disk.min(buf.len()));
        self.file.read_exact_at(first, at)?;
        let from = usize::try_from(at.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let pending = self.pending.get(from..).unwrap_or_default();
        let pending = pending.get(..rest.len());
        rest.copy_from_slice(pending.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn close(&mut self) {
        let position = self.position();
        if let Some(open) = self.sections.last_mut()
            && open.len == 0
        {
            open.len = position - open.at;
        }
    }

    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = BLOCK - self.position() % BLOCK;
            let (now, later) = bytes.split_at(bytes.len().min(room as usize));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.position().is_multiple_of(BLOCK) {
                self.flush_block()?;
            }
        }
        Ok(())
    }

    /// Writes bytes at the end of what has been written.
    fn write_next(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Err(error) = self.file.write_all_at(bytes, self.written) else {
            return Ok(());
        };
        if let Some(destination) = self.destination.take() {
            destination
                .root
                .warn_not_cached(&about(&destination.temporary)(error));
            self.file = self.copy().map_err(about(&temporary_dir()))?;
        }
        // Retries even if the file already was a temporary one: harmless, and it saves a branch.
        let again = self.file.write_all_at(bytes, self.written);
        again.map_err(|error| self.about_file(error))
    }

    /// Adds the location of the file to an error.
    fn about_file(&self, error: io::Error) -> io::Error {
        match &self.destination {
            Some(destination) => about(&destination.temporary)(error),
            None => about(&temporary_dir())(error),
        }
    }

    /// Copies what was written so far to an unnamed temporary file.
    fn copy(&self) -> io::Result<File> {
        let mut copy = temporary_file()?;
        // No other code moves the offset of either file, so both are at the start.
        let mut so_far = (&self.file).take(self.written);
        io::copy(&mut so_far, &mut copy)?;
        Ok(copy)
    }

    fn flush_block(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let written = self.write_next(&pending);
        self.pending = pending;
        written?;
        self.sums.push(crc32fast::hash(&self.pending));
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Completes the file, to be found under `key`, and maps it.
    ///
    /// # Errors
    /// If it cannot be written or mapped, or `key` is of another kind.
    pub fn finish(mut self, key: &CacheKey) -> io::Result<Unpublished> {
        self.close();
        // If the file has no data after the header, its only block is empty and still has a
        // checksum.
        if !self.pending.is_empty() || self.sums.is_empty() {
            self.flush_block()?;
        }
        let directory = self.written;
        let mut tail = Vec::new();
        for section in &self.sections {
            tail.extend_from_slice(&section.bytes());
        }
        for sum in &self.sums {
            tail.extend_from_slice(&sum.to_le_bytes());
        }
        self.write_next(&tail)?;
        let header = FileHeader {
            kind: self.kind.number(),
            len: directory + tail.len() as u64,
            directory,
            // Their number is that of the calls to `section`, a handful.
            sections: self.sections.len() as u32,
            key: key.hash(),
            directory_crc: crc32fast::hash(&tail),
            maker: MAKER,
            schema: key.schema(),
        };
        let header_at_start = self.file.write_all_at(&header.bytes(), 0);
        header_at_start.map_err(|error| self.about_file(error))?;
        let file = CacheFile::open(&self.file, key)?;
        let names = self.destination.map(|destination| {
            let target = destination.root.file_path(key);
            (destination.temporary, target)
        });
        Ok(Unpublished {
            file: Arc::new(file),
            handle: self.file,
            names,
        })
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Unpublished {
    /// Makes the file visible to others. Its bytes are synced to disk before the rename, so a crash
    /// leaves either the whole file or none. If two writers publish the same key, the later one
    /// wins; both wrote the same bytes.
    ///
    /// # Errors
    /// If the data cannot be synced to disk or the file cannot be renamed. The error names the
    /// path.
    pub fn publish(self) -> io::Result<()> {
        let Some((temporary, target)) = self.names else {
            return Ok(());
        };
        self.handle.sync_data().map_err(about(&target))?;
        match temporary.persist(&target).map_err(|e| e.error) {
            // The cache was cleared in the meantime, and this file with it.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            published => published.map_err(about(&target)),
        }
    }
}
