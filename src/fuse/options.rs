//! How to mount.

/// How to mount.
#[derive(Clone, Debug, Default)]
pub struct MountOptions {
    /// What `/proc/mounts` shows as the source.
    pub source: String,
    /// Let other users in; the kernel then checks permissions.
    pub allow_other: bool,
    /// Let programs of the image be started.
    pub exec: bool,
}
