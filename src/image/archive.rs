//! An image archive: a tar with the files of an image, either plain or compressed with gzip, zstd or xz.
//!
//! A plain tar on disk is skimmed: its headers are read, and the contents of members are skipped by
//! seeking. A compressed archive is decoded once to find its spans, through which members are then read.
//! The spans and the list of members are kept in the cache under the identity of the file. An archive
//! from a pipe is first written to an unnamed temporary file.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::caches::Caches;
use super::error::ImageError;
use super::reference::Reference;
use crate::blob::{
    BlobError, Bytes, Codec, FileSource, Pass, ReadAt, SequentialReader, SourcePart, Span,
    SpanReader, SpanTable,
};
use crate::cache::{
    CacheFile, CacheKey, CacheKind, Identity, Schema, SchemaBuilder, temporary_dir,
};

/// The id of the section with the archive's members. It follows the sections of the spans.
const MEMBERS: u32 = 3;

/// What the sections hold. The revision is increased if a value changes its meaning but not its type.
pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    SchemaBuilder::new(1)
        .stores::<Span>("spans")
        .stores::<(Members, BTreeSet<String>)>("members")
        .build()
});

/// The key of the members of an archive in the file with this identity.
fn archive_key(file: &Identity) -> CacheKey {
    CacheKey::archive(file).with_schema(&SCHEMA)
}

/// The maximum number of members. Image archives have only a few files for each layer.
const MAX_MEMBERS: usize = 100_000;

/// The maximum length in bytes of a single document of a compressed archive that is kept with the list
/// of members, and of all of them together.
const DOCUMENT_LEN: u64 = 64 << 10;
const DOCUMENTS_LEN: u64 = 4 << 20;

/// The maximum number of links that are followed for one path. `docker save` writes one level of links.
const MAX_LINKS: usize = 8;

/// An opened archive.
pub(crate) struct Archive {
    source: Arc<dyn ReadAt>,
    members: Members,
    /// Paths that occur more than once. Most readers use the last member with the path.
    twice: BTreeSet<String>,
    /// Why the part after the listed members cannot be read. Always `None` if the archive was found in
    /// the cache.
    damage: Option<ImageError>,
}

/// The result of reading an archive.
#[derive(Default)]
struct Listing {
    members: Members,
    twice: BTreeSet<String>,
    damage: Option<ImageError>,
}

#[derive(Serialize, Deserialize)]
enum ArchiveMember {
    File {
        at: u64,
        size: u64,
        /// The content, kept for documents in a compressed archive: reading it from there would decode
        /// the data around it.
        bytes: Option<Vec<u8>>,
    },
    /// A link to another path of the archive: old versions of `docker save` write each shared layer
    /// once.
    Link(String),
}

impl Archive {
    /// Reads an archive from a stream that is not seekable.
    pub(crate) fn from_stream(
        reference: &Reference,
        mut stream: impl Read,
        caches: &Caches<'_>,
    ) -> Result<Self, ImageError> {
        let io = |error: io::Error| ImageError::Io {
            image: reference.to_string(),
            error,
        };
        let dir = temporary_dir();
        let mut spool = || -> io::Result<FileSource> {
            let mut file: File = tempfile::tempfile_in(&dir)?;
            if io::copy(&mut stream, &mut file)? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "no data arrived; did the command before the pipe fail?",
                ));
            }
            FileSource::new(file)
        };
        Self::open(reference, Arc::new(spool().map_err(io)?), caches)
    }

    /// Opens an archive.
    pub(crate) fn open(
        reference: &Reference,
        source: Arc<dyn ReadAt>,
        caches: &Caches<'_>,
    ) -> Result<Self, ImageError> {
        let image = reference.to_string();
        let mut head = [0; 512];
        let io = |error| ImageError::Io {
            image: image.clone(),
            error,
        };
        let mut filled = 0;
        while let Some(room) = head.get_mut(filled..).filter(|r| !r.is_empty()) {
            match source.read_at(room, filled as u64).map_err(io)? {
                0 => break,
                n => filled += n,
            }
        }
        let codec = Codec::sniff(head.get(..filled).unwrap_or_default());
        let codec = codec.map_err(|name| ImageError::Archive {
            image: image.clone(),
            error: BlobError::Unsupported(name),
        })?;
        if codec == Codec::Plain {
            let mut tar = tar::Archive::new(SequentialReader::new(source.clone()));
            let entries = tar.entries_with_seek().map_err(io)?;
            let listing = collect(&image, entries, source.size(), 0)?;
            return Ok(Self {
                source,
                members: listing.members,
                twice: listing.twice,
                damage: listing.damage,
            });
        }
        Self::open_compressed(&image, source, caches)
    }

    fn open_compressed(
        image: &str,
        source: Arc<dyn ReadAt>,
        caches: &Caches<'_>,
    ) -> Result<Self, ImageError> {
        let failed = |error| ImageError::Io {
            image: image.to_owned(),
            error,
        };
        let archive = |error| ImageError::Archive {
            image: image.to_owned(),
            error,
        };
        let reader = |source, file: &Arc<CacheFile>| {
            let spans = SpanTable::of(file);
            Arc::new(SpanReader::new(source, spans, caches.spans.clone()))
        };
        let place = source.file_range().filter(|place| place.file.is_settled());
        if let Some(place) = &place
            && let Some(file) = caches.disk.load(&archive_key(&place.file))
        {
            let part = file.part(MEMBERS);
            if let Ok((members, twice)) = postcard::from_bytes(part.get(0, part.len())) {
                return Ok(Self {
                    source: reader(source, &file),
                    members,
                    twice,
                    damage: None,
                });
            }
        }
        let mut writer = caches.disk.create(CacheKind::Archive).map_err(failed)?;
        let mut pass = Pass::over_archive(source.clone(), &mut writer).map_err(archive)?;
        let listing = {
            let mut tar = tar::Archive::new(&mut pass);
            let entries = tar.entries().map_err(failed)?;
            collect(image, entries, u64::MAX, DOCUMENTS_LEN)
        };
        // If the data cannot be decoded, that is why the tar reader failed.
        if let Some(error) = pass.take_error() {
            return Err(archive(error));
        }
        let listing = listing?;
        // The spans of an archive that cannot be decoded to its end are incomplete.
        if let Some(damage) = listing.damage {
            return Err(damage);
        }
        let listed = (listing.members, listing.twice);
        pass.finish().map_err(archive)?;
        let mut write = || -> io::Result<_> {
            writer.section(MEMBERS)?;
            writer.append(&postcard::to_allocvec(&listed).map_err(io::Error::other)?)?;
            // If the file changed while it was read, the result is not kept.
            let identity = source.file_range().map(|place| place.file);
            let same = place.filter(|place| identity == Some(place.file));
            Ok((same, identity))
        };
        let (same, identity) = write().map_err(failed)?;
        let key = archive_key(&identity.unwrap_or_default());
        let unpublished = writer.finish(&key).map_err(failed)?;
        let source = reader(source, &unpublished.file);
        if same.is_some()
            && let Err(error) = unpublished.publish()
        {
            tracing::warn!("{image}: its index is not cached: {error}");
        }
        let (members, twice) = listed;
        Ok(Self {
            source,
            members,
            twice,
            damage: None,
        })
    }

    /// Takes the error that explains why the part after the listed members cannot be read.
    pub(crate) fn take_damage(&mut self) -> Option<ImageError> {
        self.damage.take()
    }

    /// Returns the paths that occur more than once.
    pub(crate) fn twice(&self) -> &BTreeSet<String> {
        &self.twice
    }

    /// Returns the member with this path.
    pub(crate) fn get(&self, path: &str) -> Option<Arc<dyn ReadAt>> {
        Some(match self.follow(path)?.1 {
            ArchiveMember::File {
                bytes: Some(bytes), ..
            } => Arc::new(Bytes(bytes.as_slice().into())),
            ArchiveMember::File { at, size, .. } => {
                Arc::new(SourcePart::new(self.source.clone(), *at, *size))
            }
            // `follow` has resolved all links.
            ArchiveMember::Link(_) => return None,
        })
    }

    /// Returns the path of the file that a path leads to after links.
    pub(crate) fn real(&self, path: &str) -> Option<&str> {
        Some(self.follow(path)?.0)
    }

    fn follow(&self, path: &str) -> Option<(&str, &ArchiveMember)> {
        let mut path = clean(path)?;
        for _ in 0..MAX_LINKS {
            match self.members.get_key_value(&path)? {
                (_, ArchiveMember::Link(target)) => path.clone_from(target),
                (path, member) => return Some((path, member)),
            }
        }
        None
    }

    /// Returns the path of each member, and its length if it is a file and not a link.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, Option<u64>)> {
        let size = |member: &ArchiveMember| match member {
            ArchiveMember::File { size, .. } => Some(*size),
            ArchiveMember::Link(_) => None,
        };
        self.members.iter().map(move |(p, m)| (p.as_str(), size(m)))
    }
}

type Members = HashMap<String, ArchiveMember>;

/// Records the location of each member in an archive of `len` bytes, and keeps up to `documents` bytes
/// of documents. If the archive is damaged, returns the members before the damage together with the
/// error.
fn collect<R: Read>(
    image: &str,
    entries: tar::Entries<'_, R>,
    len: u64,
    mut documents: u64,
) -> Result<Listing, ImageError> {
    let mut listing = Listing::default();
    let mut last = String::new();
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) if listing.members.is_empty() => {
                return Err(broken(image, error, &last, true));
            }
            Err(error) => {
                listing.damage = Some(broken(image, error, &last, false));
                return Ok(listing);
            }
        };
        let path = entry.path_bytes();
        let Some(path) = std::str::from_utf8(&path).ok().and_then(clean) else {
            continue;
        };
        last.clone_from(&path);
        let kind = entry.header().entry_type();
        let member = if kind.is_file() || kind.is_contiguous() {
            let (at, size) = (entry.raw_file_position(), entry.size());
            if at.checked_add(size).is_none_or(|end| end > len) {
                listing.damage = Some(ImageError::Incomplete {
                    image: image.to_owned(),
                    detail: format!("it ends inside {path}"),
                });
                let bytes = None;
                listing
                    .members
                    .insert(path, ArchiveMember::File { at, size, bytes });
                return Ok(listing);
            }
            let mut bytes = None;
            if size <= DOCUMENT_LEN && size <= documents {
                documents -= size;
                let mut document = Vec::new();
                let read = entry.read_to_end(&mut document);
                read.map_err(|e| broken(image, e, &last, false))?;
                bytes = Some(document);
            }
            ArchiveMember::File { at, size, bytes }
        } else if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name_bytes().unwrap_or_default();
            let target = std::str::from_utf8(&target).unwrap_or_default();
            // A symbolic link is relative to its directory; a hard link is relative to the root of the
            // archive.
            let dir = match path.rsplit_once('/') {
                Some((dir, _)) if kind.is_symlink() => format!("{dir}/"),
                _ => String::new(),
            };
            match clean(&format!("{dir}{target}")) {
                Some(target) => ArchiveMember::Link(target),
                None => continue,
            }
        } else {
            continue;
        };
        if listing.members.insert(path, member).is_some() {
            listing.twice.insert(last.clone());
        }
        if listing.members.len() > MAX_MEMBERS {
            return Err(ImageError::NotAnImage {
                image: image.to_owned(),
                detail: format!("it is a tar of more than {MAX_MEMBERS} files"),
            });
        }
    }
    Ok(listing)
}

/// Converts an error of the tar reader to one that names the cause: a file that is cut off or not an
/// archive at all.
fn broken(image: &str, error: io::Error, last: &str, first: bool) -> ImageError {
    let image = image.to_owned();
    if first {
        return ImageError::NotAnImage {
            image,
            detail: "it is neither a tar archive nor an image layout directory".to_owned(),
        };
    }
    ImageError::Incomplete {
        image,
        detail: format!("it is damaged or cut off after {last} ({error})"),
    }
}

/// Normalizes a path for use as a key: removes `.` and resolves `..`. Returns `None` if the path leads
/// out of the archive.
pub(crate) fn clean(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_between_layers_are_followed() {
        assert_eq!(clean("./a/../b//c").as_deref(), Some("b/c"));
        assert_eq!(clean("../x"), None);
        assert_eq!(
            clean("abc/../def/layer.tar").as_deref(),
            Some("def/layer.tar")
        );
    }
}
