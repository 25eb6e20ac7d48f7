//! The cache on disk: files of checksummed sections that are kept between mounts, in one directory.
//!
//! The module has three parts. None of them depends on what a file contains:
//!
//! * The **container** is a header, sections of bytes, and a checksum for each 64 KiB block.
//!   [`Writer`] writes one sequentially. [`CacheFile`] maps one and returns its bytes. It checks each
//!   block on first access, so the cost of opening a file does not depend on its size.
//! * The **directory** ([`CacheDir`]) finds files by key. A file is written under a temporary name
//!   and renamed when it is complete. If the files exceed the limit, the least recently used are
//!   removed.
//! * The **identity** of a file outside the cache ([`Identity`]) shows whether it is still the file
//!   whose bytes were verified.
//!
//! The cache is optional: a file that is missing, damaged, or belongs to another version or another
//! user is made again. Without a directory, the same files are written as unnamed temporary files
//! that vanish when they are closed, so layers and trees are always read in one way. The format is
//! specified byte by byte in `docs/index-format.md`.

mod dir;
mod fault;
mod file;
mod format;
mod identity;
mod key;
mod list;
mod map;
mod root;
mod schema;
mod user_file;
mod writer;

pub use dir::CacheDir;
pub use file::CacheFile;
pub(crate) use file::Part;
pub(crate) use identity::Identity;
pub use key::{CacheKey, CacheKind};
pub use list::FileState;
pub(crate) use list::ListedFile;
pub(crate) use schema::{Schema, SchemaBuilder};
pub(crate) use user_file::temporary_dir;
pub use writer::{Unpublished, Writer};
