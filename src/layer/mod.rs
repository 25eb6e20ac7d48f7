//! Layers: tar streams that record changes relative to the layers below (OCI image-spec, layer.md). This
//! module reads a layer once and keeps the results.
//!
//! [`scan()`] makes the only pass: it decodes the blob, reads the tar headers, records where each file's
//! data is, and decodes each executable as it streams past. The result is a [`LayerIndex`] of the
//! entries as shipped. It includes whiteouts, under their tar names. Combining layers is the task of
//! another module.

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
mod sparse;
mod tar;
mod tar_error;
mod verified_digests;
mod whiteout;

pub use ambiguity::Ambiguity;
pub(crate) use digests::{Digests, HOLES_LIMIT};
pub use entry::{Data, EntryKind, LayerEntry, Mtime};
pub(crate) use entry::{Extent, Xattr};
pub use index::LayerIndex;
#[cfg(test)]
pub(crate) use index::SCHEMA;
pub(crate) use problem::LayerProblem;
pub use problem::{ProblemKind, printable};
pub(crate) use scan::{LayerError, Scanned};
pub use scan::{LayerInput, scan};
#[cfg(test)]
pub(crate) use verified_digests::SCHEMA as VERIFIED_DIGESTS_SCHEMA;
pub(crate) use verified_digests::VerifiedDigests;
pub(crate) use whiteout::{AUFS_LINKS, Marker, marker};
