//! Receives one blob: writes, hashes and indexes it at the same time.
//!
//! One thread receives the bytes and writes them to a file. Another reads the file as it grows,
//! hashes it, and decodes it as the first mount would. When the last byte has arrived, the digest
//! of the blob is known, and so is everything that a mount needs to know about the layer.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::TransferError;
use super::growing_file::{EndOnDrop, GrowingFile};
use super::origin::TIMES;
use super::parameters::Transfer;
use super::progress::Blob;
use crate::blob::{self, BlobError, Digest, FileSource, ReadAt};
use crate::layer::{self, LayerError, LayerIndex, LayerInput, Scanned, VerifiedDigests};
use crate::store::{BlobState, Lease, PartialBlob, StoreError};

/// Ensures that a blob is in the store. Returns the blob, locked, and the number of bytes that had
/// to be received.
pub(super) fn receive_blob(
    transfer: &Transfer<'_>,
    blob: &Blob,
    number: usize,
    given_up: &AtomicBool,
) -> Result<(Lease, u64), TransferError> {
    let mut bytes = 0;
    let mut actual = None;
    for _ in 0..TIMES {
        let mut arrival = match transfer.store.want(&blob.digest, blob.size)? {
            BlobState::Here(lease) => {
                if is_intact(transfer, blob, &lease, number)? {
                    return Ok((lease, bytes));
                }
                tracing::warn!(
                    "{}: it is damaged in the store, and is fetched again",
                    blob.digest
                );
                transfer.store.discard(&blob.digest, lease)?;
                continue;
            }
            BlobState::Missing(arrival) => arrival,
        };
        if !arrival.is_empty() {
            tracing::info!("{}: {} bytes are there already", blob.digest, arrival.len());
        }
        let before = arrival.len();
        let received = receive_and_read(transfer, blob, number, &mut arrival, given_up);
        bytes += arrival.len().saturating_sub(before);
        match received {
            Ok(scanned) => {
                let lease = arrival.finish()?;
                keep(transfer, blob, &lease, scanned);
                return Ok((lease, bytes));
            }
            Err(ReceiveError::Wrong(digest)) => {
                tracing::warn!(
                    "{}: {} {} does not match its digest (the bytes hash to {digest}), and is fetched \
                     again",
                    transfer.origin.name(),
                    blob.what,
                    blob.digest
                );
                arrival.restart()?;
                transfer.origin.was_wrong();
                actual = Some(digest);
            }
            Err(ReceiveError::Other(error)) => return Err(*error),
        }
    }
    Err(TransferError::Digest {
        image: transfer.origin.name().to_owned(),
        what: blob.what.clone(),
        expected: blob.digest.clone(),
        actual: actual.unwrap_or_else(|| blob.digest.clone()),
        times: TIMES,
    })
}

enum ReceiveError {
    /// The received bytes have this digest instead of the expected one.
    Wrong(Digest),
    Other(Box<TransferError>),
}

impl<E: Into<TransferError>> From<E> for ReceiveError {
    fn from(error: E) -> Self {
        Self::Other(Box::new(error.into()))
    }
}

/// Receives the missing part of a blob, and reads the whole blob meanwhile.
fn receive_and_read(
    transfer: &Transfer<'_>,
    blob: &Blob,
    number: usize,
    arrival: &mut PartialBlob,
    given_up: &AtomicBool,
) -> Result<Option<Scanned>, ReceiveError> {
    let growing = Arc::new(GrowingFile::new(arrival.file(), blob.size, arrival.len()));
    let known = !blob.is_layer || LayerIndex::load(transfer.cache, &blob.digest).is_some();
    std::thread::scope(|scope| {
        let source: Arc<dyn ReadAt> = growing.clone();
        let receiver = scope.spawn(|| {
            let _ending = EndOnDrop(&growing);
            receive_bytes(transfer, blob, number, arrival, &growing, given_up)
        });
        // Decode on this thread and not on a new one: this thread reads other layers too, and
        // reuses its memory.
        let read = catch_unwind(AssertUnwindSafe(|| match known {
            true => hash(source, &blob.digest).map(|()| None),
            false => scan(source, blob, transfer),
        }));
        // The panic hook has printed the location.
        let panicked = || io::Error::other("a thread panicked; please report this");
        match (receiver.join(), read) {
            (Ok(Err(error)), _) => Err(error.into()),
            (Ok(Ok(())), Ok(read)) => read,
            _ => Err(io_failed(blob, panicked())),
        }
    })
}

fn receive_bytes(
    transfer: &Transfer<'_>,
    blob: &Blob,
    number: usize,
    arrival: &mut PartialBlob,
    growing: &GrowingFile,
    given_up: &AtomicBool,
) -> Result<(), TransferError> {
    let mut refused = None;
    let from = arrival.len();
    transfer.progress.advance(number, from);
    let mut sink = |bytes: &[u8]| {
        if given_up.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if let Err(error) = arrival.append(bytes) {
            refused = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        growing.grow(arrival.len());
        transfer.progress.advance(number, arrival.len());
        Ok(())
    };
    let received = match from == blob.size {
        true => Ok(()),
        false => transfer
            .origin
            .blob(&blob.digest, blob.size, from, &mut sink),
    };
    match (received, refused) {
        // The rest is still being read at this time.
        (Ok(()), _) => Ok(arrival.sync()?),
        // The store's own error is more precise than the one that came back through the origin.
        (Err(_), Some(error)) => Err(error.into()),
        (other, _) => other,
    }
}

fn hash(source: Arc<dyn ReadAt>, digest: &Digest) -> Result<(), ReceiveError> {
    match blob::verify(source, digest, &mut |_| ()) {
        Ok(()) => Ok(()),
        Err(BlobError::Digest { actual, .. }) => Err(ReceiveError::Wrong(actual)),
        Err(error) => Err(unreadable(digest, &error)),
    }
}

/// Reads a layer as the first mount would. A layer that cannot be decoded is kept if its digest is
/// right, because it is what the image contains. A mount reports what is wrong with it.
fn scan(
    source: Arc<dyn ReadAt>,
    blob: &Blob,
    transfer: &Transfer<'_>,
) -> Result<Option<Scanned>, ReceiveError> {
    let input = LayerInput {
        source: source.clone(),
        digest: Some(blob.digest.clone()),
        diff_id: None,
        size: Some(blob.size),
    };
    match layer::scan(&input, transfer.cache, &mut |_| ()) {
        Ok(scanned) => Ok(Some(scanned)),
        Err(LayerError::Blob(BlobError::Digest { actual, .. })) => Err(ReceiveError::Wrong(actual)),
        Err(error) => {
            tracing::info!("{}: not indexed: {error}", blob.digest);
            hash(source, &blob.digest)?;
            match transfer.keep_unreadable {
                true => Ok(None),
                false => Err(ReceiveError::from(TransferError::UnreadableLayer {
                    image: transfer.origin.name().to_owned(),
                    what: blob.what.clone(),
                    error: Box::new(error),
                })),
            }
        }
    }
}

fn unreadable(digest: &Digest, error: &BlobError) -> ReceiveError {
    ReceiveError::from(TransferError::Io {
        what: digest.to_string(),
        error: io::Error::other(error.to_string()),
    })
}

fn io_failed(blob: &Blob, error: io::Error) -> ReceiveError {
    ReceiveError::from(TransferError::Io {
        what: blob.digest.to_string(),
        error,
    })
}

/// Whether a blob in the store is intact. Its digest was verified when it was received, so it is
/// hashed only if its file has been modified since then, or if another program wrote it.
fn is_intact(
    transfer: &Transfer<'_>,
    blob: &Blob,
    lease: &Lease,
    number: usize,
) -> Result<bool, TransferError> {
    let source = source_of(lease)?;
    let mut verified = VerifiedDigests::new(transfer.cache);
    let place = source.file_range();
    if place.and_then(|place| verified.digest(&place)).as_ref() == Some(&blob.digest) {
        return Ok(true);
    }
    let mut progress = |n| transfer.progress.advance(number, n);
    match blob::verify(source, &blob.digest, &mut progress) {
        Ok(()) => {
            remember(transfer, blob, lease);
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
fn keep(transfer: &Transfer<'_>, blob: &Blob, lease: &Lease, scanned: Option<Scanned>) {
    if let Some(scanned) = scanned
        && let Err(error) = scanned.file.publish()
    {
        tracing::warn!("the index of layer {} is not cached: {error}", blob.digest);
        return;
    }
    remember(transfer, blob, lease);
}

/// Records that a blob's file has the right bytes. Unlike other files, the file does not have to be
/// settled: no other process had it open for writing, and its name is the digest of its content.
fn remember(transfer: &Transfer<'_>, blob: &Blob, lease: &Lease) {
    let remembered = source_of(lease).map(|source| {
        let mut verified = VerifiedDigests::new(transfer.cache);
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
