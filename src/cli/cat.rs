//! `imgfs cat`: writes files of an image to standard output, byte for byte.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use super::options::SourceOptions;
use super::paths::{bytes, complain};
use super::pipe;
use crate::image::Reference;
use crate::query::resolve;
use crate::view::{ImageFs, View, ViewError};

/// The number of bytes read at a time.
const STEP: usize = 1 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct CatArgs {
    /// The image, in any form that imgfs mount accepts.
    pub image: Reference,

    /// Paths of files in the image.
    ///
    /// Symbolic links are followed inside the image. FILE.arch is the sidecar of FILE. /.imgfs is
    /// available as in a mount.
    #[arg(required = true)]
    pub paths: Vec<OsString>,

    #[command(flatten)]
    pub source: SourceOptions,
}

pub(crate) fn run(args: &CatArgs) -> anyhow::Result<ExitCode> {
    let view = args.source.open(&args.image)?;
    pipe::to_stdout(|out| {
        let mut code = ExitCode::SUCCESS;
        for path in bytes(&args.paths) {
            if let Err(error) = copy(&view, &path, out)? {
                complain(&view, &path, &error);
                code = ExitCode::FAILURE;
            }
        }
        Ok(code)
    })
}

/// Writes a file to `out`. The outer error is from standard output, the inner error from the image.
fn copy(
    view: &ImageFs,
    path: &[u8],
    out: &mut impl Write,
) -> anyhow::Result<Result<(), ViewError>> {
    let ino = match resolve(view, path, true) {
        Ok(attr) => attr.ino,
        Err(error) => return Ok(Err(error)),
    };
    let mut offset = 0;
    loop {
        let read = match view.read(ino, offset, STEP) {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        if read.is_empty() {
            return Ok(Ok(()));
        }
        out.write_all(&read)?;
        // Cannot overflow: the length of a file fits in 64 bits.
        offset += read.len() as u64;
    }
}
