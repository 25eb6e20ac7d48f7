//! Brings an image into the store: first its documents, then its layers, several at a time.
//!
//! All blobs of the image, new or already present, stay locked until the image has its name. A
//! concurrent prune therefore does not remove them as unreferenced. The name is assigned last.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use oci_spec::image::Descriptor;

use super::arrive::{self, Blob};
use super::choose::{Chosen, Manifest, Wanted, choose};
use super::origin::{Origin, config, digest_of};
use super::{Progress, TransferError};
use crate::blob::Digest;
use crate::cache::CacheDir;
use crate::image::Skipped;
use crate::oci::is_attestation;
use crate::store::{Lease, Store};
use crate::workers::with_threads;

/// The parameters of a transfer into the store.
pub(super) struct Bring<'a> {
    pub origin: &'a dyn Origin,
    pub store: &'a Store,
    pub cache: &'a CacheDir,
    pub progress: &'a dyn Progress,
    pub wanted: &'a Wanted,
    pub attestations: bool,
    /// Whether a layer that cannot be read is stored. The bytes of a registry may be all that there is;
    /// those of an archive are in the archive.
    pub keep_unreadable: bool,
    /// The number of layers to transfer at a time.
    pub threads: usize,
}

/// An image whose blobs are in the store. They are not removed while this value lives.
pub(super) struct Brought {
    /// The descriptor that the image's name is to refer to.
    pub root: Descriptor,
    /// The number of bytes that were received.
    pub bytes: u64,
    /// Images of the index that imgfs cannot show, which were not transferred.
    pub skipped: Vec<Skipped>,
    _leases: Vec<Lease>,
}

impl Bring<'_> {
    /// Brings an image into the store. `root` is its descriptor, and `bytes` the document that the
    /// descriptor refers to.
    pub(super) fn image(
        &self,
        root: &Descriptor,
        bytes: Vec<u8>,
    ) -> Result<Brought, TransferError> {
        let chosen = choose(self.origin, root, bytes, self.wanted, self.attestations)?;
        let mut leases = Vec::new();
        for (digest, bytes) in &chosen.indexes {
            leases.push(self.store.put(digest, bytes)?);
        }
        for manifest in &chosen.manifests {
            leases.push(self.store.put(&manifest.digest, &manifest.bytes)?);
            leases.push(self.config(manifest)?);
        }
        let blobs = self.blobs(&chosen)?;
        let bytes = self.layers(blobs, &mut leases)?;
        Ok(Brought {
            root: chosen.root,
            bytes,
            skipped: chosen.skipped,
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
    fn blobs(&self, chosen: &Chosen) -> Result<Vec<Blob>, TransferError> {
        let mut seen: HashSet<Digest> = HashSet::new();
        let mut blobs = Vec::new();
        for manifest in &chosen.manifests {
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
        let brought = Mutex::new((Vec::new(), 0));
        let failed = Mutex::new(None);
        let mut jobs: Vec<(usize, Blob)> = blobs.into_iter().enumerate().collect();
        // The largest layers first, so that no large layer is left for the end.
        jobs.sort_by_key(|(_, blob)| std::cmp::Reverse(blob.size));
        with_threads(self.threads, jobs, |(number, blob)| {
            match arrive::arrive(self, &blob, number, &given_up) {
                Ok((lease, bytes)) => {
                    self.progress.done(number);
                    let mut brought = brought.lock().unwrap_or_else(PoisonError::into_inner);
                    brought.0.push(lease);
                    brought.1 += bytes;
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
        let (more, bytes) = brought.into_inner().unwrap_or_else(PoisonError::into_inner);
        leases.extend(more);
        failed.map_or(Ok(bytes), Err)
    }
}
