//! An image is brought into the store: documents first, then its layers, several at a time.
//!
//! All that is brought or was there already is locked until the image has its name, so that nobody
//! who makes room meanwhile takes it for unreferenced. The name comes last.

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
use crate::workers::so_many_at_a_time;

/// What is needed to bring an image.
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
    /// How many layers at a time.
    pub threads: usize,
}

/// An image whose blobs are in the store and stay there while this lives.
pub(super) struct Brought {
    /// What its name is to lead to.
    pub root: Descriptor,
    /// So many bytes came.
    pub bytes: u64,
    /// Images of its index that imgfs cannot show, which did not come.
    pub skipped: Vec<Skipped>,
    _leases: Vec<Lease>,
}

impl Bring<'_> {
    /// Brings an image. `root` is its descriptor, and `bytes` what that names.
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
        // One that is there is read all the same where it matters: it may be damaged.
        if let Ok(Some(bytes)) = self.store.document(&digest) {
            return Ok(self.store.put(&digest, &bytes)?);
        }
        let bytes = config(self.origin, &digest, descriptor.size())?;
        Ok(self.store.put(&digest, &bytes)?)
    }

    /// The layers of all manifests, each once.
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

    /// Brings all layers that are not there, and tells how many bytes came. When one cannot be had, the
    /// others are given up too.
    fn layers(&self, blobs: Vec<Blob>, leases: &mut Vec<Lease>) -> Result<u64, TransferError> {
        self.progress.start(&blobs);
        let given_up = AtomicBool::new(false);
        let brought = Mutex::new((Vec::new(), 0));
        let failed = Mutex::new(None);
        let mut jobs: Vec<(usize, Blob)> = blobs.into_iter().enumerate().collect();
        // The largest first, so that none is left over at the end.
        jobs.sort_by_key(|(_, blob)| std::cmp::Reverse(blob.size));
        so_many_at_a_time(self.threads, jobs, |(number, blob)| {
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
                    // What others say after that is only that they were given up.
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
