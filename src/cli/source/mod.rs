//! Images that commands read: finds them by path or by name, pulls them if necessary, and opens them.

mod fetch;
mod locate;
mod open;
mod terminal;
mod warm;

#[cfg(feature = "registry")]
pub(crate) use fetch::fetch;
pub(crate) use locate::locate;
pub(crate) use terminal::refuse_terminal;
pub(crate) use warm::{CACHE_WRITE_TIMEOUT, warm};
