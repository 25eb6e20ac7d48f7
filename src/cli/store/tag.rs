//! `imgfs tag`.

use std::process::ExitCode;

use super::StoreArg;

#[derive(Debug, clap::Args)]
pub(crate) struct TagArgs {
    /// The image, by name or by the beginning of its digest.
    pub image: String,

    /// Its new name; the old one stays. An image that had it has it no more.
    pub name: String,

    #[command(flatten)]
    pub store: StoreArg,
}

pub(crate) fn run(args: &TagArgs) -> anyhow::Result<ExitCode> {
    let (store, _) = args.store.find(&args.image)?;
    store.tag_again(&args.image, &args.name)?;
    Ok(ExitCode::SUCCESS)
}
