//! The arguments of `imgfs mount`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::options::{CacheOptions, StoreOption};
use crate::cli::platform::PlatformChoice;
use crate::cli::units::Size;
use crate::image::Reference;
use crate::view::Sidecars;

#[derive(Debug, clap::Args)]
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "brackets of the help are no links"
)]
pub(crate) struct MountArgs {
    /// The image to mount.
    ///
    /// One of: a path to a docker-archive, an oci-archive or an OCI layout directory (the kind is
    /// detected); docker-archive:PATH[:REF]; oci-archive:PATH[:REF]; oci:DIR[:REF]; the name of an
    /// image in the store (see imgfs images); docker://HOST/NAME[:TAG], which is pulled into the store
    /// if it is missing; or - for an archive on standard input.
    pub image: Reference,

    /// An existing directory to mount the image on.
    pub mountpoint: PathBuf,

    /// The platform of a multi-platform image, or all [default: the platform of this host].
    ///
    /// With all, every platform is mounted in a directory of its own, such as linux_arm64.
    #[arg(long, value_name = "all|OS/ARCH[/VARIANT]")]
    pub platform: Option<PlatformChoice>,

    /// How to show the sidecar (NAME.arch) of each executable.
    #[arg(long, value_enum, default_value_t = SidecarMode::Listed)]
    pub sidecars: SidecarMode,

    /// Let other users read the mount.
    ///
    /// The kernel then checks the permissions of the image's files.
    #[arg(long)]
    pub allow_other: bool,

    /// Allow programs to be executed from the mount.
    #[arg(long)]
    pub exec: bool,

    #[command(flatten)]
    pub store: StoreOption,

    #[command(flatten)]
    pub cache: CacheOptions,

    /// Memory limit for decoded parts of layers.
    ///
    /// In bytes, or with K, M, G or T.
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "64M",
        allow_negative_numbers = true
    )]
    pub cache_size: Size,

    /// Stay in the foreground.
    #[arg(short = 'f', long)]
    pub foreground: bool,

    /// Log more, to standard error and to the log file; give it twice to log everything.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// The log file of the background process.
    ///
    /// The default is one file per mountpoint in $XDG_STATE_HOME/imgfs (~/.local/state/imgfs).
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Marks the background process of a mount. Its parent reads its standard output.
    #[arg(long, hide = true)]
    pub daemon: bool,
}

/// The value of `--sidecars`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SidecarMode {
    /// Listed in its directory.
    Listed,
    /// Not listed, but it can be opened by name.
    Hidden,
    /// Absent; the sidecars are still in /.imgfs/arch.
    Off,
}

impl From<SidecarMode> for Sidecars {
    fn from(mode: SidecarMode) -> Self {
        match mode {
            SidecarMode::Listed => Self::Listed,
            SidecarMode::Hidden => Self::Hidden,
            SidecarMode::Off => Self::Off,
        }
    }
}
