//! Commands that this build lacks because a feature of the crate was turned off. They are not in the
//! help, and fail with a message that names the feature.

use std::ffi::OsString;
use std::process::ExitCode;

/// Any arguments.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct AbsentArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _arguments: Vec<OsString>,
}

/// Fails, and names the missing feature.
pub(crate) fn run(feature: &str) -> anyhow::Result<ExitCode> {
    anyhow::bail!("this imgfs was built without the feature {feature:?}")
}
