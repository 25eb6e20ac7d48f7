//! Mounts an image through the library, until Enter is pressed.
//!
//! ```console
//! # cargo run --example mount -- image.tar /mnt
//! ```

use std::error::Error;

use imgfs::{MountOptions, OpenOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(name), Some(mountpoint)) = (args.next(), args.next()) else {
        return Err("usage: mount IMAGE MOUNTPOINT".into());
    };

    // From a name to a merged tree: every layer is read once, here.
    let image = imgfs::open(&name.parse()?, &OpenOptions::new())?;
    for warning in image.warnings() {
        eprintln!("{warning}");
    }

    // The tree can be read without a mount.
    let mut executables = 0;
    for entry in image.walk() {
        executables += u32::from(entry?.facts()?.is_some());
    }
    println!("{name}: {executables} executables");

    let mount = image.mount(mountpoint, &MountOptions::new())?;
    println!("mounted at {}; Enter unmounts", mount.path().display());
    std::io::stdin().read_line(&mut String::new())?;
    mount.unmount()?;
    Ok(())
}
