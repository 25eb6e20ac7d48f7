//! Images in and out of the store: pulled from a registry, loaded from an archive, saved as one.
//!
//! What comes in has an origin (`origin.rs`), which knows documents and blobs by their digests; a registry and
//! an archive are two of them, and everything else is the same: what of the image is wanted
//! (`choose.rs`), in which order it comes (`bring.rs`), and how one blob does (`arrive.rs`).
//!
//! What goes out is written by `save.rs`, or taken away by `prune.rs`.

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

/// Is told how far the layers are. Called from several threads.
pub trait Progress: Sync {
    /// These layers are wanted.
    fn start(&self, blobs: &[Blob]) {
        let _ = blobs;
    }

    /// So many bytes of one are there.
    fn advance(&self, blob: usize, position: u64) {
        let _ = (blob, position);
    }

    /// One is there, whole and right.
    fn done(&self, blob: usize) {
        let _ = blob;
    }
}

/// No progress is wanted.
impl Progress for () {}

/// An image that was brought into the store.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The image there.
    pub image: Named,
    /// So many bytes of layers had to be brought.
    pub bytes: u64,
}
