//! imgfs opens a container image as one merged, read-only tree without unpacking it, says what each
//! executable in it is and what will not run, and can mount the tree.
//!
//! ```
//! # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
//! # let _dir = doc::enter();
//! use imgfs::OpenOptions;
//!
//! fn main() -> imgfs::Result<()> {
//!     let image = imgfs::open(&"app.tar".parse()?, &OpenOptions::new())?;
//!     for entry in image.walk() {
//!         let entry = entry?;
//!         if entry.facts()?.is_some_and(|facts| facts.architecture() == Some("arm64")) {
//!             println!("{}", entry.path().display());
//!         }
//!     }
//!     Ok(())
//! }
//! # main().unwrap();
//! ```
//!
//! # Overview
//!
//! - [`open()`] takes an [`ImageName`] and [`OpenOptions`] and returns an [`Image`]: an archive, an OCI
//!   layout or an image in the store, for one [`Platform`]. It is made of [`Layer`]s.
//! - [`Image::entry`] and [`Image::walk`] return [`Entry`]s: paths, [`Metadata`], link targets, extended
//!   attributes. [`Entry::open`] returns a [`File`], which implements [`Read`](std::io::Read) and
//!   [`Seek`](std::io::Seek).
//! - [`Entry::facts`] returns the [`Facts`] of an executable: its platform, its C library, the libraries
//!   that it needs, the Go module that it was built from. [`inspect()`] returns those of any file.
//! - [`Image::findings`] says what will not run and why. [`Image::hidden`] returns the files that a
//!   later layer removes.
//! - [`Image::mount`] mounts the tree with FUSE.
//! - [`pull()`] copies an image from a registry into a [`Store`].
//!
//! Every operation may fail with an [`Error`], whose [`kind`](Error::kind) is for programs and whose
//! message is for users. No image can make this crate panic or read outside of the image.
//!
//! # Features
//!
//! Both are on by default.
//!
//! - `fuse`: mounting.
//! - `registry`: pulling from registries over HTTPS.

mod api;
mod background;
pub mod blob;
pub mod cache;
mod document;
pub mod findings;
pub mod fuse;
pub mod host;
pub mod image;
pub mod inspect;
pub mod launch;
pub mod layer;
#[cfg(test)]
#[path = "../tests/support/needs.rs"]
mod needs;
mod oci;
pub mod open;
mod private;
pub mod query;
pub mod registry;
pub mod store;
pub mod transfer;
pub mod tree;
pub mod view;
mod workers;

pub use api::{
    Entry, Error, ErrorKind, Facts, File, Finding, Hidden, Image, ImageConfig, ImageName, Layer,
    Metadata, Mount, MountOptions, OpenOptions, Platform, PullOptions, Result, Store, StoredImage,
    Walk, inspect, open, pull, unmount,
};
pub use findings::Level;
pub use fuse::Unmounted;
pub use inspect::{Format, Kind as BinaryKind, Libc, Linkage};
pub use view::{FileType, RemovalKind, Sidecars, Value as FactValue};
