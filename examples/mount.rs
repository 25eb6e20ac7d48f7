//! Mounts an image through the library, until Enter is pressed.
//!
//! ```console
//! # cargo run --example mount -- image.tar /mnt
//! ```

use std::error::Error;
use std::sync::Arc;

use imgfs::fuse::{self, MountOptions};
use imgfs::image::Reference;
use imgfs::open::{self, OpenOptions};
use imgfs::view::{ImageFs, Sidecars};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(name), Some(mountpoint)) = (args.next(), args.next()) else {
        return Err("usage: mount IMAGE MOUNTPOINT".into());
    };

    // From a name to a merged tree: every layer is read once, here.
    let reference: Reference = name.parse()?;
    let image = open::open(&reference, &OpenOptions::default(), &())?;
    for problem in &image.problems {
        eprintln!("{problem}");
    }

    // The tree can be queried without a mount.
    let nodes = image.tree.nodes();
    let executables = nodes.filter(|id| image.tree.node(*id).is_some_and(|n| n.executable));
    println!("{name}: {} executables", executables.count());

    // The user's view of it, and the kernel's side.
    let view = ImageFs::new(Arc::new(image), Sidecars::Listed);
    let options = MountOptions {
        source: name,
        ..MountOptions::default()
    };
    let mount = fuse::mount(Arc::new(view), mountpoint.as_ref(), &options)?;
    println!("mounted at {}; Enter unmounts", mount.path().display());
    std::io::stdin().read_line(&mut String::new())?;
    mount.umount()?;
    Ok(())
}
