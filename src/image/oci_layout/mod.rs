//! OCI image layout (OCI image-spec, image-layout.md): `index.json` names manifests or further
//! indexes, blobs lie under their digests. A directory and an archive are read alike.
//!
//! `candidates.rs` gathers the manifests that `index.json` leads to, `choose.rs` decides which of them is
//! meant, and `read.rs` reads its documents.

mod candidates;
mod choose;
mod read;

use std::collections::HashSet;

use oci_spec::image::{Descriptor, ImageIndex};

use super::files::Files;
use super::{Image, ImageError, Offer, Platform, Reference};
use crate::blob::Digest;
use crate::oci::{self, Listed};
use candidates::Candidates;
use choose::{choose_images, choose_platform, named_roots};
use read::read;

/// Opens an image of a layout.
pub(crate) fn open(
    reference: &Reference,
    files: &Files,
    platform: Option<&Platform>,
) -> Result<Image, ImageError> {
    let found = find(reference, files)?;
    let (chosen, single) = choose_platform(reference, files, found.manifests, platform)?;
    let image = read(reference, files, &found.index, &chosen)?;
    // Where there was a choice, the index has said what it is for.
    match single {
        true => image.on(platform),
        false => Ok(image),
    }
}

/// Opens an image of a layout for each of its platforms, in the order of its index. One that cannot
/// be opened hides none of the others.
pub(crate) fn open_all(reference: &Reference, files: &Files) -> Result<Vec<Offer>, ImageError> {
    let mut found = find(reference, files)?;
    if found.manifests.len() == 1
        && let Some(only) = found.manifests.pop()
    {
        let image = read(reference, files, &found.index, &only)?;
        let platform = image.platform.clone();
        return Ok(vec![(platform, Ok(image))]);
    }
    let mut seen = HashSet::new();
    let mut offers = Vec::with_capacity(found.manifests.len());
    for candidate in &found.manifests {
        let digest = candidate.descriptor.digest().to_string();
        let platform = read::platform_of(reference, files, &candidate.descriptor)?;
        if let Some(platform) = platform
            && seen.insert(digest)
        {
            offers.push((platform, read(reference, files, &found.index, candidate)));
        }
    }
    if offers.is_empty() {
        return Err(ImageError::NotAnImage {
            image: reference.to_string(),
            detail: "its index.json leads to no image of any platform".to_owned(),
        });
    }
    Ok(offers)
}

/// Whether a layout has no image with layers.
///
/// # Errors
/// If its documents cannot be read.
pub(crate) fn is_hollow(reference: &Reference, files: &Files) -> Result<bool, ImageError> {
    let (index, parsed) = root(reference, files)?;
    let candidates = Candidates::collect(reference, files, parsed.manifests())?;
    let mut images = candidates.manifests.iter();
    let has_layers = |candidate: &Listed| {
        read(reference, files, &index, candidate).is_ok_and(|image| !image.layers.is_empty())
    };
    Ok(!images.any(has_layers))
}

/// The descriptor of the manifest that a layout has for a platform.
pub(crate) fn manifest_of(
    reference: &Reference,
    files: &Files,
    platform: &Platform,
) -> Result<(Descriptor, Digest), ImageError> {
    let found = find(reference, files)?;
    let (chosen, _) = choose_platform(reference, files, found.manifests, Some(platform))?;
    let digest = digest_of(reference, &chosen.descriptor)?;
    Ok((chosen.descriptor, digest))
}

/// The entries of `index.json`. With a name, those that have it; else, the manifests in their indexes that
/// have it.
///
/// # Errors
/// If none has the name, or a document cannot be read.
pub(crate) fn roots(reference: &Reference, files: &Files) -> Result<Vec<Descriptor>, ImageError> {
    let (_, parsed) = root(reference, files)?;
    match &reference.name {
        None => Ok(parsed.manifests().clone()),
        Some(wanted) => named_roots(reference, files, parsed.manifests(), wanted),
    }
}

/// What an entry of `index.json` is: see [`oci::Nature`]. An index with one image is an image.
///
/// # Errors
/// If a document of it is missing or cannot be read.
pub(crate) fn nature(
    reference: &Reference,
    files: &Files,
    entry: &Descriptor,
) -> Result<oci::Nature, ImageError> {
    let candidates = Candidates::collect(reference, files, std::slice::from_ref(entry))?;
    candidates.nature(reference, files)
}

/// `index.json`, and the manifests of the image that is meant.
struct Meant {
    index: Vec<u8>,
    manifests: Vec<Listed>,
}

fn find(reference: &Reference, files: &Files) -> Result<Meant, ImageError> {
    let (index, parsed) = root(reference, files)?;
    let manifests = if let (Files::Store(store), Some(name)) = (files, &reference.name) {
        // The store has its own rule for what a name means.
        let descriptor = store.find(name)?.descriptor;
        let candidates = Candidates::collect(reference, files, &[descriptor])?;
        candidates.images(reference, files)?
    } else {
        choose_images(reference, files, parsed.manifests())?
    };
    Ok(Meant { index, manifests })
}

/// `index.json` and what it says.
pub(crate) fn root(
    reference: &Reference,
    files: &Files,
) -> Result<(Vec<u8>, ImageIndex), ImageError> {
    let bytes = files.document(reference, "index.json")?;
    let parsed = parse(reference, "index.json", &bytes)?;
    Ok((bytes, parsed))
}

/// Reads a document of the image.
pub(super) fn parse<T: serde::de::DeserializeOwned>(
    reference: &Reference,
    name: &str,
    bytes: &[u8],
) -> Result<T, ImageError> {
    oci::parse(bytes).map_err(|detail| ImageError::Document {
        image: reference.to_string(),
        document: name.to_owned(),
        detail,
    })
}

pub(super) fn digest_of(
    reference: &Reference,
    descriptor: &Descriptor,
) -> Result<Digest, ImageError> {
    oci::digest_of(descriptor).map_err(|detail| ImageError::Document {
        image: reference.to_string(),
        document: "a descriptor".to_owned(),
        detail,
    })
}
