//! OCI image layout (OCI image-spec, image-layout.md): `index.json` lists manifests or further indexes,
//! and blobs are stored under their digests. Directories and archives are read in the same way.
//!
//! `candidates.rs` collects the manifests that `index.json` leads to, `choose.rs` decides which of them
//! is meant, and `read.rs` reads its documents.

mod candidates;
mod choose;
mod document;
mod read;

use std::collections::HashSet;

use oci_spec::image::{Descriptor, ImageIndex};

use super::error::ImageError;
use super::files::Files;
use super::opened::{Image, Offer};
use super::reference::Reference;
use crate::blob::Digest;
use crate::oci::{self, Listed, Platform};
use candidates::Candidates;
use choose::{choose_images, choose_platform, named_roots};
use document::{digest_of, parse};
use read::read;

/// Opens an image of a layout.
pub(crate) fn open(
    reference: &Reference,
    files: &Files,
    platform: Option<&Platform>,
) -> Result<Image, ImageError> {
    let mut found = find(reference, files)?;
    let manifests = std::mem::take(&mut found.manifests);
    let (chosen, single) = choose_platform(reference, files, manifests, platform)?;
    let image = found.read(reference, files, &chosen)?;
    // If there were several manifests, the platform was already checked by `choose_platform`.
    match single {
        true => image.on(platform),
        false => Ok(image),
    }
}

/// Opens an image of a layout for each of its platforms, in index order. An image that cannot be opened
/// does not affect the others.
pub(crate) fn open_all(reference: &Reference, files: &Files) -> Result<Vec<Offer>, ImageError> {
    let mut found = find(reference, files)?;
    if found.manifests.len() == 1
        && let Some(only) = found.manifests.pop()
    {
        let image = found.read(reference, files, &only)?;
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
            offers.push((platform, found.read(reference, files, candidate)));
        }
    }
    if offers.is_empty() {
        return Err(ImageError::NotAnImage {
            image: reference.to_string(),
            detail: "its index.json refers to no image for any platform".to_owned(),
        });
    }
    Ok(offers)
}

/// Returns whether no image of a layout has layers.
///
/// # Errors
/// If `index.json` or a nested index cannot be read.
pub(crate) fn is_hollow(reference: &Reference, files: &Files) -> Result<bool, ImageError> {
    let root = root(reference, files)?;
    let candidates = Candidates::collect(reference, files, root.parsed.manifests())?;
    let mut images = candidates.manifests.iter();
    let has_layers = |candidate: &Listed| {
        read(reference, files, &root.bytes, candidate).is_ok_and(|image| !image.layers.is_empty())
    };
    Ok(!images.any(has_layers))
}

/// Returns the descriptor and the digest of the manifest in a layout for a platform.
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

/// Returns the entries of `index.json`. If the reference has a name, returns the entries with that name,
/// or if there are none, the manifests with that name in nested indexes.
///
/// # Errors
/// If nothing has that name, or if a document cannot be read.
pub(crate) fn roots(reference: &Reference, files: &Files) -> Result<Vec<Descriptor>, ImageError> {
    let parsed = root(reference, files)?.parsed;
    match &reference.name {
        None => Ok(parsed.manifests().clone()),
        Some(wanted) => named_roots(reference, files, parsed.manifests(), wanted),
    }
}

/// Returns the nature of an entry of `index.json`. An index that leads to an image is an image.
///
/// # Errors
/// If a document that the entry leads to is missing or cannot be read.
pub(crate) fn nature(
    reference: &Reference,
    files: &Files,
    entry: &Descriptor,
) -> Result<oci::Nature, ImageError> {
    let candidates = Candidates::collect(reference, files, std::slice::from_ref(entry))?;
    candidates.nature(reference, files)
}

/// `index.json`, and the manifests of the image that a reference means.
struct ChosenImage {
    index: Vec<u8>,
    manifests: Vec<Listed>,
    /// Parts of the indexes in which two readers see different images, for messages.
    ambiguities: Vec<String>,
}

impl ChosenImage {
    /// Opens one of the manifests.
    fn read(
        &self,
        reference: &Reference,
        files: &Files,
        chosen: &Listed,
    ) -> Result<Image, ImageError> {
        let mut image = read(reference, files, &self.index, chosen)?;
        image.ambiguities.splice(0..0, self.ambiguities.clone());
        Ok(image)
    }
}

fn find(reference: &Reference, files: &Files) -> Result<ChosenImage, ImageError> {
    let root = root(reference, files)?;
    let mut ambiguities = root.ambiguities;
    files.note_duplicate("index.json", &mut ambiguities);
    let meant = if let (Files::Store(store), Some(name)) = (files, &reference.name) {
        // Names in the store have rules of their own.
        let descriptor = store.find(name)?.descriptor;
        let candidates = Candidates::collect(reference, files, &[descriptor])?;
        candidates.images(reference, files)?
    } else {
        choose_images(reference, files, root.parsed.manifests())?
    };
    ambiguities.extend(meant.ambiguities);
    Ok(ChosenImage {
        index: root.bytes,
        manifests: meant.manifests,
        ambiguities,
    })
}

/// The parsed `index.json`, its bytes, and the ambiguities in it.
pub(crate) struct Root {
    pub bytes: Vec<u8>,
    pub parsed: ImageIndex,
    pub ambiguities: Vec<String>,
}

/// Reads `index.json`.
///
/// # Errors
/// If it is missing, or not an index.
pub(crate) fn root(reference: &Reference, files: &Files) -> Result<Root, ImageError> {
    let bytes = files.document(reference, "index.json")?;
    let mut ambiguities = Vec::new();
    let parsed = parse(reference, "index.json", &bytes, &mut ambiguities)?;
    Ok(Root {
        bytes,
        parsed,
        ambiguities,
    })
}
