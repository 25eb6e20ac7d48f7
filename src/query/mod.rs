//! Queries that need no mount: list an image, resolve paths, compare two images, export an image as an
//! archive.
//!
//! All queries use the same [`ImageFs`](crate::view::ImageFs) that a mount serves, so a command and a
//! mount cannot return different results. `/.imgfs` is available as in a mount.

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
pub use walk::{ResolvedPath, Walk, WalkEntry, children, clean, join, locate, resolve, trail};
