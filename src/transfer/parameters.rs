//! The parameters of a transfer into the store.

use super::choose::WantedPlatforms;
use super::origin::BlobOrigin;
use super::progress::TransferProgress;
use crate::cache::CacheDir;
use crate::store::Store;

/// The parameters of a transfer into the store.
pub(super) struct Transfer<'a> {
    pub origin: &'a dyn BlobOrigin,
    pub store: &'a Store,
    pub cache: &'a CacheDir,
    pub progress: &'a dyn TransferProgress,
    pub wanted: &'a WantedPlatforms,
    pub attestations: bool,
    /// Whether a layer that cannot be read is stored. The bytes of a registry may be all that there is;
    /// those of an archive are in the archive.
    pub keep_unreadable: bool,
    /// The number of layers to transfer at a time.
    pub threads: usize,
}
