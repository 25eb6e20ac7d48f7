//! Transfers images into and out of the store: pulls from a registry, loads from an archive, saves
//! to an archive.
//!
//! An image comes from an origin (`origin.rs`), which provides documents and blobs by digest.
//! Registries (`pull.rs`) and archives (`load.rs`) are origins. Everything else is independent of the
//! origin: the choice of manifests (`choose.rs`), the order of the transfer (`receive_image.rs`), and
//! the transfer of one blob (`receive_blob.rs`). Only `pull.rs` uses [`registry`](crate::registry).
//!
//! Images are written to archives by `save.rs`, and removed by `prune.rs`.

mod choose;
mod error;
mod growing_file;
mod load;
mod origin;
mod parameters;
mod progress;
mod prune;
#[cfg(feature = "registry")]
mod pull;
mod receive_blob;
mod receive_image;
mod save;

pub(crate) use choose::WantedPlatforms;
pub(crate) use error::TransferError;
pub(crate) use load::{LoadOptions, load};
pub(crate) use progress::{Blob, TransferProgress};
pub(crate) use prune::prune;
#[cfg(feature = "registry")]
pub use pull::{PullOptions, pull};
#[cfg(feature = "registry")]
pub(crate) use receive_image::TransferredImage;
pub(crate) use save::{Format, SaveOptions, save};
