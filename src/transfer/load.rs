//! `imgfs load`: out of an archive or a layout.

use std::sync::Arc;

use super::bring::Bring;
use super::choose::Wanted;
use super::origin::{Origin, Sink, digest_of, manifest};
use super::{Progress, Stored, TransferError};
use crate::blob::{Digest, SpanCache, read_all};
use crate::cache::CacheDir;
use crate::image::{self, Caches, Content, Contents, Reference, Skipped};
use crate::oci::MAX_DOCUMENT;
use crate::store::Store;

/// Bytes are handed over in pieces of this size.
const PIECE: usize = 512 << 10;

/// How to load.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Which platforms of an image for several. Without one, all that are there.
    pub wanted: Option<Wanted>,
    /// What to call it, if it is one image.
    pub name: Option<String>,
    /// Where indexes are kept.
    pub cache: CacheDir,
}

/// What lies in an archive.
struct Archive<'a> {
    contents: &'a Contents,
    name: String,
}

impl Origin for Archive<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TransferError> {
        let Some(source) = self.contents.blob(digest)? else {
            return Ok(None);
        };
        let read = read_all(&*source, MAX_DOCUMENT);
        Ok(Some(read.map_err(|error| self.unread(digest, error))?))
    }

    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        from: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), TransferError> {
        let Some(source) = self.contents.blob(digest)? else {
            return Err(TransferError::Missing {
                image: self.name.clone(),
                digest: digest.clone(),
            });
        };
        if source.size() != size {
            let (name, found) = (format!("blob {digest}"), source.size());
            let detail = format!("has {found} bytes where its descriptor says {size}");
            return Err(super::origin::bad_document(self, &name, detail));
        }
        let mut buf = vec![0; PIECE];
        let mut at = from;
        while at < size {
            let n = source
                .read_at(&mut buf, at)
                .map_err(|error| self.unread(digest, error))?;
            if n == 0 {
                return Err(self.unread(digest, std::io::ErrorKind::UnexpectedEof.into()));
            }
            // Whoever refuses them knows why.
            sink(buf.get(..n).unwrap_or_default()).map_err(|_| TransferError::GivenUp)?;
            at += n as u64;
        }
        Ok(())
    }
}

impl Archive<'_> {
    fn unread(&self, digest: &Digest, error: std::io::Error) -> TransferError {
        TransferError::Io {
            what: format!("{}: {digest}", self.name),
            error,
        }
    }
}

/// What became of the images of an archive.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The images that are in the store now.
    pub stored: Vec<Stored>,
    /// What is not an image, or not one that imgfs can show.
    pub skipped: Vec<Skipped>,
    /// Why other images are not in the store.
    pub failed: Vec<TransferError>,
}

/// Brings the images of an archive into the store, each under the names that it has there. An image that
/// cannot be read does not keep the others from it.
///
/// # Errors
/// If there is no image, or the only one cannot be read.
pub fn load(
    reference: &Reference,
    store: &Store,
    options: &LoadOptions,
    progress: &dyn Progress,
) -> Result<Loaded, TransferError> {
    // A store that cannot take the names is told before anything is brought.
    store.images()?;
    let spans = Arc::new(SpanCache::new(64 << 20, options.cache.clone()));
    let caches = Caches {
        spans,
        disk: &options.cache,
    };
    let contents = image::contents(reference, &caches)?;
    let origin = Archive {
        contents: &contents,
        name: reference.to_string(),
    };
    if options.name.is_some() && contents.images.len() > 1 {
        let several = "holds several images, which cannot all have one name";
        return Err(super::origin::bad_document(&origin, "it", several));
    }
    let wanted = options.wanted.clone().unwrap_or(Wanted::All);
    let bring = Bring {
        origin: &origin,
        store,
        cache: &options.cache,
        progress,
        wanted: &wanted,
        attestations: true,
        keep_unreadable: false,
        // Where all comes from one disk, more would only compete for the processors.
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let mut loaded = Loaded {
        skipped: contents.skipped.clone(),
        ..Loaded::default()
    };
    for content in &contents.images {
        match load_one(&bring, content, options.name.as_ref()) {
            Ok((stored, skipped)) => {
                loaded.stored.extend(stored);
                loaded.skipped.extend(skipped);
            }
            // The store is full, or cannot be written: the next image would not fare better.
            Err(error @ TransferError::Store(_)) => return Err(error),
            Err(error) => loaded.failed.push(error),
        }
    }
    let (skipped, name) = (loaded.skipped.clone(), origin.name.clone());
    let unread = contents.failed.into_iter();
    loaded.failed.splice(0..0, unread.map(TransferError::from));
    match (loaded.stored.is_empty(), loaded.failed.len()) {
        (true, 0) => Err(TransferError::NoImage {
            image: name,
            skipped,
        }),
        (true, 1) => match loaded.failed.pop() {
            Some(error) => Err(error),
            None => Ok(loaded),
        },
        _ => Ok(loaded),
    }
}

/// Brings one image, and gives it its names: those in the store, and what of the image was skipped.
fn load_one(
    bring: &Bring<'_>,
    content: &Content,
    name: Option<&String>,
) -> Result<(Vec<Stored>, Vec<Skipped>), TransferError> {
    let digest = digest_of(bring.origin, &content.descriptor)?;
    let bytes = manifest(bring.origin, &digest)?.ok_or_else(|| TransferError::Missing {
        image: bring.origin.name().to_owned(),
        digest: digest.clone(),
    })?;
    let brought = bring.image(&content.descriptor, bytes)?;
    let names = match name {
        Some(name) => std::slice::from_ref(name),
        None => content.names.as_slice(),
    };
    let mut stored = Vec::new();
    let mut bytes = brought.bytes;
    for name in names {
        let image = bring.store.tag(&brought.root, name)?;
        stored.push(Stored { image, bytes });
        bytes = 0;
    }
    if names.is_empty() {
        let image = bring.store.keep_unnamed(&brought.root)?;
        stored.push(Stored { image, bytes });
    }
    Ok((stored, brought.skipped))
}
