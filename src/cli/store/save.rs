//! `imgfs save`: writes images from the store to one archive.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use crate::cli::options::TransferOptions;
use crate::cli::pipe;
use crate::image::Platform;
use crate::open::OpenOptions;
use crate::transfer::{self, Format, SaveOptions, TransferError};

#[derive(Debug, clap::Args)]
pub(crate) struct SaveArgs {
    /// The images, by name or by the first digits of their digests.
    #[arg(required = true, value_name = "NAME")]
    pub images: Vec<String>,

    /// Write to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// The format of the archive.
    #[arg(long, value_enum, default_value_t = FormatArg::OciArchive)]
    pub format: FormatArg,

    /// The platform to save of a multi-platform image.
    ///
    /// The default is all platforms, or the platform of this host for a docker-archive.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<Platform>,

    #[command(flatten)]
    pub transfer: TransferOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// An OCI layout in a tar archive; all digests stay the same.
    OciArchive,
    /// For docker before version 25; layers are uncompressed and the manifest digest is lost.
    DockerArchive,
}

pub(crate) fn run(args: &SaveArgs) -> anyhow::Result<ExitCode> {
    if args.output.is_none() && io::stdout().is_terminal() {
        anyhow::bail!("standard output is a terminal; write to a file with -o FILE, or to a pipe");
    }
    args.transfer.log.init();
    let mut store = None;
    for name in &args.images {
        // Report a missing name before writing anything.
        store = Some(args.transfer.store.find(name)?.0);
    }
    let Some(store) = store else {
        return Ok(ExitCode::SUCCESS);
    };
    let options = OpenOptions {
        cache: args.transfer.cache.open(),
        ..OpenOptions::default()
    };
    let saved = SaveOptions {
        store: &store,
        names: &args.images,
        format: match args.format {
            FormatArg::OciArchive => Format::OciArchive,
            FormatArg::DockerArchive => Format::DockerArchive,
        },
        platform: args.platform.as_ref(),
        options: &options,
    };
    match &args.output {
        Some(path) => to_file(&saved, path)?,
        None => {
            pipe::to_stdout(|out| {
                transfer::save(&saved, out)?;
                Ok(ExitCode::SUCCESS)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to a temporary file in the same directory and renames it, so that the file is never
/// incomplete.
fn to_file(saved: &SaveOptions<'_>, path: &Path) -> anyhow::Result<()> {
    let failed = |error| TransferError::Io {
        what: path.display().to_string(),
        error,
    };
    // A device or a pipe is written directly.
    if path.metadata().is_ok_and(|meta| !meta.is_file()) {
        let mut out = BufWriter::new(File::options().write(true).open(path).map_err(failed)?);
        transfer::save(saved, &mut out)?;
        out.flush().map_err(failed)?;
        return Ok(());
    }
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let temporary = tempfile::Builder::new()
        .prefix(".imgfs-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(dir.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 20, temporary.as_file());
    transfer::save(saved, &mut out)?;
    out.flush().map_err(failed)?;
    drop(out);
    temporary.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}
