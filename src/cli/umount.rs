//! `imgfs umount`: unmounts images, lazily if they are in use.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::fuse::{self, Unmounted};

#[derive(Debug, clap::Args)]
pub(crate) struct UmountArgs {
    /// The mountpoints to unmount.
    #[arg(required = true)]
    pub mountpoints: Vec<PathBuf>,
}

pub(crate) fn run(args: &UmountArgs) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for mountpoint in &args.mountpoints {
        match fuse::umount(mountpoint) {
            Ok(Unmounted::Clean) => {}
            Ok(Unmounted::Lazy) => eprintln!(
                "imgfs: {} was in use and is detached; its open files stay readable until they are \
                 closed",
                mountpoint.display()
            ),
            Err(error) => {
                eprintln!("imgfs: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
