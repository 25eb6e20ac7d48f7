//! The store: the directory that holds pulled and loaded images under their names.
//!
//! It is an ordinary OCI image layout (OCI image-spec, image-layout.md), so skopeo, umoci and crane
//! can read it: `index.json` has a descriptor for each name, and blobs are stored under their
//! digests and shared by all images that use them. The store adds two entries that the layout does
//! not define:
//!
//! | file | contents |
//! |---|---|
//! | `lock` | the lock that serializes changes to the store (`lock.rs`) |
//! | `arriving/` | partial blobs, which the next pull resumes (`arrival.rs`) |
//!
//! **Crash safety.** A blob gets its name only when all of its bytes are on disk and match its
//! digest. `index.json` is written to a temporary file and renamed. A process that ends at any
//! moment therefore leaves either the old or the new state, and partial blobs that the next process
//! resumes. Blobs in use are locked, and [`Store::prune`] skips them.
//!
//! The indexes of layers are not stored here but in the cache, as for images from any other source.

mod arrival;
mod blobs;
mod directory;
mod error;
mod lock;
mod name;
mod names;
mod oci_form;
mod open;
mod prune;
mod reach;
mod usage;

pub use arrival::BlobState;
pub(crate) use arrival::PartialBlob;
pub use blobs::Lease;
pub use directory::Store;
pub(crate) use error::StoreError;
pub(crate) use lock::Lock;
pub(crate) use name::short;
pub(crate) use names::StoredImage;
pub(crate) use names::document_of;
pub(crate) use oci_form::original_of;
pub(crate) use prune::{Pruned, PrunedFile};
pub use reach::BlobRole;
pub(crate) use usage::{ImageUsage, Usage};
