//! A layer's index: everything learned in the one pass over the layer, stored in a cache file.
//!
//! The file holds the spans of the blob (written during the pass), the entries in tar stream order, the
//! facts of each executable under the number of its entry, and the problems found in the layer. With an
//! index, the tar stream never has to be read from the front again. Opening an index reads only the few
//! numbers of [`Meta`]; everything else is read in place on demand.

use std::io;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::packed::{Packed, PackedWriter};
use super::{LayerEntry, LayerProblem, ProblemKind};
use crate::blob::{Codec, Digest, PassResult, Span, SpanTable};
use crate::cache::{CacheDir, CacheFile, CacheKey, Schema, SchemaBuilder, Unpublished, Writer};
use crate::inspect::Binary;

// Section ids. 1 and 2 are used for the spans.
const META: u32 = 3;
const ENTRIES: u32 = 4;
const BINARIES: u32 = 6;
const PROBLEMS: u32 = 8;

/// Block size for entries: large, because entries are read all together.
const ENTRY_BLOCK: usize = 64 << 10;
/// Block size for facts: small, because facts are read one by one.
const BINARY_BLOCK: usize = 16 << 10;

/// What the sections hold. The revision is increased if a value changes its meaning but not its type: for
/// instance, if the decoder of a format reports other facts about the same file.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    SchemaBuilder::new(1)
        .stores::<Span>("spans")
        .stores::<Meta>("layer")
        .stores::<LayerEntry>("entries")
        .stores::<Binary>("binaries")
        .stores::<Noted>("problems")
        .build()
});

/// The key of the index of the layer whose blob has this digest.
fn layer_key(digest: &str) -> CacheKey {
    CacheKey::layer(digest).with_schema(&SCHEMA)
}

/// Properties of the layer as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Meta {
    codec: u8,
    stored_size: u64,
    digest: String,
    diff_id: Option<String>,
    entries: u64,
}

/// A problem's path and kind, without the layer number, which differs between images.
type Noted = (serde_bytes::ByteBuf, ProblemKind);

/// The index of a scanned layer.
#[derive(Clone, Debug)]
pub struct LayerIndex {
    file: Arc<CacheFile>,
    codec: Codec,
    meta: Meta,
    digest: Digest,
    diff_id: Option<Digest>,
    binaries: Packed<Binary>,
}

/// Collects the results of a pass.
pub(super) struct IndexWriter {
    entries: PackedWriter<LayerEntry>,
    binaries: PackedWriter<Binary>,
    problems: PackedWriter<Noted>,
    entry_count: u64,
    problem_count: u64,
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

impl IndexWriter {
    pub(super) fn new() -> Self {
        Self {
            entries: PackedWriter::new(ENTRY_BLOCK),
            binaries: PackedWriter::new(BINARY_BLOCK),
            problems: PackedWriter::new(ENTRY_BLOCK),
            entry_count: 0,
            problem_count: 0,
        }
    }

    /// Returns the number of entries and problems so far.
    pub(super) fn count(&self) -> u64 {
        self.entry_count + self.problem_count
    }

    pub(super) fn entry(&mut self, entry: &LayerEntry, binary: Option<&Binary>) -> io::Result<()> {
        if let Some(binary) = binary {
            self.binaries.push(self.entry_count, binary)?;
        }
        self.entries.push(self.entry_count, entry)?;
        self.entry_count += 1;
        Ok(())
    }

    pub(super) fn problem(&mut self, path: &[u8], kind: ProblemKind) -> io::Result<()> {
        let noted = (serde_bytes::ByteBuf::from(path), kind);
        self.problems.push(self.problem_count, &noted)?;
        self.problem_count += 1;
        Ok(())
    }

    /// Adds the collected data to `writer`, the cache file to which the pass has written its spans.
    pub(super) fn finish(
        self,
        pass: PassResult,
        mut writer: Writer,
    ) -> io::Result<(LayerIndex, Unpublished)> {
        // The pass over a layer always hashes the stored bytes.
        let digest = pass.digest.ok_or_else(invalid)?;
        let meta = Meta {
            codec: pass.codec as u8,
            stored_size: pass.stored_size,
            digest: digest.to_string(),
            diff_id: pass.diff_id.map(|digest| digest.to_string()),
            entries: self.entry_count,
        };
        let key = layer_key(&meta.digest);
        writer.section(META)?;
        writer.append(&postcard::to_allocvec(&meta).map_err(io::Error::other)?)?;
        self.entries.finish(ENTRIES, &mut writer)?;
        self.binaries.finish(BINARIES, &mut writer)?;
        self.problems.finish(PROBLEMS, &mut writer)?;
        let unpublished = writer.finish(&key)?;
        Ok((LayerIndex::of(unpublished.file.clone())?, unpublished))
    }
}

impl LayerIndex {
    /// Loads the index of the layer whose blob has this digest, if it is in the cache.
    pub fn load(cache: &CacheDir, digest: &Digest) -> Option<Self> {
        let key = layer_key(&digest.to_string());
        let index = Self::of(cache.load(&key)?).ok();
        let index = index.filter(|index| index.digest == *digest);
        if index.is_none() {
            cache.remove(&key);
        }
        index
    }

    fn of(file: Arc<CacheFile>) -> io::Result<Self> {
        let part = file.part(META);
        let meta: Meta = postcard::from_bytes(part.get(0, part.len())).map_err(|_| invalid())?;
        let codec = Codec::from_number(meta.codec).ok_or_else(invalid)?;
        let digest = |text: &str| text.parse().map_err(|_| invalid());
        Ok(Self {
            codec,
            digest: digest(&meta.digest)?,
            diff_id: meta.diff_id.as_deref().map(digest).transpose()?,
            binaries: Packed::new(file.part(BINARIES), file.part(BINARIES + 1)),
            meta,
            file,
        })
    }

    /// Returns the compression of the blob.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Returns the length of the blob as stored, in bytes.
    pub fn stored_size(&self) -> u64 {
        self.meta.stored_size
    }

    /// Returns the verified digest of the blob as stored.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the digest of the decoded layer, if it was computed.
    pub fn diff_id(&self) -> Option<&Digest> {
        self.diff_id.as_ref()
    }

    /// Returns the table of spans, which gives access to the decoded bytes.
    pub fn spans(&self) -> SpanTable {
        SpanTable::of(&self.file)
    }

    /// Returns the number of entries.
    pub fn entry_count(&self) -> u64 {
        self.meta.entries
    }

    /// Returns the entries as shipped, including whiteouts, in the order of the stream.
    pub fn entries(&self) -> impl Iterator<Item = io::Result<LayerEntry>> {
        let list = Packed::new(self.file.part(ENTRIES), self.file.part(ENTRIES + 1));
        list.into_iter().map(|entry| entry.map(|(_, entry)| entry))
    }

    /// Returns the facts of the executable with entry number `number`.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn binary(&self, number: u32) -> io::Result<Option<Binary>> {
        self.binaries.find(number.into())
    }

    /// Returns the problems found in the layer. `number` is the layer's number in the image at hand.
    ///
    /// # Errors
    /// If the index is damaged.
    pub fn problems(&self, number: usize) -> io::Result<Vec<LayerProblem>> {
        let list: Packed<Noted> =
            Packed::new(self.file.part(PROBLEMS), self.file.part(PROBLEMS + 1));
        let problem = |(_, (path, kind)): (u64, Noted)| LayerProblem {
            layer: number,
            path: path.into_vec().into(),
            kind,
        };
        list.into_iter().map(|noted| noted.map(problem)).collect()
    }

    /// Returns whether the cache file was found to be damaged.
    pub fn is_damaged(&self) -> bool {
        self.file.is_damaged()
    }

    /// Removes the cache file if it was found to be damaged. Returns `true` only once.
    pub fn forget_damaged(&self, cache: &CacheDir) -> bool {
        let damaged = self.file.report_damage_once();
        if damaged {
            cache.remove(&layer_key(&self.meta.digest));
        }
        damaged
    }
}
