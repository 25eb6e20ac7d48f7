//! `imgfs pull`: copies an image from a registry into the store.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::options::{RegistryOptions, TransferOptions};
use crate::cli::pipe::closed;
use crate::cli::platform::PlatformChoice;
use crate::cli::source::fetch;
use crate::transfer::PullOptions;

#[derive(Debug, clap::Args)]
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "brackets of the help are no links"
)]
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
    pub registry: RegistryOptions,

    #[command(flatten)]
    pub transfer: TransferOptions,
}

pub(crate) fn run(args: &PullArgs) -> anyhow::Result<ExitCode> {
    args.transfer.log.init();
    let store = args.transfer.store.open()?;
    let cache = args.transfer.cache.open();
    let name = args.image.strip_prefix("docker://").unwrap_or(&args.image);
    let options = PullOptions {
        wanted: PlatformChoice::wanted(args.platform.as_ref()),
        attestations: args.attestations,
        threads: args.jobs.into(),
        cache,
    };
    let stored = fetch(&store, name, &options, &args.registry)?;
    let image = &stored.image;
    let mut out = io::stdout().lock();
    writeln!(out, "{} {}", image.shown(), image.digest).or_else(closed)?;
    Ok(ExitCode::SUCCESS)
}
