//! A decoder of deflate data (RFC 1951) that can stop before a block, return all state that is needed
//! to begin there again, and begin there.
//!
//! [`Inflater`] takes input in pieces of any size and decodes into a buffer of its own, which also
//! holds the window (`output.rs`). While plenty of input and room for output are left, symbols are
//! decoded in a loop that takes more bits than it needs (`fast.rs`). Near the end of either, they are
//! decoded one at a time and bit by bit, so that decoding can stop after each. Both ways use the same
//! tables (`code.rs`), which `head.rs` builds from the start of a block.
//!
//! imgfs has its own decoder since decoding is most of the time of a first mount. Of the libraries,
//! zlib and miniz_oxide (with its feature `block-boundary`) can stop at blocks too, for seek points,
//! and rapidgzip-core has an index of its own. All of them take longer, see `docs/performance.md`.

mod bits;
mod code;
mod entry;
mod error;
mod fast;
mod head;
mod inflater;
mod output;
#[cfg(test)]
mod tests;

#[cfg(test)]
use error::Invalid;
pub(crate) use inflater::{Inflater, Step, Stop, Until};
pub(crate) use output::WINDOW_LEN;
