//! The arguments of `imgfs check`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;

use super::ignore::{Ignore, id};
use crate::cli::options::{CacheOptions, LogOptions, StoreOption};
use crate::cli::platform::PlatformChoice;
use crate::findings::{Id, Level};
use crate::image::{Platform, Reference};

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
    pub store: StoreOption,

    #[command(flatten)]
    pub cache: CacheOptions,

    #[command(flatten)]
    pub log: LogOptions,
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
        <Self as ValueEnum>::from_str(text, false).map_err(|_| {
            let values = Self::value_variants().iter();
            let values: Vec<_> = values.filter_map(Self::to_possible_value).collect();
            let names: Vec<_> = values.iter().map(|value| value.get_name()).collect();
            let names = names.join(" ");
            format!("unknown format {text:?}; choose one of: {names}")
        })
    }
}

/// Returns the level with this name.
pub(super) fn level(text: &str) -> Result<Level, String> {
    let level = Level::from_name(text);
    level.ok_or_else(|| format!("unknown level {text:?}; choose one of: fail warn info"))
}
