//! `imgfs export`: writes an image, or a part of it, as a tar archive or as an mtree manifest.

mod output;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use super::options::SourceOptions;
use super::paths::complain;
use crate::image::Reference;
use crate::layer::printable;
use crate::query::export::{self, ExportError, MAX_PATH, Selection};
use crate::view::ImageFs;
use output::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The image, in any form that imgfs mount accepts.
    pub image: Reference,

    /// Write only these paths, everything below them, and the directories above them.
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,

    /// Write to this file instead of standard output.
    ///
    /// The file appears under this name only when it is complete.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write only this layer, as shipped, with its whiteouts; the lowest layer is 0.
    #[arg(long, value_name = "N")]
    pub layer: Option<usize>,

    /// The output format.
    #[arg(long, value_enum, default_value_t = ExportFormat::Tar)]
    pub format: ExportFormat,

    /// Write the SHA-256 of each regular file (only for mtree).
    #[arg(long)]
    pub digests: bool,

    #[command(flatten)]
    pub source: SourceOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A tar archive with PAX headers.
    Tar,
    /// An mtree(5) manifest.
    Mtree,
}

pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let digests = args.digests;
    let format = match args.format {
        ExportFormat::Tar if digests => {
            anyhow::bail!("--digests: a tar archive cannot hold digests; use --format mtree")
        }
        ExportFormat::Tar => export::Format::Tar,
        ExportFormat::Mtree => export::Format::Mtree { digests },
    };
    let file = args.output.as_ref().filter(|path| path.as_os_str() != "-");
    if file.is_none() && args.format == ExportFormat::Tar && io::stdout().is_terminal() {
        anyhow::bail!(
            "standard output is a terminal; use -o FILE, or pipe the archive to a program"
        );
    }
    if let Some(file) = file {
        output::check(file, &args.image)?;
    }
    let source = args.source.open(&args.image)?;
    let name = &source.image().name;
    let Some((selection, mut code)) = select(&source, args)? else {
        return Ok(ExitCode::FAILURE);
    };
    let mut out = match file {
        Some(file) => Output::file(file)?,
        None => Output::stdout()?,
    };
    let written = export::export(&source, &selection, format, &mut out).and_then(|left_out| {
        out.finish()?;
        Ok(left_out)
    });
    match written {
        Ok(left_out) if left_out.count > 0 => {
            eprintln!(
                "imgfs: {name}: left out paths longer than {MAX_PATH} bytes ({} in total); the first is {}",
                left_out.count,
                printable(&left_out.first)
            );
            code = ExitCode::FAILURE;
        }
        Ok(_) => {}
        // A closed pipe is not an error.
        Err(ExportError::Write(e)) if file.is_none() && e.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(ExitCode::SUCCESS);
        }
        Err(ExportError::Write(e)) => match file {
            Some(file) => anyhow::bail!("{}: {e}", file.display()),
            None => anyhow::bail!("standard output: {e}"),
        },
        Err(error) => anyhow::bail!("{name}: {error}"),
    }
    Ok(code)
}

/// Returns the selection of the arguments and the exit code so far, or `None` if none of the paths
/// exists.
fn select(view: &ImageFs, args: &ExportArgs) -> anyhow::Result<Option<(Selection, ExitCode)>> {
    let mut selection = match args.layer {
        Some(number) => Selection::layer(view, number)?,
        None => Selection::merged(view)?,
    };
    let mut missing = 0;
    for path in &args.paths {
        if let Err(error) = selection.pick(view, path.as_bytes()) {
            missing += 1;
            complain(view, path.as_bytes(), &error);
        }
    }
    let code = match missing {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    };
    let nothing = missing > 0 && missing == args.paths.len();
    Ok((!nothing).then_some((selection, code)))
}
