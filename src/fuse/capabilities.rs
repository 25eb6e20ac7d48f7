//! What is asked of the kernel when a mount begins. Each wish is made alone: a kernel that lacks
//! one grants the others.

use fuser::{InitFlags, KernelConfig};

/// What the adapter must know of what was granted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Granted {
    /// `open` may be refused once and for all; the kernel then opens files by itself.
    pub no_open: bool,
    /// The same for directories.
    pub no_opendir: bool,
}

pub(super) fn negotiate(config: &mut KernelConfig) -> Granted {
    let mut want = |flag: InitFlags| {
        let granted = config.add_capabilities(flag).is_ok();
        tracing::debug!(
            "{flag:?}: {}",
            if granted { "granted" } else { "not there" }
        );
        granted
    };
    // Nothing ever changes, so the kernel may keep all that it has seen.
    want(InitFlags::FUSE_CACHE_SYMLINKS);
    want(InitFlags::FUSE_PARALLEL_DIROPS);
    want(InitFlags::FUSE_ASYNC_READ);
    // Attributes come with every listing. Left to its own judgement (FUSE_READDIRPLUS_AUTO) the kernel
    // asks for them in the first piece of a directory alone, and then for each file of the rest:
    // walkers like find and ls list a directory to its end before they look at what is in it.
    want(InitFlags::FUSE_DO_READDIRPLUS);
    let granted = Granted {
        no_open: want(InitFlags::FUSE_NO_OPEN_SUPPORT),
        no_opendir: want(InitFlags::FUSE_NO_OPENDIR_SUPPORT),
    };
    // The largest the kernel offers. Refused only above that, so nothing can be lost here.
    let _ = config.set_max_readahead(1 << 20);
    granted
}
