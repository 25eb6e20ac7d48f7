//! A layer is a tar stream that says what changed against the layers below it
//! (OCI image-spec, layer.md). This room reads one, once, and keeps what was learned.
//!
//! [`scan()`] makes the one pass: it decodes the blob, reads the tar headers, notes where each file's
//! bytes lie, and decodes every executable while it streams past. The result is a [`LayerIndex`]:
//! the entries as shipped, whiteouts among them under their tar names. What they mean together with
//! other layers is decided elsewhere.

mod ambiguity;
mod digests;
mod entry;
mod global;
mod header;
mod index;
mod member;
mod number;
mod packed;
mod pax;
mod problem;
mod scan;
mod seen;
mod sparse;
mod tar;
mod tar_error;
mod whiteout;

pub use ambiguity::Ambiguity;
pub use digests::{Digests, HOLES_LIMIT};
pub use entry::{Data, Entry, EntryKind, Extent, Mtime, Xattr};
pub use index::LayerIndex;
pub use problem::{Problem, ProblemKind, printable};
pub use scan::{LayerError, LayerInput, Scanned, scan};
pub use seen::Seen;
pub use tar_error::TarError;
pub use whiteout::{AUFS_LINKS, Marker, WHITEOUT_PREFIX, marker};
