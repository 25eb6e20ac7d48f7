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

// With all features, `pub` means a part of the API or of `internals`.
#![cfg_attr(all(feature = "fuse", feature = "registry"), warn(unreachable_pub))]

mod api;
mod background;
mod blob;
mod cache;
mod cli;
mod document;
mod findings;
#[cfg(feature = "fuse")]
mod fuse;
mod host;
mod image;
mod inspect;
#[doc(hidden)]
pub mod internals;
mod launch;
mod layer;
#[cfg(test)]
#[path = "../tests/support/needs.rs"]
mod needs;
mod oci;
mod open;
mod private;
mod query;
#[cfg(feature = "registry")]
mod registry;
mod store;
mod transfer;
mod tree;
mod view;
mod workers;

pub use api::{
    Entry, Error, ErrorKind, Facts, File, Finding, Hidden, Image, ImageConfig, ImageName, Layer,
    Metadata, OpenOptions, Platform, Result, Store, StoredImage, Walk, inspect, open,
};
#[cfg(feature = "fuse")]
pub use api::{Mount, MountOptions, unmount};
#[cfg(feature = "registry")]
pub use api::{PullOptions, pull};
#[doc(hidden)]
pub use cli::main as command_line;
pub use findings::Level;
#[cfg(feature = "fuse")]
pub use fuse::Unmounted;
pub use inspect::{BinaryKind, Format, Libc, Linkage};
pub use view::{FileType, RemovalKind, Sidecars, Value as FactValue};
