//! The options of a mount.

/// The options of a mount.
#[derive(Clone, Debug, Default)]
pub struct MountOptions {
    /// The source that `/proc/mounts` shows.
    pub source: String,
    /// Gives other users access. The kernel then checks permissions.
    pub allow_other: bool,
    /// Allows programs of the image to be executed.
    pub exec: bool,
}
