//! Receives one blob: writes, hashes and indexes it at the same time.
//!
//! One thread receives the bytes and writes them to a file. Another reads the file as it grows,
//! hashes it, and decodes it as the first mount would. When the last byte has arrived, the digest
//! of the blob is known, and so is everything that a mount needs to know about the layer.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::TransferError;
use super::bring::Bring;
use super::growing::{Ending, Growing};
use super::origin::TIMES;
use crate::blob::{self, BlobError, Digest, FileSource, ReadAt};
use crate::layer::{self, LayerError, LayerIndex, LayerInput, Scanned, VerifiedDigests};
use crate::registry::RegistryError;
use crate::store::{Arrival, Lease, StoreError, Wanted};

/// A blob to be fetched.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes, according to its descriptor.
    pub size: u64,
    /// What it is, for messages, for example `layer 3`.
    pub what: String,
    /// Whether the blob is a layer, which can be indexed.
    pub(super) is_layer: bool,
}

/// Ensures that a blob is in the store. Returns the blob, locked, and the number of bytes that had
/// to be received.
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
                    "{}: it is damaged in the store, and is fetched again",
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
                    "{}: {} {} does not match its digest (the bytes hash to {digest}), and is fetched \
                     again",
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
    /// The received bytes have this digest instead of the expected one.
    Wrong(Digest),
    Other(Box<TransferError>),
}

impl<E: Into<TransferError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Other(Box::new(error.into()))
    }
}

/// Receives the missing part of a blob, and reads the whole blob meanwhile.
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
        // Decode on this thread and not on a new one: this thread reads other layers too, and
        // reuses its memory.
        let read = catch_unwind(AssertUnwindSafe(|| match known {
            true => hash(source, &blob.digest).map(|()| None),
            false => scan(source, blob, bring),
        }));
        // The panic hook has printed the location.
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
        // The rest is still being read at this time.
        (Ok(()), _) => Ok(arrival.sync()?),
        // The store's own error is more precise than the one that came back through the origin.
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

/// Reads a layer as the first mount would. A layer that cannot be decoded is kept if its digest is
/// right, because it is what the image contains. A mount reports what is wrong with it.
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

/// Whether a blob in the store is intact. Its digest was verified when it was received, so it is
/// hashed only if its file has been modified since then, or if another program wrote it.
fn is_sound(
    bring: &Bring<'_>,
    blob: &Blob,
    lease: &Lease,
    number: usize,
) -> Result<bool, TransferError> {
    let source = source_of(lease)?;
    let mut verified = VerifiedDigests::new(bring.cache);
    let place = source.file_range();
    if place.and_then(|place| verified.digest(&place)).as_ref() == Some(&blob.digest) {
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

/// Writes what was learned to the cache. If that fails, the next mount has to do the work again;
/// this command is not affected.
fn keep(bring: &Bring<'_>, blob: &Blob, lease: &Lease, scanned: Option<Scanned>) {
    if let Some(scanned) = scanned
        && let Err(error) = scanned.file.publish()
    {
        tracing::warn!("the index of layer {} is not cached: {error}", blob.digest);
        return;
    }
    remember(bring, blob, lease);
}

/// Records that a blob's file has the right bytes. Unlike other files, the file does not have to be
/// settled: no other process had it open for writing, and its name is the digest of its content.
fn remember(bring: &Bring<'_>, blob: &Blob, lease: &Lease) {
    let remembered = source_of(lease).map(|source| {
        let mut verified = VerifiedDigests::new(bring.cache);
        if let Some(place) = source.file_range() {
            verified.add(&place, &blob.digest);
        }
        verified.save()
    });
    if let Ok(Err(error)) = remembered {
        tracing::warn!(
            "{}: its verification is not remembered: {error}",
            blob.digest
        );
    }
}

fn source_of(lease: &Lease) -> Result<Arc<dyn ReadAt>, TransferError> {
    let source = lease.file().try_clone().and_then(FileSource::new);
    Ok(Arc::new(source.map_err(StoreError::from)?))
}
