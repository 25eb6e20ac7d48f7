//! `imgfs load`: copies the images of an archive into the store.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::options::TransferOptions;
use crate::cli::pipe::closed;
use crate::cli::platform::PlatformChoice;
use crate::cli::progress::Bars;
use crate::cli::source::{self, warm};
use crate::image::Reference;
use crate::transfer::{self, LoadOptions, WantedPlatforms};

#[derive(Debug, clap::Args)]
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "brackets of the help are no links"
)]
pub(crate) struct LoadArgs {
    /// The archive with the images.
    ///
    /// One of: a path to a docker-archive, an oci-archive or an OCI layout directory (the kind is
    /// detected); docker-archive:PATH[:REF]; oci-archive:PATH[:REF]; oci:DIR[:REF]; or - for an archive
    /// on standard input.
    #[arg(value_name = "ARCHIVE")]
    pub archive: Reference,

    /// The name of the image in the store, if the archive has one image [default: its name in the
    /// archive].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// The platform to load of a multi-platform image [default: all that are present].
    #[arg(long, value_name = "all|OS/ARCH[/VARIANT]")]
    pub platform: Option<PlatformChoice>,

    #[command(flatten)]
    pub transfer: TransferOptions,
}

pub(crate) fn run(args: &LoadArgs) -> anyhow::Result<ExitCode> {
    source::refuse_terminal(&args.archive, "load -")?;
    args.transfer.log.init();
    let store = args.transfer.store.open()?;
    let cache = args.transfer.cache.open();
    let options = LoadOptions {
        wanted: args
            .platform
            .as_ref()
            .map(|choice| PlatformChoice::wanted(Some(choice))),
        name: args.name.clone(),
        cache: cache.clone(),
    };
    let bars = Bars::new();
    let loaded = transfer::load(&args.archive, &store, &options, &bars);
    bars.clear();
    let loaded = loaded?;
    let mut out = io::stdout().lock();
    let wanted = options.wanted.clone().unwrap_or(WantedPlatforms::Host);
    for stored in &loaded.stored {
        let image = &stored.image;
        warm(&store, image, &wanted, &cache);
        writeln!(out, "{} {}", image.shown(), image.digest).or_else(closed)?;
    }
    for skipped in &loaded.skipped {
        eprintln!("imgfs: skipped {}: it is {}", skipped.name, skipped.why);
    }
    for error in &loaded.failed {
        eprintln!("imgfs: {error}");
    }
    Ok(match loaded.failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
