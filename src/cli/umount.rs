//! `imgfs umount`.

use std::process::ExitCode;

use super::args::UmountArgs;
use imgfs::fuse::{self, Unmounted};

pub(crate) fn run(args: &UmountArgs) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for mountpoint in &args.mountpoints {
        match fuse::umount(mountpoint) {
            Ok(Unmounted::Clean) => {}
            Ok(Unmounted::Lazy) => eprintln!(
                "imgfs: {} was in use; it is gone from the tree, and open files in it stay \
                 readable until they are closed",
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
