//! The arguments of `imgfs ls`.

use std::ffi::OsString;

use crate::cli::options::SourceOptions;
use crate::image::Reference;

#[derive(Debug, clap::Args)]
pub(crate) struct LsArgs {
    /// The image, in any form that imgfs mount accepts.
    pub image: Reference,

    /// Directories or other files to list [default: /].
    ///
    /// A link to a directory is followed. With -l, -d or --json it is followed only if it ends in a
    /// slash.
    pub paths: Vec<OsString>,

    /// Print a long line for each file.
    ///
    /// Its columns are permissions, number of hard links, numeric owner and group, size or device
    /// number, modification time in UTC, name, and link target.
    #[arg(short = 'l', long)]
    pub long: bool,

    /// List directories recursively, one path per line, in byte order.
    #[arg(short = 'R', long)]
    pub recursive: bool,

    /// List directories themselves, not their contents.
    #[arg(short = 'd', long, conflicts_with = "recursive")]
    pub directory: bool,

    /// Print one JSON object per line, with everything that is known about each file.
    #[arg(long)]
    pub json: bool,

    /// Print the SHA-256 of each regular file, before its name or in its JSON object.
    #[arg(long)]
    pub digests: bool,

    #[command(flatten)]
    pub source: SourceOptions,
}
