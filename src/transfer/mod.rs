//! Transfers images into and out of the store: pulls from a registry, loads from an archive, saves
//! to an archive.
//!
//! An image comes from an origin (`origin.rs`), which provides documents and blobs by digest.
//! Registries and archives are origins. Everything else is independent of the origin: the choice of
//! manifests (`choose.rs`), the order of the transfer (`bring.rs`), and the transfer of one blob
//! (`arrive.rs`).
//!
//! Images are written to archives by `save.rs`, and removed by `prune.rs`.

mod arrive;
mod bring;
mod choose;
mod error;
mod growing;
mod load;
mod origin;
mod prune;
mod pull;
mod save;

pub use arrive::Blob;
pub use choose::Wanted;
pub use error::TransferError;
pub use load::{LoadOptions, Loaded, load};
pub use prune::prune;
pub use pull::{PullOptions, pull};
pub use save::{Format, Saved, save};

use crate::store::Named;

/// Reports the progress of the layers. Called from several threads.
pub trait Progress: Sync {
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
impl Progress for () {}

/// An image that was brought into the store.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The image in the store.
    pub image: Named,
    /// The number of bytes of layers that had to be received.
    pub bytes: u64,
}
