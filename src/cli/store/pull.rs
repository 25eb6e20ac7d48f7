//! `imgfs pull`.

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
    /// The image, HOST/NAME[:TAG|@DIGEST]; docker:// may stand before it. Without a host it is one of
    /// docker.io.
    #[arg(value_name = "REF")]
    pub image: String,

    /// Which platform of an image for several, or all of them. The default is this host's.
    #[arg(long, value_name = "all|OS/ARCH[/VARIANT]")]
    pub platform: Option<PlatformChoice>,

    /// With --platform all, bring also what is said about the images: SBOM, provenance. Programs that
    /// copy an index with everything in it want them.
    #[arg(long)]
    pub attestations: bool,

    /// How many layers are brought at a time.
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

/// Pulls an image that a command needs.
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
