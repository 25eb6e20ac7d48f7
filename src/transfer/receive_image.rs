//! Brings an image into the store: first its documents, then its layers, several at a time.
//!
//! All blobs of the image, new or already present, stay locked until the image has its name. A
//! concurrent prune therefore does not remove them as unreferenced. The name is assigned last.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use oci_spec::image::Descriptor;

use super::choose::{Manifest, Selection, choose};
use super::error::TransferError;
use super::origin::{config, digest_of};
use super::parameters::Transfer;
use super::progress::Blob;
use super::receive_blob::receive_blob;
use crate::blob::Digest;
use crate::image::Skipped;
use crate::oci::is_attestation;
use crate::store::{Lease, StoredImage};
use crate::workers::with_threads;

/// An image that was brought into the store.
#[derive(Clone, Debug)]
pub struct TransferredImage {
    /// The image in the store.
    pub image: StoredImage,
    /// The number of bytes of layers that had to be received.
    #[cfg_attr(not(feature = "registry"), allow(dead_code))]
    pub bytes: u64,
}

/// An image whose blobs are in the store. They are not removed while this value lives.
pub(super) struct ReceivedImage {
    /// The descriptor that the image's name is to refer to.
    pub root: Descriptor,
    /// The number of bytes that were received.
    pub bytes: u64,
    /// Images of the index that imgfs cannot show, which were not transferred.
    pub skipped: Vec<Skipped>,
    _leases: Vec<Lease>,
}

impl Transfer<'_> {
    /// Brings an image into the store. `root` is its descriptor, and `bytes` the document that the
    /// descriptor refers to.
    pub(super) fn image(
        &self,
        root: &Descriptor,
        bytes: Vec<u8>,
    ) -> Result<ReceivedImage, TransferError> {
        let selection = choose(self.origin, root, bytes, self.wanted, self.attestations)?;
        let mut leases = Vec::new();
        for (digest, bytes) in &selection.indexes {
            leases.push(self.store.put(digest, bytes)?);
        }
        for manifest in &selection.manifests {
            leases.push(self.store.put(&manifest.digest, &manifest.bytes)?);
            leases.push(self.config(manifest)?);
        }
        let blobs = self.blobs(&selection)?;
        let bytes = self.layers(blobs, &mut leases)?;
        Ok(ReceivedImage {
            root: selection.root,
            bytes,
            skipped: selection.skipped,
            _leases: leases,
        })
    }

    fn config(&self, manifest: &Manifest) -> Result<Lease, TransferError> {
        let descriptor = manifest.parsed.config();
        let digest = digest_of(self.origin, descriptor)?;
        // `document` fails if the stored config is damaged. It is then fetched again.
        if let Ok(Some(bytes)) = self.store.document(&digest) {
            return Ok(self.store.put(&digest, &bytes)?);
        }
        let bytes = config(self.origin, &digest, descriptor.size())?;
        Ok(self.store.put(&digest, &bytes)?)
    }

    /// Returns the layers of all manifests, each once.
    fn blobs(&self, selection: &Selection) -> Result<Vec<Blob>, TransferError> {
        let mut seen: HashSet<Digest> = HashSet::new();
        let mut blobs = Vec::new();
        for manifest in &selection.manifests {
            let is_layer = !is_attestation(&manifest.descriptor);
            for (number, layer) in manifest.parsed.layers().iter().enumerate() {
                let digest = digest_of(self.origin, layer)?;
                if seen.insert(digest.clone()) {
                    blobs.push(Blob {
                        digest,
                        size: layer.size(),
                        what: format!("layer {number}"),
                        is_layer,
                    });
                }
            }
        }
        Ok(blobs)
    }

    /// Brings all missing layers into the store. Returns the number of bytes that were received. If
    /// one layer fails, the others are abandoned.
    fn layers(&self, blobs: Vec<Blob>, leases: &mut Vec<Lease>) -> Result<u64, TransferError> {
        self.progress.start(&blobs);
        let given_up = AtomicBool::new(false);
        let received = Mutex::new((Vec::new(), 0));
        let failed = Mutex::new(None);
        let mut jobs: Vec<(usize, Blob)> = blobs.into_iter().enumerate().collect();
        // The largest layers first, so that no large layer is left for the end.
        jobs.sort_by_key(|(_, blob)| std::cmp::Reverse(blob.size));
        with_threads(self.threads, jobs, |(number, blob)| {
            match receive_blob(self, &blob, number, &given_up) {
                Ok((lease, bytes)) => {
                    self.progress.done(number);
                    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
                    received.0.push(lease);
                    received.1 += bytes;
                    (true, ())
                }
                Err(error) => {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    // Later errors only say that the other layers were abandoned.
                    if !given_up.swap(true, Ordering::Relaxed) {
                        *failed = Some(error);
                    }
                    (false, ())
                }
            }
        });
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (more, bytes) = received
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        leases.extend(more);
        failed.map_or(Ok(bytes), Err)
    }
}
