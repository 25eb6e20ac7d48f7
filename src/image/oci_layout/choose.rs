//! The choice of a manifest in a layout: by name, then by platform.

use oci_spec::image::Descriptor;

use super::candidates::Candidates;
use super::document::digest_of;
use super::read::platform_of;
use crate::image::files::{Files, blob_path};
use crate::image::{ImageError, Platform, Reference};
use crate::oci::{Listed, names};
use crate::store::short;

/// Returns the manifests of the one image that a reference means, one for each of its platforms.
///
/// # Errors
/// If there is no such image, or if the reference is ambiguous.
pub(super) fn choose_images(
    reference: &Reference,
    files: &Files,
    roots: &[Descriptor],
) -> Result<Candidates, ImageError> {
    let Some(wanted) = &reference.name else {
        let candidates = Candidates::collect(reference, files, roots)?;
        let mut images = candidates.images(reference, files)?;
        images.manifests = only_one(reference, images.manifests)?;
        return Ok(images);
    };
    // Only the named entries are read, so that errors in other images of the layout do not matter.
    let named = named_roots(reference, files, roots, wanted)?;
    Candidates::collect(reference, files, &named)?.images(reference, files)
}

/// Returns the entries of `index.json` with a name, or if there are none, the manifests with that name
/// in nested indexes.
///
/// # Errors
/// If nothing has that name, or if an index cannot be read.
pub(super) fn named_roots(
    reference: &Reference,
    files: &Files,
    roots: &[Descriptor],
    wanted: &str,
) -> Result<Vec<Descriptor>, ImageError> {
    let named = roots.iter();
    let named = named.filter(|root| means(wanted, root.digest().as_ref(), &names(root)));
    let named: Vec<Descriptor> = named.cloned().collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let listed = Candidates::collect(reference, files, roots)?.manifests;
    let all = listed_names(&listed);
    let mut nested: Vec<Listed> = listed
        .into_iter()
        .filter(|m| means(wanted, m.descriptor.digest().as_ref(), &m.names))
        .collect();
    // Several indexes may list the same manifest.
    let mut digests = nested.iter().map(|m| m.descriptor.digest());
    let first = digests.next();
    if digests.all(|digest| Some(digest) == first) {
        nested.truncate(1);
    }
    match nested.is_empty() {
        true => Err(ImageError::NoSuchName {
            image: reference.to_string(),
            wanted: wanted.to_owned(),
            names: all,
        }),
        false => Ok(nested.into_iter().map(|m| m.descriptor).collect()),
    }
}

/// Returns whether an image with this digest and these names is the wanted one.
fn means(wanted: &str, digest: &str, names: &[String]) -> bool {
    digest == wanted || names.iter().any(|name| short(name) == short(wanted))
}

/// Returns an error if there are several images. Entries with equal names, or without names, count as
/// one image for several platforms: `skopeo copy --all` writes one entry, and an index may be written
/// flat. Entries with different names are several images, unless all have the same manifest.
fn only_one(reference: &Reference, images: Vec<Listed>) -> Result<Vec<Listed>, ImageError> {
    let mut roots: Vec<(usize, &[String])> = images
        .iter()
        .map(|m| (m.root, m.names.as_slice()))
        .collect();
    roots.dedup();
    let several = roots.windows(2).any(|pair| match pair {
        [a, b] => a.1 != b.1,
        _ => false,
    });
    let mut digests = images.iter().map(|m| m.descriptor.digest());
    let first = digests.next();
    let same = digests.all(|digest| Some(digest) == first);
    if several && same {
        return Ok(images.into_iter().take(1).collect());
    }
    if several {
        let path = reference.path.display();
        let kind = match reference.path.is_dir() {
            true => "oci",
            false => "oci-archive",
        };
        let names = listed_names(&images).into_iter();
        return Err(ImageError::Ambiguous {
            image: reference.to_string(),
            names: names.map(|name| format!("{kind}:{path}:{name}")).collect(),
        });
    }
    Ok(images)
}

/// Returns the names of images without duplicates. An image without a name is listed by its digest.
fn listed_names(images: &[Listed]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for image in images {
        let name = image.names.first().cloned();
        let name = name.unwrap_or_else(|| image.descriptor.digest().to_string());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Returns the manifest for the wanted platform, and whether it was the only one.
///
/// # Errors
/// If there is no manifest for that platform.
pub(super) fn choose_platform(
    reference: &Reference,
    files: &Files,
    mut images: Vec<Listed>,
    platform: Option<&Platform>,
) -> Result<(Listed, bool), ImageError> {
    // An index may list platforms that were not copied.
    let is_here = |image: &Listed| {
        digest_of(reference, &image.descriptor)
            .is_ok_and(|digest| files.contains(&blob_path(&digest)))
    };
    if images.iter().any(is_here) {
        images.retain(is_here);
    }
    if images.len() == 1
        && let Some(only) = images.pop()
    {
        return Ok((only, true));
    }
    let host = Platform::host();
    let wanted = platform.unwrap_or(&host);
    let mut offered = Vec::new();
    let mut best: Option<(u8, usize)> = None;
    for (i, image) in images.iter().enumerate() {
        let Some(platform) = platform_of(reference, files, &image.descriptor)? else {
            continue;
        };
        if let Some(rank) = wanted.accepts(&platform)
            && best.is_none_or(|(r, _)| rank > r)
        {
            best = Some((rank, i));
        }
        let shown = platform.to_string();
        if !offered.contains(&shown) {
            offered.push(shown);
        }
    }
    match best {
        Some((_, i)) => Ok((images.swap_remove(i), false)),
        None => Err(ImageError::NoSuchPlatform {
            image: reference.to_string(),
            wanted: wanted.clone(),
            platforms: offered,
        }),
    }
}
