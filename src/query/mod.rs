//! Queries that need no mount: list an image, resolve paths, compare two images, export an image as an
//! archive.
//!
//! All queries use the same [`ImageFs`](crate::view::ImageFs) that a mount serves, so a command and a
//! mount cannot return different results. `/.imgfs` is available as in a mount.

pub(crate) mod diff;
mod entry;
pub(crate) mod export;
pub(crate) mod find;
mod glob;
pub(crate) mod history;
pub(crate) mod time;
mod walk;

pub(crate) use entry::{Entry, permissions, sha256};
pub(crate) use glob::Glob;
pub(crate) use walk::{
    ResolvedPath, Walk, WalkEntry, children, clean, join, locate, resolve, trail,
};
