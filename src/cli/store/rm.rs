//! `imgfs rm`: removes names of images from the store. `imgfs prune` frees the space.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::options::StoreOption;
use crate::cli::pipe::closed;

#[derive(Debug, clap::Args)]
pub(crate) struct RmArgs {
    /// The images, by name or by the first digits of their digests.
    #[arg(required = true, value_name = "NAME")]
    pub images: Vec<String>,

    #[command(flatten)]
    pub store: StoreOption,
}

pub(crate) fn run(args: &RmArgs) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let mut out = io::stdout().lock();
    for name in &args.images {
        let removed = args
            .store
            .find(name)
            .and_then(|(store, _)| Ok(store.untag(name)?));
        match removed {
            Ok(image) => writeln!(out, "{} {}", image.shown(), image.digest).or_else(closed)?,
            Err(error) => {
                eprintln!("imgfs: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
