//! The caches for reading archives.

use std::sync::Arc;

use crate::blob::SpanCache;
use crate::cache::CacheDir;

/// The caches through which compressed archives are read.
pub(crate) struct Caches<'a> {
    /// Decoded spans in memory.
    pub spans: Arc<SpanCache>,
    /// The cache on disk, which is kept between mounts.
    pub disk: &'a CacheDir,
}
