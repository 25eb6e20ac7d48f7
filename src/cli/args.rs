//! The arguments of all commands, one table: help, completions and the man page come from it.

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

/// What the cache may take on disk if the user says nothing.
pub(crate) const DEFAULT_LIMIT: Size = Size(4 << 30);

/// Mount a container image as one merged, read-only tree in which every executable says what it is.
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
    /// Say all that is known of files in an image.
    Stat(StatArgs),
    /// Write files of an image to standard output.
    Cat(CatArgs),
    /// Find files in an image, with find's own words and the keys of sidecars.
    Find(FindArgs),
    /// Say what each layer of an image did.
    History(HistoryArgs),
    /// List what layers of an image hold and later ones hide.
    Hidden(HiddenArgs),
    /// Compare two images. The exit code is 0 if nothing differs, 1 if something does, 2 if they
    /// cannot be compared.
    Diff(DiffArgs),
    /// Write an image, or one layer of it, as a tar archive or as an mtree manifest.
    Export(ExportArgs),
    /// Check every digest and size of an image. The exit code is 1 if something is wrong.
    Verify(VerifyArgs),
    /// Say what files of this host are, in the words of a sidecar.
    Inspect(InspectArgs),
    /// Bring an image of a registry into the store.
    Pull(PullArgs),
    /// Bring the images of an archive into the store.
    Load(LoadArgs),
    /// Write images of the store as one archive.
    Save(SaveArgs),
    /// List the images of the store.
    Images(ImagesArgs),
    /// Give an image of the store another name.
    Tag(TagArgs),
    /// Take names of images out of the store. imgfs prune then frees the room.
    #[command(alias = "rmi")]
    Rm(RmArgs),
    /// Take away what no image of the store needs, except what a mount uses.
    Prune(PruneArgs),
    /// Say how much room the store takes.
    Df(DfArgs),
    /// Show, check or clear what is kept on disk between mounts.
    Cache(CacheArgs),
    /// Say what will not run in images, and why. The exit code is 0 if there is nothing, 1 if there
    /// is something, 2 if an image cannot be looked at. Mounts nothing.
    Check(CheckArgs),
    /// Show what a container of an image would execute, step by step, up to the first failure. Executes
    /// nothing. The exit code is 0 if it starts, 1 if it does not, 2 if that cannot be told.
    Explain(ExplainArgs),
    /// Say what this host lacks to mount images and to run what is in them; the exit code is then 1.
    Doctor(DoctorArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct MountArgs {
    /// The image: a path (docker-archive, oci-archive or OCI layout directory, told by what is
    /// there), docker-archive:PATH[:REF], oci-archive:PATH[:REF], oci:DIR[:REF], a name in the store
    /// (imgfs images), docker://HOST/NAME[:TAG] for one that is pulled if it is not there, or - for an
    /// archive on standard input.
    pub image: Reference,

    /// An existing directory to mount it on.
    pub mountpoint: PathBuf,

    /// Which platform of an image for several; all of them, each in a directory of its own such as
    /// linux_arm64. The default is this host's.
    #[arg(long, value_name = "all|OS/ARCH[/VARIANT]")]
    pub platform: Option<PlatformChoice>,

    /// How the .arch file beside each executable appears.
    #[arg(long, value_enum, default_value_t = SidecarMode::Listed)]
    pub sidecars: SidecarMode,

    /// Let other users read the mount; permissions of the image's files are then checked.
    #[arg(long)]
    pub allow_other: bool,

    /// Let programs of the image be started from the mount.
    #[arg(long)]
    pub exec: bool,

    #[command(flatten)]
    pub store: StoreArg,

    #[command(flatten)]
    pub cache: KeepArgs,

    /// Memory for decoded parts of layers: bytes, or with K, M or G.
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "64M",
        allow_negative_numbers = true
    )]
    pub cache_size: Size,

    /// Stay in front instead of going into the background.
    #[arg(short = 'f', long)]
    pub foreground: bool,

    /// Say more, on standard error and in the log; twice for everything.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Where the background process writes its log. The default is a file for each mountpoint in
    /// $XDG_STATE_HOME/imgfs (~/.local/state/imgfs).
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// This is the background process of a mount; its parent reads standard output.
    #[arg(long, hide = true)]
    pub daemon: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UmountArgs {
    /// The mountpoints.
    #[arg(required = true)]
    pub mountpoints: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// Executables, libraries, objects or scripts.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,

    /// One JSON object a line, with the keys of the sidecar; lists are arrays.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CacheDirArg {
    /// Where what was learned of layers is kept between mounts. The default is $IMGFS_CACHE_DIR, else
    /// $XDG_CACHE_HOME/imgfs (~/.cache/imgfs).
    #[arg(long, value_name = "DIR", global = true)]
    pub cache_dir: Option<PathBuf>,
}

/// The cache of a command that reads images.
#[derive(Debug, clap::Args)]
pub(crate) struct KeepArgs {
    #[command(flatten)]
    pub dir: CacheDirArg,

    /// What may be kept on disk, by all commands together; what was not used for the longest time goes
    /// first. With 0 this one neither keeps nor uses anything.
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
    /// List what is there, the last used first. This is what `imgfs cache` does.
    Show(CacheShowArgs),
    /// Read every file, check all its checksums, and remove what is bad; the exit code is then 1.
    Verify,
    /// Remove all of it. Images that are mounted stay readable.
    Clear(CacheClearArgs),
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct CacheShowArgs {
    /// One JSON object a line: kind, name, size in bytes, time of last use, path.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct CacheClearArgs {
    /// Only what was not used for so long: a number of s, m, h, d or w, such as 30d.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub older_than: Option<Age>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The images, named as for a mount.
    #[arg(required_unless_present = "explain", value_name = "IMAGE")]
    pub images: Vec<Reference>,

    /// A platform that must be there; may be repeated.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub expect: Vec<Platform>,

    /// Look only at this platform of an image for several; may be repeated. The default is all.
    #[arg(long, value_name = "all|OS/ARCH[/VARIANT]")]
    pub platform: Vec<PlatformChoice>,

    /// Say also whether this host runs it only by emulation, or not at all (needs-emulation).
    #[arg(long)]
    pub host: bool,

    /// How to write what was found [default: text].
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// From which level on a finding counts: fail, warn or info [default: fail].
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub fail_on: Option<Level>,

    /// Leave out a kind of finding, everywhere or only where the path in the image matches: * and ?
    /// within a name, ** across names. May be repeated.
    #[arg(long, value_name = "ID[:GLOB]")]
    pub ignore: Vec<Ignore>,

    /// Print what a finding means, how it comes about and what mends it.
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with = "images")]
    pub explain: Option<Id>,

    /// Where the same options are written down. The default is imgfs.toml in the working directory,
    /// if it is there.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    pub store: StoreArg,

    #[command(flatten)]
    pub cache: KeepArgs,

    /// Say more, on standard error; twice for everything.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How findings are written (docs/check.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each finding, and a table where there are several platforms.
    Text,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit's XML, for CI servers.
    Junit,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(text, false)
            .map_err(|_| format!("there is no format {text:?}; there is: text json sarif junit"))
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Only ask whether programs of this platform run here; may be repeated. The default is all that
    /// images are released for.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Vec<Platform>,

    /// One JSON object a line: what, status (ok, note, lacking), what was found, and the command
    /// that mends it.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub cache: CacheDirArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SidecarMode {
    /// Listed like any file.
    Listed,
    /// Not listed, but there for who asks by name.
    Hidden,
    /// Not there; /.imgfs/arch still has them.
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

    /// The help, the library and what `imgfs cache` says agree.
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
