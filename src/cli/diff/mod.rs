//! `imgfs diff`: prints the differences between two images, as lines of text or as JSON. The exit codes
//! are those of diff(1).

mod json;
mod text;

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use super::exit::NO_ANSWER;
use super::options::SourceOptions;
use super::{colour, pipe};
use crate::image::{Platform, Reference, Transport};
use crate::query::diff::{Diff, Options, config_changes};

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The first (old) image, in any form that imgfs mount accepts.
    pub a: Reference,

    /// The second (new) image.
    pub b: Reference,

    /// Compare only this path and everything below it, and not the configs.
    pub path: Option<PathBuf>,

    /// Compare only what diff -r --no-dereference compares in unpacked images.
    ///
    /// That is the paths, types, file contents and link targets.
    #[arg(long, conflicts_with = "times")]
    pub content: bool,

    /// Compare modification times too.
    ///
    /// They differ in most files of two builds, even of the same sources.
    #[arg(long)]
    pub times: bool,

    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,

    /// The platform of the second image [default: the platform of the first image].
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform_b: Option<Platform>,

    #[command(flatten)]
    pub source: SourceOptions,
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
                    // Print the earlier differences before the error.
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
