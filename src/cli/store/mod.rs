//! The commands of the store.

pub(crate) mod df;
pub(crate) mod images;
pub(crate) mod load;
pub(crate) mod prune;
#[cfg(feature = "registry")]
pub(crate) mod pull;
pub(crate) mod rm;
pub(crate) mod save;
pub(crate) mod tag;
