//! Negotiates capabilities with the kernel when a mount starts. Each capability is requested
//! separately, so a kernel that lacks one can grant the others.

use fuser::{InitFlags, KernelConfig};

/// The granted capabilities that the adapter depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Granted {
    /// `open` may be refused with ENOSYS; the kernel then opens files without requests.
    pub no_open: bool,
    /// Likewise for `opendir` and directories.
    pub no_opendir: bool,
}

pub(super) fn negotiate(config: &mut KernelConfig) -> Granted {
    let mut want = |flag: InitFlags| {
        let granted = config.add_capabilities(flag).is_ok();
        tracing::debug!(
            "{flag:?}: {}",
            if granted { "granted" } else { "not granted" }
        );
        granted
    };
    // Nothing ever changes, so the kernel may cache all that it has received.
    want(InitFlags::FUSE_CACHE_SYMLINKS);
    want(InitFlags::FUSE_PARALLEL_DIROPS);
    want(InitFlags::FUSE_ASYNC_READ);
    // Attributes are sent with every listing. With FUSE_READDIRPLUS_AUTO, the kernel requests them only
    // with the first part of a directory, and then sends a request for each file of the rest, because
    // programs like find and ls list a whole directory before they access the files in it.
    want(InitFlags::FUSE_DO_READDIRPLUS);
    let granted = Granted {
        no_open: want(InitFlags::FUSE_NO_OPEN_SUPPORT),
        no_opendir: want(InitFlags::FUSE_NO_OPENDIR_SUPPORT),
    };
    // Fails only if the kernel's limit is lower, which is the default then.
    let _ = config.set_max_readahead(1 << 20);
    granted
}
