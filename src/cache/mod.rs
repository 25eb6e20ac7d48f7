//! What is kept on disk between mounts: files of checksummed sections, in one directory.
//!
//! Three things hold together here, and none of them knows what is in a file:
//!
//! * the **container**: a header, sections of bytes, and a checksum of each 64 KiB. [`Writer`]
//!   writes one, front to back; [`CacheFile`] maps one and hands out bytes, each block of which is
//!   checked when it is first touched, so that opening one costs the same whatever its size;
//! * the **directory** ([`CacheDir`]): files are found by what they are of, written aside and
//!   renamed when they are whole, and the least recently used go first when there are too many;
//! * the **identity** of a file outside ([`Identity`]): whether it is still the one whose bytes were
//!   verified.
//!
//! Nothing here is needed: a file that is missing, damaged, of another version or of another owner
//! is made again. Without a directory the same files are written without a name, and are gone when
//! they are closed; so there is one way that layers and trees are read. Byte by byte it is all in
//! `docs/index-format.md`.

mod dir;
mod fault;
mod file;
mod format;
mod identity;
mod key;
mod list;
mod map;
mod own;
mod root;
mod writer;

pub use dir::CacheDir;
pub use file::{CacheFile, Part};
pub use identity::Identity;
pub use key::{Key, Kind};
pub use list::{Listed, Removed, State, Stray};
pub use own::temporary_dir;
pub use writer::{Unpublished, Writer};
