//! `imgfs verify`: checks every digest and size of an image. The order of the output is fixed, so that two
//! runs can be compared.

mod json;
mod text;

use std::io::Write;
use std::process::ExitCode;

use super::options::{LogOptions, StoreOption};
use super::platform::PlatformChoice;
use super::progress::Bar;
use super::{colour, pipe, source};
use crate::cache::CacheDir;
use crate::image::verify::{self, Status, Step};
use crate::image::{Platform, Reference};
use crate::open::Progress;

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The image, in any form that imgfs mount accepts.
    ///
    /// With a name (REF), only that image of an archive or layout is checked.
    pub image: Reference,

    /// Check only this platform of a multi-platform image [default: all].
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<Platform>,

    #[command(flatten)]
    pub store: StoreOption,

    /// Print only problems.
    #[arg(short, long)]
    pub quiet: bool,

    /// Print one JSON object per line (see docs/commands.md).
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub log: LogOptions,
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    source::refuse_terminal(&args.image, "verify -")?;
    args.log.init();
    let choice = args.platform.clone().map(PlatformChoice::One);
    // No cache: an image that is pulled for this command is not indexed.
    let cache = CacheDir::none();
    let image = source::locate(&args.store, &args.image, choice.as_ref(), &cache)?;
    let bar = Bar::new();
    let report = verify::verify(&image, args.platform.as_ref(), &|step| match step {
        Step::Start(sizes) => bar.start(sizes),
        Step::At { blob, position } => bar.advance(blob, position),
    });
    bar.clear();
    let report = report?;
    let code = match report.count(Status::Bad) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    };
    pipe::to_stdout(|out| {
        let checks = report.checks.iter();
        let mut checks = checks.filter(|c| !args.quiet || c.status() == Status::Bad);
        if args.json {
            checks.try_for_each(|check| json::write(out, check))?;
        } else {
            text::write(out, checks, colour::of_stdout())?;
            if !args.quiet {
                writeln!(out, "{}", text::summary(&args.image, &report))?;
            }
        }
        Ok(code)
    })
}
