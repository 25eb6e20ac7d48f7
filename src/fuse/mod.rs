//! The FUSE layer: a thin adapter from FUSE requests to the view, and the lifecycle of a mount. It makes
//! no decisions of its own. Only this module uses the `fuser` crate.
//!
//! [`mount`] returns a [`Mount`] when the kernel has accepted the mount. The tree can be read from then
//! on. Dropping the [`Mount`] unmounts it.

mod adapter;
mod attr;
mod capabilities;
mod errno;
mod error;
mod mount_syscall;
mod mountinfo;
mod options;
mod page_store;
mod readahead;
mod session;
mod umount;

pub(crate) use error::MountError;
pub use options::MountOptions;
pub(crate) use session::precheck;
pub use session::{Mount, mount};
pub use umount::Unmounted;
pub(crate) use umount::{UmountError, umount};
