//! Digests of ranges of external files that were verified before, so that an image that has not been
//! written to since then is not hashed again.
//!
//! For each file there is a small cache file, stored under the identity of the file. It lists ranges of
//! the file with the digest of each. A file that changes gets a new identity, for which no digests are
//! known.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry as Slot, HashMap};
use std::io;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::blob::{Digest, FileRange};
use crate::cache::{CacheDir, CacheKey, CacheKind, Identity, Schema, SchemaBuilder};

/// The id of the only section.
const RANGES: u32 = 1;

/// A range of a file: how many times it was decoded, its offset and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct RangeKey {
    depth: u8,
    at: u64,
    len: u64,
}

type RangeDigests = BTreeMap<RangeKey, String>;

/// What the section holds. The revision is increased if a value changes its meaning but not its type.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    SchemaBuilder::new(1)
        .stores::<RangeDigests>("ranges")
        .build()
});

/// The key of the digests that were verified in a file.
fn digests_key(file: &Identity) -> CacheKey {
    CacheKey::verified_digests(file).with_schema(&SCHEMA)
}

/// The known digests of external files.
#[derive(Debug)]
pub(crate) struct VerifiedDigests<'a> {
    cache: &'a CacheDir,
    files: HashMap<Identity, RangeDigests>,
    /// Files with digests that are not yet in the cache.
    new: Vec<Identity>,
}

fn range_key(range: &FileRange) -> RangeKey {
    RangeKey {
        depth: range.depth,
        at: range.at,
        len: range.len,
    }
}

impl<'a> VerifiedDigests<'a> {
    /// Creates the collection of digests that a cache has.
    pub(crate) fn new(cache: &'a CacheDir) -> Self {
        Self {
            cache,
            files: HashMap::new(),
            new: Vec::new(),
        }
    }

    fn file(&mut self, identity: &Identity) -> &mut RangeDigests {
        match self.files.entry(*identity) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(slot) => {
                let file = self.cache.load(&digests_key(identity));
                let read = file.and_then(|file| {
                    let part = file.part(RANGES);
                    postcard::from_bytes(part.get(0, part.len())).ok()
                });
                slot.insert(read.unwrap_or_default())
            }
        }
    }

    /// Returns the digest of a range of bytes, if they were verified and the file has not changed
    /// since.
    pub(crate) fn digest(&mut self, range: &FileRange) -> Option<Digest> {
        let text = self.file(&range.file).get(&range_key(range))?;
        text.parse().ok()
    }

    /// Records the digest of a range of bytes. The bytes must have been read after the range was
    /// determined, and the file must no longer have been changing at that time.
    pub(crate) fn add(&mut self, range: &FileRange, digest: &Digest) {
        let file = self.file(&range.file);
        file.insert(range_key(range), digest.to_string());
        self.new.push(range.file);
    }

    /// Writes the added digests to the cache.
    ///
    /// # Errors
    /// If a cache file cannot be written.
    pub(crate) fn save(mut self) -> io::Result<()> {
        self.new.sort_by_key(|file| (file.dev, file.ino));
        self.new.dedup();
        for identity in &self.new {
            let Some(digests) = self.files.get(identity) else {
                continue;
            };
            let mut writer = self.cache.create(CacheKind::VerifiedDigests)?;
            writer.section(RANGES)?;
            writer.append(&postcard::to_allocvec(digests).map_err(io::Error::other)?)?;
            writer.finish(&digests_key(identity))?.publish()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_to_is_unknown() {
        let temp = tempfile::tempdir().unwrap();
        let cache = CacheDir::open(temp.path()).unwrap();
        let file = Identity {
            dev: 1,
            ino: 2,
            size: 100,
            mtime: (5, 6),
            ctime: (7, 8),
        };
        let place = |at| FileRange {
            file,
            depth: 0,
            at,
            len: 10,
        };
        let digest = |n: u8| -> Digest { format!("sha256:{n:064}").parse().unwrap() };
        let mut verified = VerifiedDigests::new(&cache);
        verified.add(&place(0), &digest(1));
        verified.add(&place(10), &digest(2));
        verified.save().unwrap();
        let mut verified = VerifiedDigests::new(&cache);
        verified.add(&place(20), &digest(3));
        verified.save().unwrap();
        let mut verified = VerifiedDigests::new(&cache);
        for (at, n) in [(0, 1), (10, 2), (20, 3)] {
            assert_eq!(verified.digest(&place(at)), Some(digest(n)));
        }
        assert_eq!(verified.digest(&place(5)), None);
        assert_eq!(
            verified.digest(&FileRange {
                depth: 1,
                ..place(0)
            }),
            None
        );
        for other in [
            Identity { size: 101, ..file },
            Identity {
                mtime: (5, 7),
                ..file
            },
            Identity {
                ctime: (7, 9),
                ..file
            },
            Identity { ino: 3, ..file },
            Identity { dev: 2, ..file },
        ] {
            assert_eq!(
                verified.digest(&FileRange {
                    file: other,
                    ..place(0)
                }),
                None
            );
        }
    }
}
