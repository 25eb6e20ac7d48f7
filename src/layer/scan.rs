//! The one pass over a layer.
//!
//! Tar headers become entries, and the bytes of most files are skipped as they stream past. The first 64
//! KiB of each regular file are examined. If they begin like an executable, the whole file is kept, in
//! memory up to [`MEMORY_LIMIT`] and in a temporary file beyond it, and decoded at once.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::ambiguity::Ambiguity;
use super::entry::{Data, EntryKind, LayerEntry};
use super::index::{IndexWriter, LayerIndex};
use super::member::TarMember;
use super::problem::ProblemKind;
use super::tar::TarReader;
use super::tar_error::{MAX_ENTRIES, MAX_WEIGHT, TarError};
use crate::blob::{BlobError, Digest, Pass, ReadAt};
use crate::cache::{CacheDir, CacheKind, Unpublished, temporary_dir};
use crate::inspect::{self, Binary, Candidate};

/// The maximum size in bytes of an executable that is decoded from memory. Two layers are read at a
/// time, so this memory of the first pass is limited to twice this size.
const MEMORY_LIMIT: u64 = 32 << 20;

/// The maximum number of bytes of a larger file that are examined. Only holes can make a file that
/// large.
const SPOOL_LIMIT: u64 = 1 << 40;

/// The maximum number of entries of a layer that are reported for each kind of ambiguity. Some tools
/// write a whole layer in a way that readers interpret differently.
const MAX_REPORTED: u32 = 10;

/// A layer to be read.
pub struct LayerInput {
    /// The bytes as stored.
    pub source: Arc<dyn ReadAt>,
    /// The digest of the stored bytes, if the image gives one.
    pub digest: Option<Digest>,
    /// The expected digest of the decoded bytes (diff_id), if it is to be checked.
    pub diff_id: Option<Digest>,
    /// Length of the stored bytes according to the descriptor.
    pub size: Option<u64>,
}

/// Why a layer could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The blob cannot be read or decoded, or its size or digest is wrong.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The tar stream is malformed.
    #[error(transparent)]
    Tar(TarError),
    /// The index cannot be written.
    #[error(
        "cannot write its index: {0}; free some space, or name another directory with --cache-dir or \
         TMPDIR"
    )]
    Index(#[source] io::Error),
}

/// A layer that has been scanned.
pub struct Scanned {
    /// The index of the layer.
    pub index: LayerIndex,
    /// The cache file with the index, not published yet.
    pub file: Unpublished,
}

/// Reads a layer from front to back and writes its index. Calls `progress` from time to time with the
/// number of stored bytes read so far.
///
/// # Errors
/// If the blob cannot be read or decoded, does not match its digests or its size, or is not a tar
/// stream, or if the index cannot be written.
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
    let mut writer = cache.create(CacheKind::Layer).map_err(LayerError::Index)?;
    let pass = Pass::new(
        input.source.clone(),
        input.digest.clone(),
        input.diff_id.clone(),
        &mut writer,
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
    let (index, file) = index.finish(result, writer).map_err(LayerError::Index)?;
    Ok(Scanned { index, file })
}

thread_local! {
    /// The buffer from which executables are decoded. It is kept for each thread, because a thread may
    /// read several layers and the kernel has to populate newly allocated memory page by page.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Reads the tar stream to its end.
fn read_entries(
    tar: &mut TarReader<Pass<'_>>,
    index: &mut IndexWriter,
    progress: &mut dyn FnMut(u64),
) -> Result<(), TarError> {
    let mut weight = 0;
    let mut scratch = SCRATCH.take();
    let mut reported = HashMap::new();
    while let Some(member) = tar.next()? {
        for ambiguity in tar.take_ambiguities() {
            let times = reported.entry(ambiguity.kind()).or_insert(0);
            *times += 1;
            if *times <= MAX_REPORTED {
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

/// Chooses the more helpful of two errors: if the blob cannot be decoded or does not match its digest,
/// that is the cause.
fn explain(mut pass: Pass<'_>, error: TarError) -> LayerError {
    if let Some(cause) = pass.take_error() {
        return pass.explain(cause).into();
    }
    if matches!(error, TarError::Io(_)) {
        return LayerError::Tar(error);
    }
    // A digest mismatch explains why the bytes are not a valid tar stream.
    match pass.finish() {
        Err(cause @ BlobError::Digest { .. }) => cause.into(),
        _ => LayerError::Tar(error),
    }
}

type Rejected = (Vec<u8>, ProblemKind);

/// The error for a file that begins like an executable and ends inside its header.
#[derive(Debug, PartialEq, Eq)]
struct Truncated;

type DecodedBinary = Result<Option<Binary>, Truncated>;

/// Converts a tar member to an entry, or returns the problem for which it is left out.
fn entry(
    tar: &mut TarReader<Pass<'_>>,
    member: TarMember,
    scratch: &mut Vec<u8>,
) -> io::Result<Result<(LayerEntry, DecodedBinary), Rejected>> {
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
    let entry = LayerEntry {
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

/// Decodes the current file if it is an executable. Its bytes are read into `head`, whose memory is
/// reused between files: allocating it for each file would cost more than the decoding.
fn examine(
    tar: &mut TarReader<Pass<'_>>,
    data: &Data,
    size: u64,
    head: &mut Vec<u8>,
) -> io::Result<DecodedBinary> {
    let mut content = Content::new(tar, data, size);
    // A size is only claimed by the archive, but at most `MEMORY_LIMIT` is used here.
    let whole = usize::try_from(size.min(MEMORY_LIMIT)).unwrap_or_default();
    head.clear();
    content.append_to(head, inspect::HEAD_LEN)?;
    let binary = match inspect::detect(head) {
        None if head.starts_with(b"\x7fELF") => return Ok(Err(Truncated)),
        None => return Ok(Ok(None)),
        // The first line is enough to recognize a script.
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

/// The content of the current file as a program would read it, with holes as zeros.
struct Content<'a, 'w> {
    tar: &'a mut TarReader<Pass<'w>>,
    extents: &'a [super::entry::Extent],
    sparse: bool,
    position: u64,
    size: u64,
}

impl<'a, 'w> Content<'a, 'w> {
    fn new(tar: &'a mut TarReader<Pass<'w>>, data: &'a Data, size: u64) -> Self {
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

    /// Appends at most `limit` bytes to a buffer.
    fn append_to(&mut self, buf: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        if self.sparse {
            self.take(limit as u64).read_to_end(buf)?;
            return Ok(());
        }
        self.tar.append_to(buf, limit)
    }

    /// Writes the content after the first `done` bytes to its place in a file. Holes are not written,
    /// because a small archive may claim holes of any length.
    fn write_rest(&mut self, file: &File, done: u64) -> io::Result<()> {
        let mut buf = vec![0; 256 << 10];
        self.position = done;
        while self.position < self.size.min(SPOOL_LIMIT) {
            let (stored, end) = self.current_range();
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

    /// Returns whether the bytes at the current position are stored in the archive, and where this range
    /// ends.
    fn current_range(&mut self) -> (bool, u64) {
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

impl Read for Content<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.sparse {
            return self.tar.read(buf);
        }
        let (stored, end) = self.current_range();
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
