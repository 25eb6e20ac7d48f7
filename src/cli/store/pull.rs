//! `imgfs pull`: copies an image from a registry into the store.

use std::io::{self, Write};
use std::process::ExitCode;

use super::registry::RegistryArgs;
use super::{KeepingArgs, wanted, warm};
use crate::cli::log;
use crate::cli::pipe::closed;
use crate::cli::platform::PlatformChoice;
use crate::cli::progress::Bars;
use imgfs::cache::CacheDir;
use imgfs::store::Store;
use imgfs::transfer::{self, PullOptions, Stored, Wanted};

#[derive(Debug, clap::Args)]
pub(crate) struct PullArgs {
    /// The image to pull, as [docker://]HOST/NAME[:TAG|@DIGEST].
    ///
    /// The default host is docker.io.
    #[arg(value_name = "REF")]
    pub image: String,

    /// The platform to pull from a multi-platform image, or all [default: the platform of this host].
    #[arg(long, value_name = "all|OS/ARCH[/VARIANT]")]
    pub platform: Option<PlatformChoice>,

    /// With --platform all, also pull attestations (SBOM, provenance).
    ///
    /// Programs that copy a complete index need them.
    #[arg(long)]
    pub attestations: bool,

    /// The number of layers to pull at the same time.
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u8).range(1..=32))]
    pub jobs: u8,

    #[command(flatten)]
    pub registry: RegistryArgs,

    #[command(flatten)]
    pub keeping: KeepingArgs,
}

pub(crate) fn run(args: &PullArgs) -> anyhow::Result<ExitCode> {
    log::init(args.keeping.verbose);
    let store = args.keeping.store.open()?;
    let cache = args.keeping.cache.open();
    let name = args.image.strip_prefix("docker://").unwrap_or(&args.image);
    let options = PullOptions {
        wanted: wanted(args.platform.as_ref()),
        attestations: args.attestations,
        threads: args.jobs.into(),
        cache,
    };
    let stored = bring(&store, name, &options, &args.registry)?;
    let image = &stored.image;
    let mut out = io::stdout().lock();
    writeln!(out, "{} {}", image.shown(), image.digest).or_else(closed)?;
    Ok(ExitCode::SUCCESS)
}

/// Pulls an image that a command needs. Uses the default options except for `wanted` and `cache`.
pub(super) fn pull(
    store: &Store,
    name: &str,
    wanted: Wanted,
    registry: &RegistryArgs,
    cache: &CacheDir,
) -> anyhow::Result<Stored> {
    let options = PullOptions {
        wanted,
        cache: cache.clone(),
        ..PullOptions::default()
    };
    bring(store, name, &options, registry)
}

fn bring(
    store: &Store,
    name: &str,
    options: &PullOptions,
    registry: &RegistryArgs,
) -> anyhow::Result<Stored> {
    let client = registry.client()?;
    let bars = Bars::new();
    let stored = transfer::pull(&client, name, store, options, &bars);
    bars.clear();
    let stored = stored?;
    warm(store, &stored.image, &options.wanted, &options.cache);
    Ok(stored)
}
