//! Questions to an image that need no mount: what is in it, where a path leads, what differs between
//! two images, what one is as an archive.
//!
//! All of them are asked of the [`ImageFs`](crate::view::ImageFs) that a mount serves too, so that a
//! command and a mount can never answer differently; `/.imgfs` is there as it is in a mount.

pub mod diff;
mod entry;
pub mod export;
pub mod find;
mod glob;
pub mod history;
pub mod time;
mod walk;

pub use entry::{Entry, permissions, sha256};
pub use glob::Glob;
pub use walk::{Found, Trail, Walk, children, join, locate, resolve, trail};
