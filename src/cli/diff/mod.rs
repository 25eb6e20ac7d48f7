//! `imgfs diff`: what differs between two images, as lines of text or as JSON. The exit code is that of
//! diff(1).

mod json;
mod text;

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use super::source::SourceArgs;
use super::{NO_ANSWER, colour, pipe};
use imgfs::image::{Platform, Reference, Transport};
use imgfs::query::diff::{Diff, Options, config_changes};

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The first image, named as for a mount.
    pub a: Reference,

    /// The second one.
    pub b: Reference,

    /// Compare only what is at this path and below it, and not what the images declare.
    pub path: Option<PathBuf>,

    /// Say only what diff -r --no-dereference of the unpacked trees would say: what is there, its type,
    /// its bytes, where links lead.
    #[arg(long, conflicts_with = "times")]
    pub content: bool,

    /// Compare times of modification too. Two builds of the same thing mostly differ in all of them.
    #[arg(long)]
    pub times: bool,

    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,

    /// Which platform of the second image, if it is not that of the first.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform_b: Option<Platform>,

    #[command(flatten)]
    pub source: SourceArgs,
}

pub(crate) fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    if [&args.a, &args.b].map(|r| r.transport) == [Transport::Stdin; 2] {
        anyhow::bail!("standard input can be read only once; write one of the images to a file");
    }
    let platform = args.source.platform.as_ref();
    let a = args.source.open_for(&args.a, platform)?;
    let platform = args.platform_b.as_ref().or(platform);
    let b = args.source.open_for(&args.b, platform)?;
    let options = Options {
        content_only: args.content,
        times: args.times,
        digests: args.json,
    };
    let path = args.path.as_ref().map(|path| path.as_os_str().as_bytes());
    let declared = match (path, args.content) {
        (None, false) => config_changes(a.image(), b.image()),
        _ => Vec::new(),
    };
    let diff = Diff::new(&a, &b, path.unwrap_or_default(), options)?;
    let colour = colour::of_stdout();
    pipe::to_stdout(|out| {
        let mut differs = !declared.is_empty();
        let mut failed = false;
        for change in &declared {
            match args.json {
                true => writeln!(out, "{}", json::config(change))?,
                false => writeln!(out, "{}", text::config(change, colour))?,
            }
        }
        for found in diff {
            match found {
                Ok(found) => {
                    differs = true;
                    match args.json {
                        true => writeln!(out, "{}", json::difference(&found, &a, &b))?,
                        false => text::difference(out, &found, colour)?,
                    }
                }
                Err(error) => {
                    failed = true;
                    // What was found before it comes first.
                    out.flush()?;
                    eprintln!("imgfs: {error}");
                }
            }
        }
        Ok(match (failed, differs) {
            (true, _) => ExitCode::from(NO_ANSWER),
            (false, true) => ExitCode::FAILURE,
            (false, false) => ExitCode::SUCCESS,
        })
    })
}
