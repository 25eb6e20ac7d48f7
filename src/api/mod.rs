//! The public API. Each file has one type or one function; `lib.rs` re-exports them at the root of the
//! crate.
//!
//! The types here wrap those of the internal modules, so that the internal modules can change freely.
//! They have no public fields, and their methods return only public types. [`Image`] is a reference to
//! a shared open image; [`Entry`], [`File`] and [`Layer`] hold such a reference too, so none of them
//! has a lifetime.

mod config;
mod entry;
mod error;
mod facts;
mod file;
mod finding;
mod hidden;
mod image;
mod image_name;
mod inspect;
mod layer;
mod metadata;
#[cfg(feature = "fuse")]
mod mount;
mod open;
mod path;
mod platform;
#[cfg(feature = "registry")]
mod pull;
mod store;
mod walk;

pub use config::ImageConfig;
pub use entry::Entry;
pub use error::{Error, ErrorKind, Result};
pub use facts::Facts;
pub use file::File;
pub use finding::Finding;
pub use hidden::Hidden;
pub use image::Image;
pub use image_name::ImageName;
pub use inspect::inspect;
pub use layer::Layer;
pub use metadata::Metadata;
#[cfg(feature = "fuse")]
pub use mount::{Mount, MountOptions, unmount};
pub use open::{OpenOptions, open};
pub use platform::Platform;
#[cfg(feature = "registry")]
pub use pull::{PullOptions, pull};
pub use store::{Store, StoredImage};
pub use walk::Walk;
