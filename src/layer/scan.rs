//! The one pass over a layer.
//!
//! Tar headers become entries; the bytes of most files are skipped as they stream by. Of each
//! regular file the first 64 KiB are looked at, and if they begin like an executable, all of it is
//! kept, in memory up to [`MEMORY_LIMIT`] and in a temporary file beyond, and decoded on the spot.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::ambiguity::Ambiguity;
use super::entry::{Data, Entry, EntryKind};
use super::index::{IndexWriter, LayerIndex};
use super::member::Member;
use super::problem::ProblemKind;
use super::tar::TarReader;
use super::tar_error::{MAX_ENTRIES, MAX_WEIGHT, TarError};
use crate::blob::{BlobError, Digest, Pass, ReadAt};
use crate::cache::{CacheDir, Kind, Unpublished, temporary_dir};
use crate::inspect::{self, Binary, Candidate};

/// Executables up to this many bytes are decoded from memory. Two layers are read at a time, so
/// twice this bounds the memory of the first pass.
const MEMORY_LIMIT: u64 = 32 << 20;

/// Of a larger one only so much is looked at. Only holes make a file that large.
const SPOOL_LIMIT: u64 = 1 << 40;

/// Of each kind of ambiguity, so many entries of a layer are reported: some tools write a whole layer in a
/// way that readers understand differently.
const TOLD_LIMIT: u32 = 10;

/// A layer to be read.
pub struct LayerInput {
    /// Its bytes as stored.
    pub source: Arc<dyn ReadAt>,
    /// The digest of the stored bytes, where the image gives one.
    pub digest: Option<Digest>,
    /// The digest of the decoded bytes (diff_id), where that is to be checked.
    pub diff_id: Option<Digest>,
    /// Length of the stored bytes by the descriptor.
    pub size: Option<u64>,
}

/// Why a layer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// Its blob is not what it should be.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Its tar stream is malformed.
    #[error(transparent)]
    Tar(TarError),
    /// What was learned of it cannot be written down.
    #[error(
        "cannot write its index: {0}; free some space, or name another directory with --cache-dir or \
         TMPDIR"
    )]
    Index(#[source] io::Error),
}

/// A layer that has been read.
pub struct Scanned {
    /// What it holds.
    pub index: LayerIndex,
    /// The file that the index is in, to be published.
    pub file: Unpublished,
}

/// Reads a layer from front to back and writes its index. `progress` is told how many stored bytes
/// are read, now and then.
///
/// # Errors
/// If the blob's bytes cannot be read or decoded, are not those of its digest, or are not tar.
pub fn scan(
    input: &LayerInput,
    cache: &CacheDir,
    progress: &mut dyn FnMut(u64),
) -> Result<Scanned, LayerError> {
    if let Some(expected) = input.size
        && expected != input.source.size()
    {
        let actual = input.source.size();
        return Err(BlobError::Size { expected, actual }.into());
    }
    let pass = Pass::new(
        input.source.clone(),
        input.digest.clone(),
        input.diff_id.clone(),
        cache.create(Kind::Layer).map_err(LayerError::Index)?,
    )?;
    let mut tar = TarReader::new(pass);
    let mut index = IndexWriter::new();
    let read = read_entries(&mut tar, &mut index, progress);
    let after_end = read.and_then(|()| tar.header_after_end());
    let pass = tar.into_inner();
    let after_end = match after_end {
        Ok(after_end) => after_end,
        Err(error) => return Err(explain(pass, error)),
    };
    let result = pass.finish()?;
    let after_end = after_end.map(|at| Ambiguity::HeaderAfterEnd { at });
    let zeros = result.zeros_after_gzip;
    let zeros = zeros.map(|at| Ambiguity::ZerosAfterGzip { at });
    for ambiguity in after_end.into_iter().chain(zeros) {
        let kind = ProblemKind::Ambiguous(ambiguity);
        index.problem(b"", kind).map_err(LayerError::Index)?;
    }
    progress(result.stored_size);
    let (index, file) = index.finish(result).map_err(LayerError::Index)?;
    Ok(Scanned { index, file })
}

thread_local! {
    /// What executables are decoded from. A thread that reads several layers, one after the other,
    /// keeps it: memory that is taken anew has to be made by the kernel, page by page.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reads the tar stream to its end.
fn read_entries(
    tar: &mut TarReader<Pass>,
    index: &mut IndexWriter,
    progress: &mut dyn FnMut(u64),
) -> Result<(), TarError> {
    let mut weight = 0;
    let mut scratch = SCRATCH.take();
    let mut told = HashMap::new();
    while let Some(member) = tar.next()? {
        for ambiguity in tar.take_ambiguities() {
            let times = told.entry(ambiguity.kind()).or_insert(0);
            *times += 1;
            if *times <= TOLD_LIMIT {
                index.problem(&member.path, ProblemKind::Ambiguous(ambiguity))?;
            }
        }
        weight += member.weight();
        if weight > MAX_WEIGHT || index.count() > MAX_ENTRIES {
            return Err(TarError::TooMuch);
        }
        match entry(tar, member, &mut scratch)? {
            Err((path, kind)) => index.problem(&path, kind)?,
            Ok((entry, binary)) => {
                if binary == Err(Truncated) {
                    index.problem(&entry.path, ProblemKind::TruncatedBinary)?;
                }
                index.entry(&entry, binary.ok().flatten().as_ref())?;
            }
        }
        progress(tar.get_ref().stored_position());
    }
    SCRATCH.set(scratch);
    Ok(())
}

/// The better of two errors: if the blob is not the one that its digest names, that is the cause.
fn explain(pass: Pass, error: TarError) -> LayerError {
    let io = match error {
        TarError::Io(io) => io,
        other => {
            // The digest has the last word on whether these bytes are the layer at all.
            return match pass.finish() {
                Err(cause @ BlobError::Digest { .. }) => cause.into(),
                _ => LayerError::Tar(other),
            };
        }
    };
    match BlobError::from_io(io) {
        Ok(blob) => pass.explain(blob).into(),
        Err(io) => LayerError::Tar(TarError::Io(io)),
    }
}

type Rejected = (Vec<u8>, ProblemKind);

/// A file that begins like an executable and ends in its header.
#[derive(Debug, PartialEq, Eq)]
struct Truncated;

type Found = Result<Option<Binary>, Truncated>;

/// Makes the entry of a tar member, or says why it makes none.
fn entry(
    tar: &mut TarReader<Pass>,
    member: Member,
    scratch: &mut Vec<u8>,
) -> io::Result<Result<(Entry, Found), Rejected>> {
    let (major, minor) = member.device;
    let kind = match member.type_flag {
        b'0' | b'S' => EntryKind::Regular,
        b'1' => EntryKind::HardLink(member.link.into()),
        b'2' => EntryKind::Symlink(member.link.into()),
        b'3' => EntryKind::CharDevice(major, minor),
        b'4' => EntryKind::BlockDevice(major, minor),
        b'5' | b'D' => EntryKind::Directory,
        b'6' => EntryKind::Fifo,
        flag => return Ok(Err((member.path, ProblemKind::UnknownType(flag)))),
    };
    let found = match kind {
        EntryKind::Regular => examine(tar, &member.data, member.size, scratch)?,
        _ => Ok(None),
    };
    let entry = Entry {
        path: member.path.into(),
        kind,
        mode: member.mode,
        uid: member.uid,
        gid: member.gid,
        mtime: member.mtime,
        size: member.size,
        xattrs: member.xattrs,
        data: member.data,
        format: found.as_ref().ok().and_then(|b| Some(b.as_ref()?.format)),
    };
    Ok(Ok((entry, found)))
}

/// Decodes the current file if it is an executable. Its bytes go into `head`, whose memory serves one
/// file after the other: taking it anew for each would cost more than decoding.
fn examine(
    tar: &mut TarReader<Pass>,
    data: &Data,
    size: u64,
    head: &mut Vec<u8>,
) -> io::Result<Found> {
    let mut content = Content::new(tar, data, size);
    // Sizes are claims, but these are small.
    let whole = usize::try_from(size.min(MEMORY_LIMIT)).unwrap_or_default();
    head.clear();
    content.append_to(head, inspect::HEAD_LEN)?;
    let binary = match inspect::detect(head) {
        None if head.starts_with(b"\x7fELF") => return Ok(Err(Truncated)),
        None => return Ok(Ok(None)),
        // A script is told by its first line.
        Some(Candidate::Script) => inspect::inspect(head),
        Some(_) if size <= MEMORY_LIMIT => {
            head.reserve_exact(whole.saturating_sub(head.len()));
            content.append_to(head, whole)?;
            inspect::inspect(head)
        }
        Some(_) => {
            let file: File = tempfile::tempfile_in(temporary_dir())?;
            file.set_len(size.min(SPOOL_LIMIT))?;
            file.write_all_at(head, 0)?;
            content.write_rest(&file, head.len() as u64)?;
            inspect::inspect(&file)
        }
    };
    Ok(Ok(binary))
}

/// The bytes of the current file as a reader of it would see them, holes as zeros.
struct Content<'a> {
    tar: &'a mut TarReader<Pass>,
    extents: &'a [super::entry::Extent],
    sparse: bool,
    position: u64,
    size: u64,
}

impl<'a> Content<'a> {
    fn new(tar: &'a mut TarReader<Pass>, data: &'a Data, size: u64) -> Self {
        let (extents, sparse) = match data {
            Data::Sparse(extents) => (&**extents, true),
            Data::None | Data::Whole(_) => (&[][..], false),
        };
        Self {
            tar,
            extents,
            sparse,
            position: 0,
            size,
        }
    }

    /// Adds at most `limit` bytes to a buffer.
    fn append_to(&mut self, buf: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        if self.sparse {
            self.take(limit as u64).read_to_end(buf)?;
            return Ok(());
        }
        self.tar.append_to(buf, limit)
    }

    /// Writes what follows the first `done` bytes to where it belongs in a file. Holes stay holes: a
    /// small archive may claim any number of them.
    fn write_rest(&mut self, file: &File, done: u64) -> io::Result<()> {
        let mut buf = vec![0; 256 << 10];
        self.position = done;
        while self.position < self.size.min(SPOOL_LIMIT) {
            let (stored, end) = self.stretch();
            if !stored {
                self.position = end;
                continue;
            }
            let at = self.position;
            let n = self.read(&mut buf)?;
            if n == 0 {
                break;
            }
            file.write_all_at(buf.get(..n).unwrap_or_default(), at)?;
            self.position = at + n as u64;
        }
        Ok(())
    }

    /// Whether the bytes from here on are in the archive, and up to where that is so.
    fn stretch(&mut self) -> (bool, u64) {
        if !self.sparse {
            return (true, self.size);
        }
        while let Some(extent) = self.extents.first()
            && extent.offset + extent.len <= self.position
        {
            self.extents = self.extents.get(1..).unwrap_or_default();
        }
        match self.extents.first() {
            Some(e) if e.offset <= self.position => (true, e.offset + e.len),
            Some(e) => (false, e.offset),
            None => (false, self.size),
        }
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.sparse {
            return self.tar.read(buf);
        }
        let (stored, end) = self.stretch();
        let room = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let n = room.min(buf.len());
        let Some(room) = buf.get_mut(..n) else {
            return Ok(0);
        };
        let n = if stored {
            self.tar.read(room)?
        } else {
            room.fill(0);
            n
        };
        self.position += n as u64;
        Ok(n)
    }
}
