//! The progress of a transfer, for its caller.

use crate::blob::Digest;

/// Reports the progress of the layers. Called from several threads.
pub trait TransferProgress: Sync {
    /// Called with the layers of the image before they are transferred.
    fn start(&self, blobs: &[Blob]) {
        let _ = blobs;
    }

    /// Called when the first `position` bytes of a layer are in the store.
    fn advance(&self, blob: usize, position: u64) {
        let _ = (blob, position);
    }

    /// Called when a layer is complete and verified.
    fn done(&self, blob: usize) {
        let _ = blob;
    }
}

/// Reports nothing.
impl TransferProgress for () {}

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
