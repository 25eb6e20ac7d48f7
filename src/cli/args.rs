//! The command line: all commands with their arguments. The help texts are the doc comments.

use clap::{Parser, Subcommand};

#[cfg(not(all(feature = "fuse", feature = "registry")))]
use super::absent::AbsentArgs;
use super::cache::CacheArgs;
use super::cat::CatArgs;
use super::check::CheckArgs;
use super::diff::DiffArgs;
use super::doctor::DoctorArgs;
use super::explain::ExplainArgs;
use super::export::ExportArgs;
use super::find::FindArgs;
use super::hidden::HiddenArgs;
use super::history::HistoryArgs;
use super::inspect::InspectArgs;
use super::ls::LsArgs;
#[cfg(feature = "fuse")]
use super::mount::MountArgs;
use super::stat::StatArgs;
use super::store::df::DfArgs;
use super::store::images::ImagesArgs;
use super::store::load::LoadArgs;
use super::store::prune::PruneArgs;
#[cfg(feature = "registry")]
use super::store::pull::PullArgs;
use super::store::rm::RmArgs;
use super::store::save::SaveArgs;
use super::store::tag::TagArgs;
#[cfg(feature = "fuse")]
use super::umount::UmountArgs;
use super::verify::VerifyArgs;

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
    #[cfg(feature = "fuse")]
    Mount(MountArgs),
    #[cfg(not(feature = "fuse"))]
    #[command(hide = true)]
    Mount(AbsentArgs),
    /// Unmount an image, lazily if it is in use.
    #[cfg(feature = "fuse")]
    #[command(alias = "unmount")]
    Umount(UmountArgs),
    #[cfg(not(feature = "fuse"))]
    #[command(alias = "unmount", hide = true)]
    Umount(AbsentArgs),
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
    #[cfg(feature = "registry")]
    Pull(PullArgs),
    #[cfg(not(feature = "registry"))]
    #[command(hide = true)]
    Pull(AbsentArgs),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::options::DEFAULT_CACHE_LIMIT;
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
        let library = crate::open::OpenOptions::default();
        assert_eq!(mount.cache.cache_limit, DEFAULT_CACHE_LIMIT);
        assert_eq!(mount.cache_size.0, library.cache_size as u64);
    }
}
