//! The command-line arguments of all commands. The help texts are the doc comments of the fields.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, Subcommand, ValueEnum};

use super::cat::CatArgs;
use super::check::{Ignore, id, level};
use super::diff::DiffArgs;
use super::explain::ExplainArgs;
use super::export::ExportArgs;
use super::find::FindArgs;
use super::hidden::HiddenArgs;
use super::history::HistoryArgs;
use super::ls::LsArgs;
use super::platform::PlatformChoice;
use super::stat::StatArgs;
use super::store::StoreArg;
use super::store::df::DfArgs;
use super::store::images::ImagesArgs;
use super::store::load::LoadArgs;
use super::store::prune::PruneArgs;
use super::store::pull::PullArgs;
use super::store::rm::RmArgs;
use super::store::save::SaveArgs;
use super::store::tag::TagArgs;
use super::units::{Age, Size};
use super::verify::VerifyArgs;
use imgfs::findings::{Id, Level};
use imgfs::image::{Platform, Reference};
use imgfs::view::Sidecars;

/// The default size limit of the cache on disk.
pub(crate) const DEFAULT_LIMIT: Size = Size(4 << 30);

/// Mount a container image as one merged, read-only tree with the facts of each executable.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mount an image.
    Mount(MountArgs),
    /// Unmount an image, lazily if it is in use.
    #[command(alias = "unmount")]
    Umount(UmountArgs),
    /// List what is in an image.
    Ls(LsArgs),
    /// Print everything that is known about files in an image.
    Stat(StatArgs),
    /// Write files of an image to standard output.
    Cat(CatArgs),
    /// Find files in an image by the tests of find(1) and by the keys of sidecars.
    Find(FindArgs),
    /// Show what each layer of an image added, changed and hid.
    History(HistoryArgs),
    /// List the files that later layers of an image hide.
    Hidden(HiddenArgs),
    /// Compare two images.
    ///
    /// The exit code is 0 if nothing differs, 1 if something differs, and 2 if the images cannot be
    /// compared.
    Diff(DiffArgs),
    /// Write an image, or one of its layers, as a tar archive or an mtree manifest.
    Export(ExportArgs),
    /// Check every digest and size of an image.
    ///
    /// The exit code is 0 if everything is correct, 1 if something is wrong, and 2 if the image cannot
    /// be read.
    Verify(VerifyArgs),
    /// Print the facts of local files, as in a sidecar.
    Inspect(InspectArgs),
    /// Pull an image from a registry into the store.
    Pull(PullArgs),
    /// Load the images of an archive into the store.
    Load(LoadArgs),
    /// Write images from the store to one archive.
    Save(SaveArgs),
    /// List the images in the store.
    Images(ImagesArgs),
    /// Give an image in the store another name.
    Tag(TagArgs),
    /// Remove names of images from the store.
    ///
    /// The blobs stay. Run imgfs prune to free their space.
    #[command(alias = "rmi")]
    Rm(RmArgs),
    /// Remove unused blobs from the store.
    ///
    /// These are the blobs that no name refers to, except those in use by a mount or a pull.
    Prune(PruneArgs),
    /// Show the disk usage of the store and the cache.
    Df(DfArgs),
    /// Show, check or clear the cache on disk.
    Cache(CacheArgs),
    /// Report what will not run in images, and why.
    ///
    /// Nothing is mounted. The exit code is 0 if there are no findings at or above --fail-on, 1 if there
    /// are, and 2 if an image cannot be read.
    Check(CheckArgs),
    /// Show what a container of an image would execute, step by step, up to the first failure.
    ///
    /// Nothing is executed. The exit code is 0 if the container starts, 1 if it does not start, and 2 if
    /// that is unknown.
    Explain(ExplainArgs),
    /// Report what this host lacks to mount images and to run their programs.
    ///
    /// The exit code is 0 if nothing is lacking, 1 if something is lacking, and 2 if something cannot be
    /// checked.
    Doctor(DoctorArgs),
}

#[derive(Debug, clap::Args)]
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
    pub store: StoreArg,

    #[command(flatten)]
    pub cache: KeepArgs,

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

#[derive(Debug, clap::Args)]
pub(crate) struct UmountArgs {
    /// The mountpoints to unmount.
    #[arg(required = true)]
    pub mountpoints: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// The executables, libraries, objects or scripts to inspect.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,

    /// Print one JSON object per line, with the keys of the sidecar.
    ///
    /// Values that are lists are arrays.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CacheDirArg {
    /// The directory of the cache, which keeps the indexes of layers between runs.
    ///
    /// The default is $IMGFS_CACHE_DIR, or $XDG_CACHE_HOME/imgfs (~/.cache/imgfs) if that is not set.
    #[arg(long, value_name = "DIR", global = true)]
    pub cache_dir: Option<PathBuf>,
}

/// The cache options of a command that reads images.
#[derive(Debug, clap::Args)]
pub(crate) struct KeepArgs {
    #[command(flatten)]
    pub dir: CacheDirArg,

    /// Size limit of the cache on disk.
    ///
    /// The least recently used files are removed first. With 0 this command neither reads nor writes
    /// the cache.
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "4G",
        allow_negative_numbers = true
    )]
    pub cache_limit: Size,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CacheArgs {
    #[command(flatten)]
    pub dir: CacheDirArg,

    #[command(flatten)]
    pub show: CacheShowArgs,

    #[command(subcommand)]
    pub command: Option<CacheCommand>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List the files, most recently used first (the default).
    Show(CacheShowArgs),
    /// Check the checksums of every file and remove damaged files.
    ///
    /// The exit code is 1 if a file was damaged.
    Verify,
    /// Remove all files.
    ///
    /// Mounted images stay readable.
    Clear(CacheClearArgs),
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct CacheShowArgs {
    /// Print one JSON object per line: kind, name, size in bytes, time of last use, path.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct CacheClearArgs {
    /// Remove only files that were not used for this long.
    ///
    /// A number followed by s, m, h, d or w, such as 30d.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub older_than: Option<Age>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The images to check, in the forms that imgfs mount accepts.
    #[arg(required_unless_present = "explain", value_name = "IMAGE")]
    pub images: Vec<Reference>,

    /// A platform that the image must have; may be repeated.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub expect: Vec<Platform>,

    /// Check only this platform of a multi-platform image; may be repeated [default: all].
    #[arg(long, value_name = "all|OS/ARCH[/VARIANT]")]
    pub platform: Vec<PlatformChoice>,

    /// Also report whether this host needs emulation to run the image, or cannot run it at all.
    ///
    /// This is the finding needs-emulation.
    #[arg(long)]
    pub host: bool,

    /// The output format [default: text].
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// The lowest level at which findings set the exit code to 1: fail, warn or info [default: fail].
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub fail_on: Option<Level>,

    /// Ignore a kind of finding, everywhere or only at matching paths; may be repeated.
    ///
    /// In GLOB, * and ? do not match a slash and ** does. It is matched against the whole path in the
    /// image.
    #[arg(long, value_name = "ID[:GLOB]")]
    pub ignore: Vec<Ignore>,

    /// Print what a finding means, what causes it and how to fix it.
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with = "images")]
    pub explain: Option<Id>,

    /// A file with default values for these options.
    ///
    /// The default is imgfs.toml in the working directory, if it exists.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    pub store: StoreArg,

    #[command(flatten)]
    pub cache: KeepArgs,

    /// Log more to standard error; give it twice to log everything.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The output format of `imgfs check` (see docs/check.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line per finding, and a table if there are several platforms.
    Text,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for CI servers.
    Junit,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(text, false)
            .map_err(|_| format!("unknown format {text:?}; choose one of: text json sarif junit"))
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Check only whether programs of this platform run here; may be repeated.
    ///
    /// The default is every platform that images are commonly released for.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Vec<Platform>,

    /// Print one JSON object per line: what, status (ok, note, lacking), found, and mend (the command
    /// that fixes it).
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub cache: CacheDirArg,
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_table_is_consistent() {
        Args::command().debug_assert();
    }

    /// The defaults in the help, in the library and in the output of `imgfs cache` agree.
    #[test]
    fn defaults_are_those_of_the_library() {
        let args = Args::parse_from(["imgfs", "mount", "image", "mnt"]);
        let Command::Mount(mount) = args.command else {
            panic!("{args:?}");
        };
        let library = imgfs::open::OpenOptions::default();
        assert_eq!(mount.cache.cache_limit, DEFAULT_LIMIT);
        assert_eq!(mount.cache_size.0, library.cache_size as u64);
    }
}
