//! One blob arrives: it is written, hashed and indexed at the same time.
//!
//! One thread takes the bytes in and writes them; the other reads the file as it grows, which hashes
//! it, and decodes it as the first mount would. So when the last byte is in, its digest is known, and
//! so is all that a mount wants to know of the layer.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::TransferError;
use super::bring::Bring;
use super::growing::{Ending, Growing};
use super::origin::TIMES;
use crate::blob::{self, BlobError, Digest, FileSource, ReadAt};
use crate::layer::{self, LayerError, LayerIndex, LayerInput, Scanned, Seen};
use crate::registry::RegistryError;
use crate::store::{Arrival, Lease, StoreError, Wanted};

/// A blob that is wanted.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes, by its descriptor.
    pub size: u64,
    /// `layer 3`, for messages.
    pub what: String,
    /// Whether there is something to index in it.
    pub(super) is_layer: bool,
}

/// Sees to it that a blob is in the store; tells how many bytes came for that.
pub(super) fn arrive(
    bring: &Bring<'_>,
    blob: &Blob,
    number: usize,
    given_up: &AtomicBool,
) -> Result<(Lease, u64), TransferError> {
    let mut came = 0;
    let mut actual = None;
    for _ in 0..TIMES {
        let mut arrival = match bring.store.want(&blob.digest, blob.size)? {
            Wanted::Here(lease) => {
                if is_sound(bring, blob, &lease, number)? {
                    return Ok((lease, came));
                }
                tracing::warn!(
                    "{}: it is damaged in the store; it is brought again",
                    blob.digest
                );
                bring.store.discard(&blob.digest, lease)?;
                continue;
            }
            Wanted::Missing(arrival) => arrival,
        };
        if !arrival.is_empty() {
            tracing::info!("{}: {} bytes are there already", blob.digest, arrival.len());
        }
        let before = arrival.len();
        let arrived = take_in(bring, blob, number, &mut arrival, given_up);
        came += arrival.len().saturating_sub(before);
        match arrived {
            Ok(scanned) => {
                let lease = arrival.finish()?;
                keep(bring, blob, &lease, scanned);
                return Ok((lease, came));
            }
            Err(Failed::Wrong(digest)) => {
                tracing::warn!(
                    "{}: {} {} arrived with other bytes ({digest}); it is brought again",
                    bring.origin.name(),
                    blob.what,
                    blob.digest
                );
                arrival.restart()?;
                bring.origin.was_wrong();
                actual = Some(digest);
            }
            Err(Failed::Other(error)) => return Err(*error),
        }
    }
    Err(TransferError::Digest {
        image: bring.origin.name().to_owned(),
        what: blob.what.clone(),
        expected: blob.digest.clone(),
        actual: actual.unwrap_or_else(|| blob.digest.clone()),
        times: TIMES,
    })
}

enum Failed {
    /// What arrived has another digest.
    Wrong(Digest),
    Other(Box<TransferError>),
}

impl<E: Into<TransferError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Other(Box::new(error.into()))
    }
}

/// Takes in what is missing of a blob, and reads all of it meanwhile.
fn take_in(
    bring: &Bring<'_>,
    blob: &Blob,
    number: usize,
    arrival: &mut Arrival,
    given_up: &AtomicBool,
) -> Result<Option<Scanned>, Failed> {
    let growing = Arc::new(Growing::new(arrival.file(), blob.size, arrival.len()));
    let known = !blob.is_layer || LayerIndex::load(bring.cache, &blob.digest).is_some();
    std::thread::scope(|scope| {
        let source: Arc<dyn ReadAt> = growing.clone();
        let bringer = scope.spawn(|| {
            let _ending = Ending(&growing);
            bring_bytes(bring, blob, number, arrival, &growing, given_up)
        });
        // Here and not in a thread of its own: this one reads other layers too, and keeps its memory.
        let read = catch_unwind(AssertUnwindSafe(|| match known {
            true => hash(source, &blob.digest).map(|()| None),
            false => scan(source, blob, bring),
        }));
        // The panic hook has printed where.
        let panicked = || io::Error::other("a thread panicked; please report this");
        match (bringer.join(), read) {
            (Ok(Err(error)), _) => Err(error.into()),
            (Ok(Ok(())), Ok(read)) => read,
            _ => Err(io_failed(blob, panicked())),
        }
    })
}

fn bring_bytes(
    bring: &Bring<'_>,
    blob: &Blob,
    number: usize,
    arrival: &mut Arrival,
    growing: &Growing,
    given_up: &AtomicBool,
) -> Result<(), TransferError> {
    let mut refused = None;
    let from = arrival.len();
    bring.progress.advance(number, from);
    let mut sink = |bytes: &[u8]| {
        if given_up.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if let Err(error) = arrival.append(bytes) {
            refused = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        growing.grow(arrival.len());
        bring.progress.advance(number, arrival.len());
        Ok(())
    };
    let brought = match from == blob.size {
        true => Ok(()),
        false => bring.origin.blob(&blob.digest, blob.size, from, &mut sink),
    };
    match (brought, refused) {
        // The rest is still being read.
        (Ok(()), _) => Ok(arrival.sync()?),
        // The store's own error says more than what came back through the origin.
        (Err(_), Some(error)) => Err(error.into()),
        (Err(TransferError::Registry(RegistryError::Sink(_))), None) => Err(TransferError::GivenUp),
        (other, _) => other,
    }
}

fn hash(source: Arc<dyn ReadAt>, digest: &Digest) -> Result<(), Failed> {
    match blob::verify(source, digest, &mut |_| ()) {
        Ok(()) => Ok(()),
        Err(BlobError::Digest { actual, .. }) => Err(Failed::Wrong(actual)),
        Err(error) => Err(unreadable(digest, &error)),
    }
}

/// Reads a layer as the first mount would. One that cannot be decoded is kept nevertheless, if its
/// digest is right: that is what its image has, and a mount says what is wrong with it.
fn scan(
    source: Arc<dyn ReadAt>,
    blob: &Blob,
    bring: &Bring<'_>,
) -> Result<Option<Scanned>, Failed> {
    let input = LayerInput {
        source: source.clone(),
        digest: Some(blob.digest.clone()),
        diff_id: None,
        size: Some(blob.size),
    };
    match layer::scan(&input, bring.cache, &mut |_| ()) {
        Ok(scanned) => Ok(Some(scanned)),
        Err(LayerError::Blob(BlobError::Digest { actual, .. })) => Err(Failed::Wrong(actual)),
        Err(error) => {
            tracing::info!("{}: not indexed: {error}", blob.digest);
            hash(source, &blob.digest)?;
            match bring.keep_unreadable {
                true => Ok(None),
                false => Err(Failed::from(TransferError::UnreadableLayer {
                    image: bring.origin.name().to_owned(),
                    what: blob.what.clone(),
                    error: Box::new(error),
                })),
            }
        }
    }
}

fn unreadable(digest: &Digest, error: &BlobError) -> Failed {
    Failed::from(TransferError::Io {
        what: digest.to_string(),
        error: io::Error::other(error.to_string()),
    })
}

fn io_failed(blob: &Blob, error: io::Error) -> Failed {
    Failed::from(TransferError::Io {
        what: blob.digest.to_string(),
        error,
    })
}

/// Whether a blob that is in the store is what it should be. It was when it came; it is hashed only if
/// somebody wrote to its file since, or another program brought it.
fn is_sound(
    bring: &Bring<'_>,
    blob: &Blob,
    lease: &Lease,
    number: usize,
) -> Result<bool, TransferError> {
    let source = source_of(lease)?;
    let mut seen = Seen::new(bring.cache);
    let place = source.place();
    if place.and_then(|place| seen.digest(&place)).as_ref() == Some(&blob.digest) {
        return Ok(true);
    }
    let mut progress = |n| bring.progress.advance(number, n);
    match blob::verify(source, &blob.digest, &mut progress) {
        Ok(()) => {
            remember(bring, blob, lease);
            Ok(true)
        }
        Err(BlobError::Digest { .. }) => Ok(false),
        Err(error) => Err(TransferError::Io {
            what: blob.digest.to_string(),
            error: io::Error::other(error.to_string()),
        }),
    }
}

/// Keeps what was learned. That this fails costs the next mount its time, and this nothing.
fn keep(bring: &Bring<'_>, blob: &Blob, lease: &Lease, scanned: Option<Scanned>) {
    if let Some(scanned) = scanned
        && let Err(error) = scanned.file.publish()
    {
        tracing::warn!("the index of layer {} is not kept: {error}", blob.digest);
        return;
    }
    remember(bring, blob, lease);
}

/// Remembers that a blob's file has the right bytes. It need not have settled, as files elsewhere must:
/// nobody but this process had it open for writing, and its name is that of its content.
fn remember(bring: &Bring<'_>, blob: &Blob, lease: &Lease) {
    let remembered = source_of(lease).map(|source| {
        let mut seen = Seen::new(bring.cache);
        if let Some(place) = source.place() {
            seen.add(&place, &blob.digest);
        }
        seen.save()
    });
    if let Ok(Err(error)) = remembered {
        tracing::warn!("{}: not remembered: {error}", blob.digest);
    }
}

fn source_of(lease: &Lease) -> Result<Arc<dyn ReadAt>, TransferError> {
    let source = lease.file().try_clone().and_then(FileSource::new);
    Ok(Arc::new(source.map_err(StoreError::from)?))
}
