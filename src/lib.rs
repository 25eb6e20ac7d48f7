//! imgfs mounts a container image as one merged, read-only file system without unpacking it, and
//! reports what each executable in it is.
//!
//! The modules form layers. The table lists them from the lowest layer up; each module imports only
//! from lower layers:
//!
//! | module | what it does |
//! |---|---|
//! | [`cache`] | keeps files between mounts: mapped, checked, evicted |
//! | [`blob`] | random access into one blob, with any compression; digests |
//! | [`inspect`] | decodes the facts of one executable from its bytes |
//! | [`host`] | what this host has, and what it lacks, to mount images and to run their programs |
//! | [`store`] | keeps images that were pulled or loaded: blobs, names, locks |
//! | [`registry`] | fetches manifests and blobs from a registry over HTTP |
//! | [`image`] | image references, archives and layouts, platforms, documents |
//! | [`layer`] | one pass over a layer, and its index: entries, whiteouts, location of data |
//! | [`tree`] | merges layers into one immutable tree |
//! | [`launch`] | how a container starts: what the kernel, the shell and the loader do |
//! | [`findings`] | what will not run in an image, and why |
//! | [`open()`] | the main entry point: from the name of an image to its tree |
//! | [`transfer`] | moves images into and out of the store: pull, load, save |
//! | [`view`] | the file system as the user sees it: files, sidecars, xattrs |
//! | [`query`] | queries that need no mount: walk, find, compare, export |
//! | [`fuse`] | a thin adapter to the kernel: mount and unmount |
//!
//! Below all of them are five private modules: `workers` (thread pools), `background` (background
//! jobs), `private` (directories that only this user can write to), `oci` (the documents of the OCI
//! image-spec) and `document` (JSON, read as Go reads it). The command line, `src/cli/`, is the top
//! layer. It belongs to the program, not to the library.
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
