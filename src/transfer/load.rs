//! `imgfs load`: brings images from an archive or a layout into the store.

use std::sync::Arc;

use super::choose::WantedPlatforms;
use super::error::TransferError;
use super::origin::{BlobOrigin, Sink, bad_document, digest_of, manifest};
use super::parameters::Transfer;
use super::progress::TransferProgress;
use super::receive_image::TransferredImage;
use crate::blob::{Digest, SpanCache, read_all};
use crate::cache::CacheDir;
use crate::image::{self, Caches, Content, Contents, Reference, Skipped};
use crate::oci::MAX_DOCUMENT;
use crate::store::Store;

/// The size of the pieces in which bytes are passed on.
const PIECE: usize = 512 << 10;

/// Options of [`load`].
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadOptions {
    /// The platforms to load from an image with several. Defaults to all that are present.
    pub wanted: Option<WantedPlatforms>,
    /// The name to give the image. Only valid if the source contains a single image.
    pub name: Option<String>,
    /// The cache directory for indexes.
    pub cache: CacheDir,
}

/// The contents of an archive, as an origin.
struct ArchiveOrigin<'a> {
    contents: &'a Contents,
    name: String,
}

impl BlobOrigin for ArchiveOrigin<'_> {
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
            let detail = format!("has {found} bytes, but its descriptor says {size}");
            return Err(bad_document(self, &name, detail));
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
            // The owner of the sink knows why it failed.
            sink(buf.get(..n).unwrap_or_default()).map_err(|_| TransferError::GivenUp)?;
            at += n as u64;
        }
        Ok(())
    }
}

impl ArchiveOrigin<'_> {
    fn unread(&self, digest: &Digest, error: std::io::Error) -> TransferError {
        TransferError::Io {
            what: format!("{}: {digest}", self.name),
            error,
        }
    }
}

/// The result of [`load`].
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The images that are now in the store.
    pub stored: Vec<TransferredImage>,
    /// Entries that are not images, or that imgfs cannot show.
    pub skipped: Vec<Skipped>,
    /// The errors of images that are not in the store.
    pub failed: Vec<TransferError>,
}

/// Brings the images of an archive into the store, each under the names it has in the archive. An
/// image that cannot be read does not prevent the others from being loaded.
///
/// # Errors
/// If the archive contains no image, or its only image cannot be read.
pub(crate) fn load(
    reference: &Reference,
    store: &Store,
    options: &LoadOptions,
    progress: &dyn TransferProgress,
) -> Result<Loaded, TransferError> {
    // Fail early if the store's names cannot be read.
    store.images()?;
    let spans = Arc::new(SpanCache::new(64 << 20, options.cache.clone()));
    let caches = Caches {
        spans,
        disk: &options.cache,
    };
    let contents = image::contents(reference, &caches)?;
    let origin = ArchiveOrigin {
        contents: &contents,
        name: reference.to_string(),
    };
    if options.name.is_some() && contents.images.len() > 1 {
        let several = "holds several images, which cannot all have one name";
        return Err(bad_document(&origin, "it", several));
    }
    let wanted = options.wanted.clone().unwrap_or(WantedPlatforms::All);
    let transfer = Transfer {
        origin: &origin,
        store,
        cache: &options.cache,
        progress,
        wanted: &wanted,
        attestations: true,
        keep_unreadable: false,
        // All bytes come from one disk. More threads would only compete for the processors.
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let mut loaded = Loaded {
        skipped: contents.skipped.clone(),
        ..Loaded::default()
    };
    for content in &contents.images {
        match load_one(&transfer, content, options.name.as_ref()) {
            Ok((stored, skipped)) => {
                loaded.stored.extend(stored);
                loaded.skipped.extend(skipped);
            }
            // The store is full or cannot be written. The next image would fail too.
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

/// Brings one image into the store and tags it. Returns its entries in the store, and the parts of
/// the image that were skipped.
fn load_one(
    transfer: &Transfer<'_>,
    content: &Content,
    name: Option<&String>,
) -> Result<(Vec<TransferredImage>, Vec<Skipped>), TransferError> {
    let digest = digest_of(transfer.origin, &content.descriptor)?;
    let bytes = manifest(transfer.origin, &digest)?.ok_or_else(|| TransferError::Missing {
        image: transfer.origin.name().to_owned(),
        digest: digest.clone(),
    })?;
    let received = transfer.image(&content.descriptor, bytes)?;
    let names = match name {
        Some(name) => std::slice::from_ref(name),
        None => content.names.as_slice(),
    };
    let mut stored = Vec::new();
    let mut bytes = received.bytes;
    for name in names {
        let image = transfer.store.tag(&received.root, name)?;
        stored.push(TransferredImage { image, bytes });
        bytes = 0;
    }
    if names.is_empty() {
        let image = transfer.store.keep_unnamed(&received.root)?;
        stored.push(TransferredImage { image, bytes });
    }
    Ok((stored, received.skipped))
}
