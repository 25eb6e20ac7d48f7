//! `imgfs load`.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{KeepingArgs, wanted, warm};
use crate::cli::pipe::closed;
use crate::cli::platform::PlatformChoice;
use crate::cli::progress::Bars;
use crate::cli::{log, source};
use imgfs::image::Reference;
use imgfs::transfer::{self, LoadOptions, Wanted};

#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// What the images are in: a path (docker-archive, oci-archive or OCI layout directory, told by what
    /// is there), one of docker-archive:PATH[:REF], oci-archive:PATH[:REF] and oci:DIR[:REF], or - for an
    /// archive on standard input.
    #[arg(value_name = "ARCHIVE")]
    pub archive: Reference,

    /// What to call the image, if there is one. The default is what it is called there.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Which platform of an image for several. The default is all that are there.
    #[arg(long, value_name = "all|OS/ARCH[/VARIANT]")]
    pub platform: Option<PlatformChoice>,

    #[command(flatten)]
    pub keeping: KeepingArgs,
}

pub(crate) fn run(args: &LoadArgs) -> anyhow::Result<ExitCode> {
    source::refuse_terminal(&args.archive, "load -")?;
    log::init(args.keeping.verbose);
    let store = args.keeping.store.open()?;
    let cache = args.keeping.cache.open();
    let options = LoadOptions {
        wanted: args.platform.as_ref().map(|choice| wanted(Some(choice))),
        name: args.name.clone(),
        cache: cache.clone(),
    };
    let bars = Bars::new();
    let loaded = transfer::load(&args.archive, &store, &options, &bars);
    bars.clear();
    let loaded = loaded?;
    let mut out = io::stdout().lock();
    let wanted = options.wanted.clone().unwrap_or(Wanted::Host);
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
