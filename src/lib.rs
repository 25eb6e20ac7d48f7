//! imgfs mounts a container image as one merged, read-only file system, without unpacking it, in
//! which every executable says what it is.
//!
//! The rooms of the house, from the ground up; each imports only from those below it:
//!
//! | room | what it owns |
//! |---|---|
//! | [`cache`] | files kept between mounts: mapped, checked, evicted |
//! | [`blob`] | random access into one blob, whatever it is compressed with; digests |
//! | [`inspect`] | the bytes of one executable in, what it is out |
//! | [`host`] | what this host has and lacks to mount images and to run what is in them |
//! | [`store`] | where images stay that were pulled or loaded: blobs, names, locks |
//! | [`registry`] | manifests and blobs out of a registry, by HTTP |
//! | [`image`] | image references, archives and layouts, platforms, documents |
//! | [`layer`] | one pass over one layer, and its index: entries, whiteouts, where the data lies |
//! | [`tree`] | layers merged into one immutable tree |
//! | [`launch`] | how a container of an image starts: what the kernel, the shell and the loader do |
//! | [`findings`] | what will not run in an image, and why |
//! | [`open()`] | the front door: from the name of an image to its tree |
//! | [`transfer`] | images in and out of the store: pulled, loaded, saved |
//! | [`view`] | the file system as the user sees it: files, sidecars, xattrs |
//! | [`query`] | questions that need no mount: walking, finding, comparing, exporting |
//! | [`fuse`] | the kernel: a thin adapter, mounts and unmounts |
//!
//! Below them all are `workers`, threads with a queue, `background`, work that nobody waits for, `private`,
//! directories of a user's own, `oci`, the documents of the OCI image-spec, and `document`, JSON as Go
//! reads it. The
//! command line, `src/cli/`, stands on top and belongs to the program, not to the library.
//!
//! ```no_run
//! use std::sync::Arc;
//! use imgfs::{fuse, open, view};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let image = open::open(&"image.tar".parse()?, &open::OpenOptions::default(), &())?;
//! let view = view::ImageFs::new(Arc::new(image), view::Sidecars::Listed);
//! let options = fuse::MountOptions { source: "image.tar".into(), ..Default::default() };
//! let mount = fuse::mount(Arc::new(view), "/mnt".as_ref(), &options)?;
//! mount.wait()?;
//! # Ok(())
//! # }
//! ```

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

pub use open::open;
