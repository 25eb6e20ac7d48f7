//! The kernel's side: a thin adapter from FUSE requests to the view, and the life of a mount.
//! Decides nothing. Only this room names the `fuser` crate.
//!
//! [`mount`] returns a [`Mount`] when the kernel has accepted it; the tree can be read from then on.
//! Dropping it unmounts.

mod adapter;
mod attr;
mod capabilities;
mod direct;
mod errno;
mod error;
mod mountinfo;
mod options;
mod pages;
mod readahead;
mod session;
mod umount;

pub use error::MountError;
pub use mountinfo::{MountPoint, mounted_at};
pub use options::MountOptions;
pub use session::{Mount, mount, precheck};
pub use umount::{UmountError, Unmounted, umount};
