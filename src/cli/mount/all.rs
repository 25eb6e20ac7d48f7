//! `--platform all`: mounts every platform of an image in one tree.

use std::sync::Arc;

use super::args::MountArgs;
use super::report::report;
use crate::cli::progress::Bar;
use crate::image::{Platform, Reference};
use crate::open::{self, OpenImage, OpenOptions};
use crate::view::{Platforms, platform_names};

/// Opens all platforms of an image, and returns a view of those that can be opened. Prints a warning for
/// each of the others.
///
/// # Errors
/// If no platform can be opened.
pub(super) fn open(
    args: &MountArgs,
    reference: &Reference,
    options: &OpenOptions,
    bar: &Bar,
) -> anyhow::Result<(Platforms, Vec<Arc<OpenImage>>)> {
    let mut opened = Vec::new();
    let listed = open::open_each(
        reference,
        options,
        bar,
        &|_| true,
        &mut |platform, image| {
            opened.push((platform, image));
        },
    );
    bar.clear();
    listed?;
    let platforms: Vec<Platform> = opened
        .iter()
        .map(|(platform, _)| platform.clone())
        .collect();
    let mut members = Vec::with_capacity(opened.len());
    // The names are made from all platforms, so that they do not depend on which of them can be opened.
    for (name, (platform, image)) in platform_names(&platforms).into_iter().zip(opened) {
        // Text from a document must not reach the terminal unescaped.
        let platform = platform.to_string().escape_debug().to_string();
        match image {
            Ok(image) => {
                report(&image, &format!("{}: {platform}", image.name));
                members.push((name, Arc::new(image)));
            }
            Err(error) if platforms.len() == 1 => return Err(error.into()),
            Err(error) => eprintln!("imgfs: warning: {platform} is left out: {error}"),
        }
    }
    if members.is_empty() {
        anyhow::bail!("{}: none of its platforms can be opened", args.image);
    }
    let images = members.iter().map(|(_, image)| image.clone()).collect();
    Ok((Platforms::new(members, args.sidecars.into()), images))
}
