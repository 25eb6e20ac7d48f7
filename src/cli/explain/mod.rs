//! `imgfs explain`: prints what a container of an image would execute, as a tree or as JSON.

mod json;
mod text;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use super::colour;
use super::exit::NO_ANSWER;
use super::options::SourceOptions;
use super::pipe;
use crate::image::Reference;
use crate::launch::{Chain, ChainStart, End};
use crate::open::OpenImage;

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The image, in any form that imgfs mount accepts.
    pub image: Reference,

    /// A file in the image to execute instead of Entrypoint and Cmd.
    ///
    /// It is executed as the user in the config.
    #[arg(conflicts_with = "command")]
    pub path: Option<OsString>,

    /// Arguments that replace Cmd, as in `docker run IMAGE COMMAND`.
    ///
    /// The Entrypoint stays.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,

    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub source: SourceOptions,
}

/// Exit code if the start fails; see also [`NO_ANSWER`].
const FAILS: u8 = 1;

pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let source = args.source.open(&args.image)?;
    let image = source.image();
    let origin = match (&args.path, args.command.as_slice()) {
        (Some(path), _) => ChainStart::File(absolute(path.as_bytes())),
        (None, []) => ChainStart::Config,
        (None, command) => ChainStart::Command(command.to_vec()),
    };
    let origins = match origin {
        ChainStart::Config => vec![origin, ChainStart::Healthcheck],
        origin => vec![origin],
    };
    let mut chains = image.explain(&origins)?;
    let end = chains.first().map(|chain| &chain.end);
    let Some(end) = end.filter(|end| **end != End::NoCommand) else {
        anyhow::bail!(
            "{}: its config has neither Entrypoint nor Cmd; give a file in the image, or a command after --",
            image.name
        );
    };
    let code = code(end);
    // Drop the health check if the image has none.
    chains.retain(|chain| chain.end != End::NoCommand);
    pipe::to_stdout(|out| {
        write(args, image, &chains, out)?;
        Ok(code)
    })
}

fn write(
    args: &ExplainArgs,
    image: &OpenImage,
    chains: &[Chain],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &json::document(image, chains))?;
        writeln!(out)?;
        return Ok(());
    }
    text::write(out, image, chains, colour::of_stdout())?;
    Ok(())
}

fn code(end: &End) -> ExitCode {
    match end {
        End::Starts => ExitCode::SUCCESS,
        End::Fails(_) | End::Exits(_) | End::NoUser(_) | End::NoDirectory(_) => {
            ExitCode::from(FAILS)
        }
        End::Unknown(_) | End::NoCommand => ExitCode::from(NO_ANSWER),
    }
}

/// Returns `path` as an absolute path in the image.
fn absolute(path: &[u8]) -> Vec<u8> {
    match path.first() {
        Some(b'/') => path.to_vec(),
        _ => [b"/", path].concat(),
    }
}
