//! `imgfs inspect`: prints the facts of local files. It uses the decoder and the sidecar text of a mount,
//! so that their output can be compared with other tools without an image.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::inspect;
use crate::view::{Fact, Subject, facts, json, sidecar};

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// The executables, libraries, objects or scripts to inspect.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,

    /// Print one JSON object per line, with the keys of the sidecar.
    ///
    /// Values that are lists are arrays.
    #[arg(long)]
    pub json: bool,
}

pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut first = true;
    for path in &args.files {
        let found = match look(path) {
            Ok(Some(found)) => found,
            Ok(None) => {
                eprintln!(
                    "imgfs: {}: not an executable of a known format",
                    path.display()
                );
                code = ExitCode::FAILURE;
                continue;
            }
            Err(error) => {
                eprintln!("imgfs: {}: {error}", path.display());
                code = ExitCode::FAILURE;
                continue;
            }
        };
        let written = if args.json {
            writeln!(out, "{}", json::object(&found))
        } else {
            // An empty line between files.
            let separator: &[u8] = if first { b"" } else { b"\n" };
            out.write_all(separator)
                .and_then(|()| out.write_all(&sidecar::text(&found)))
        };
        first = false;
        match written {
            // A closed pipe is not an error.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(code),
            other => other?,
        }
    }
    match out.flush() {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(code),
        other => {
            other?;
            Ok(code)
        }
    }
}

/// Returns the facts of a file, or `None` if its format is unknown.
fn look(path: &Path) -> io::Result<Option<Vec<Fact>>> {
    let meta = std::fs::metadata(path)?;
    // Reading a pipe or a device might never end.
    if !meta.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let file = File::open(path)?;
    let subject = Subject {
        path: path.as_os_str().as_bytes(),
        size: meta.len(),
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
    };
    let binary = inspect::inspect(&file);
    Ok(binary.map(|binary| facts::of_binary(subject, &binary)))
}
