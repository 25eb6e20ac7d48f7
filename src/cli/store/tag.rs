//! `imgfs tag`: gives an image in the store another name.

use std::process::ExitCode;

use crate::cli::options::StoreOption;

#[derive(Debug, clap::Args)]
pub(crate) struct TagArgs {
    /// The image, by name or by the first digits of its digest.
    pub image: String,

    /// The additional name.
    ///
    /// If another image has this name, it loses it.
    pub name: String,

    #[command(flatten)]
    pub store: StoreOption,
}

pub(crate) fn run(args: &TagArgs) -> anyhow::Result<ExitCode> {
    let (store, _) = args.store.find(&args.image)?;
    store.tag_again(&args.image, &args.name)?;
    Ok(ExitCode::SUCCESS)
}
