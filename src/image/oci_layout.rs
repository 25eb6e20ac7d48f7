//! OCI image layout (OCI image-spec, image-layout.md): `index.json` names manifests or further
//! indexes, blobs lie under their digests. In a directory or in an archive, it is the same.

use std::collections::{HashMap, HashSet};

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};

use super::files::Files;
use super::{Config, Documents, Image, ImageError, LayerBlob, Offer, Platform, Reference};
use crate::blob::Digest;
use crate::layout::{CONTAINERD_NAME, MAX_DEPTH, MAX_MANIFESTS, REF_NAME, is_index};
use crate::store::short;

/// The annotation that marks an attestation manifest (BuildKit, attestation-storage.md).
pub(crate) const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// A manifest that could be the one.
struct Found {
    descriptor: Descriptor,
    /// Names on the way to it.
    names: Vec<String>,
    /// The entry of `index.json` that it was reached through.
    root: usize,
    /// The digest of that.
    root_digest: String,
}

/// Opens an image of a layout.
pub(crate) fn open(
    reference: &Reference,
    files: &Files,
    platform: Option<&Platform>,
) -> Result<Image, ImageError> {
    let (index, found) = find(reference, files)?;
    let (chosen, single) = choose_platform(reference, files, found, platform)?;
    let image = read(reference, files, &index, &chosen)?;
    // Where there was a choice, the index has said what it is for.
    match single {
        true => image.on(platform),
        false => Ok(image),
    }
}

/// Opens an image of a layout for each of its platforms, in the order of its index. One that cannot
/// be opened hides none of the others.
pub(crate) fn open_all(reference: &Reference, files: &Files) -> Result<Vec<Offer>, ImageError> {
    let (index, mut found) = find(reference, files)?;
    if found.len() == 1
        && let Some(only) = found.pop()
    {
        let image = read(reference, files, &index, &only)?;
        let platform = image.platform.clone();
        return Ok(vec![(platform, Ok(image))]);
    }
    let mut seen = HashSet::new();
    let mut offers = Vec::with_capacity(found.len());
    for candidate in &found {
        let digest = candidate.descriptor.digest().to_string();
        // What is no image has no platform, and BuildKit says so of its attestations.
        let Some(platform) = platform_of(reference, files, &candidate.descriptor)? else {
            continue;
        };
        if (platform.os == "unknown" && platform.arch == "unknown") || !seen.insert(digest) {
            continue;
        }
        offers.push((platform, read(reference, files, &index, candidate)));
    }
    if offers.is_empty() {
        return Err(ImageError::NotAnImage {
            image: reference.to_string(),
            detail: "its index.json leads to no image of any platform".to_owned(),
        });
    }
    Ok(offers)
}

/// Whether no manifest of a layout has what makes an image, whatever is called what.
pub(crate) fn is_hollow(reference: &Reference, files: &Files) -> Result<bool, ImageError> {
    let index = files.document(reference, "index.json")?;
    let mut found = Vec::new();
    let parsed = parse_index(reference, "index.json", &index)?;
    collect(reference, files, &parsed, &mut found)?;
    let images = |found: &Found| read(reference, files, &index, found).is_ok();
    Ok(!found.iter().any(images))
}

/// The descriptor of the manifest that a layout has for a platform.
pub(crate) fn manifest_of(
    reference: &Reference,
    files: &Files,
    platform: &Platform,
) -> Result<(Descriptor, Digest), ImageError> {
    let (_, found) = find(reference, files)?;
    let (chosen, _) = choose_platform(reference, files, found, Some(platform))?;
    let digest = digest_of(reference, &chosen.descriptor)?;
    Ok((chosen.descriptor, digest))
}

/// `index.json`, and the manifests of the image that is meant.
fn find(reference: &Reference, files: &Files) -> Result<(Vec<u8>, Vec<Found>), ImageError> {
    let index = files.document(reference, "index.json")?;
    let mut parsed = parse_index(reference, "index.json", &index)?;
    let mut found = Vec::new();
    if let (Files::Store(store), Some(name)) = (files, &reference.name) {
        // The store has its own rule for what a name means, and one image of it does not depend on what
        // is wrong with another.
        parsed.set_manifests(vec![store.find(name)?.descriptor]);
        collect(reference, files, &parsed, &mut found)?;
        return Ok((index, found));
    }
    collect(reference, files, &parsed, &mut found)?;
    Ok((index, choose_name(reference, found)?))
}

/// Reads the documents of one manifest.
fn read(
    reference: &Reference,
    files: &Files,
    index: &[u8],
    chosen: &Found,
) -> Result<Image, ImageError> {
    let digest = digest_of(reference, &chosen.descriptor)?;
    let manifest = files.verified(reference, &digest)?;
    let name = format!("manifest {digest}");
    let parsed: ImageManifest =
        serde_json::from_slice(&manifest).map_err(|e| ImageError::Document {
            image: reference.to_string(),
            document: name.clone(),
            detail: format!("cannot be understood: {e}"),
        })?;
    if parsed.layers().is_empty() {
        return Err(ImageError::NoLayers {
            image: reference.to_string(),
        });
    }
    let media_type = parsed.config().media_type().to_string();
    if !is_config(&media_type) {
        return Err(ImageError::NoConfig {
            image: reference.to_string(),
            media_type,
        });
    }
    let config_digest = digest_of(reference, parsed.config())?;
    let config_bytes = files.verified(reference, &config_digest)?;
    let config = Config::parse(&config_bytes).map_err(|detail| ImageError::Document {
        image: reference.to_string(),
        document: format!("config {config_digest}"),
        detail,
    })?;
    let mut warnings = Vec::new();
    let layers = layers(reference, files, &parsed, &config, &mut warnings)?;
    Ok(Image {
        name: reference.to_string(),
        tag: chosen.names.first().cloned(),
        platform: config.platform.clone(),
        index_platform: declared_by(&chosen.descriptor),
        documents: Documents {
            index: Some(index.to_vec()),
            manifest,
            config: config_bytes,
        },
        config,
        layers,
        warnings,
    })
}

fn layers(
    reference: &Reference,
    files: &Files,
    manifest: &ImageManifest,
    config: &Config,
    warnings: &mut Vec<String>,
) -> Result<Vec<LayerBlob>, ImageError> {
    let count = manifest.layers().len();
    if config.diff_ids.len() != count {
        let diff_ids = config.diff_ids.len();
        warnings.push(format!(
            "the manifest has {count} layers where the config has {diff_ids} diff_ids"
        ));
    }
    if config.history_mismatch(count) {
        warnings.push("the config's history does not fit its layers".to_owned());
    }
    let lines = config.created_by(count);
    let mut layers = Vec::with_capacity(count);
    for (number, (descriptor, created_by)) in manifest.layers().iter().zip(lines).enumerate() {
        let digest = digest_of(reference, descriptor)?;
        let has_urls = descriptor.urls().as_ref().is_some_and(|u| !u.is_empty());
        let source = files
            .blob(reference, &digest)
            .map_err(|error| match error {
                ImageError::MissingBlob { image, blob } if has_urls => ImageError::Unsupported {
                    image,
                    detail: format!("layer {blob} is a foreign layer that is not in the image"),
                },
                error => error,
            })?;
        layers.push(LayerBlob {
            source,
            name: digest.to_string(),
            digest: Some(digest),
            diff_id: config.diff_ids.get(number).cloned(),
            size: Some(descriptor.size()),
            media_type: Some(descriptor.media_type().to_string()),
            created_by,
        });
    }
    Ok(layers)
}

pub(crate) fn parse_index(
    reference: &Reference,
    name: &str,
    bytes: &[u8],
) -> Result<ImageIndex, ImageError> {
    serde_json::from_slice(bytes).map_err(|e| ImageError::Document {
        image: reference.to_string(),
        document: name.to_owned(),
        detail: format!("cannot be understood: {e}"),
    })
}

pub(crate) fn digest_of(
    reference: &Reference,
    descriptor: &Descriptor,
) -> Result<Digest, ImageError> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|e| ImageError::Document {
        image: reference.to_string(),
        document: "a descriptor".to_owned(),
        detail: format!("has a bad digest: {e}"),
    })
}

/// Whether a media type may be that of an image's config.
pub(crate) fn is_config(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.config.")
        || media_type.starts_with("application/vnd.docker.container.image.")
        || media_type == "application/octet-stream"
}

/// Whether a descriptor is of something that is said about an image, and no image.
pub(crate) fn is_attestation(descriptor: &Descriptor) -> bool {
    let nowhere = declared_by(descriptor).is_some_and(|p| p.os == "unknown" && p.arch == "unknown");
    nowhere || annotation(descriptor.annotations(), REFERENCE_TYPE).is_some()
}

/// An annotation of a descriptor.
pub(crate) fn annotation<'a>(
    annotations: &'a Option<HashMap<String, String>>,
    key: &str,
) -> Option<&'a str> {
    annotations.as_ref()?.get(key).map(String::as_str)
}

/// Gathers the image manifests that an index leads to, attestations left out.
fn collect(
    reference: &Reference,
    files: &Files,
    index: &ImageIndex,
    found: &mut Vec<Found>,
) -> Result<(), ImageError> {
    let mut pending: Vec<(Descriptor, Vec<String>, usize, usize)> = Vec::new();
    for (root, descriptor) in index.manifests().iter().enumerate() {
        pending.push((descriptor.clone(), Vec::new(), root, 0));
    }
    // The order of the documents is kept: what comes first is taken first.
    pending.reverse();
    while let Some((descriptor, mut names, root, depth)) = pending.pop() {
        if found.len() + pending.len() > MAX_MANIFESTS || depth > MAX_DEPTH {
            return Err(ImageError::Document {
                image: reference.to_string(),
                document: "index.json".to_owned(),
                detail: "leads to more manifests than any image has".to_owned(),
            });
        }
        let annotations = descriptor.annotations();
        if annotation(annotations, REFERENCE_TYPE).is_some() {
            continue;
        }
        for key in [CONTAINERD_NAME, REF_NAME] {
            names.extend(annotation(annotations, key).map(str::to_owned));
        }
        if !is_index(descriptor.media_type().as_ref()) {
            let named = index.manifests().get(root).unwrap_or(&descriptor);
            let root_digest = named.digest().to_string();
            found.push(Found {
                descriptor,
                names,
                root,
                root_digest,
            });
            continue;
        }
        let digest = digest_of(reference, &descriptor)?;
        let bytes = files.verified(reference, &digest)?;
        let index = parse_index(reference, &format!("index {digest}"), &bytes)?;
        for child in index.manifests().iter().rev() {
            pending.push((child.clone(), names.clone(), root, depth + 1));
        }
    }
    Ok(())
}

/// The manifests of the one entry of `index.json` that is meant.
fn choose_name(reference: &Reference, mut found: Vec<Found>) -> Result<Vec<Found>, ImageError> {
    let image = reference.to_string();
    if found.is_empty() {
        return Err(ImageError::NotAnImage {
            image,
            detail: "its index.json leads to no manifest".to_owned(),
        });
    }
    // containerd's name comes first: the other may be a mere tag, the same for several images.
    let name_of = |f: &Found| {
        let name = f.names.first().cloned();
        name.unwrap_or_else(|| f.descriptor.digest().to_string())
    };
    let names = |found: &[Found]| {
        let mut names: Vec<String> = found.iter().map(name_of).collect();
        names.dedup();
        names
    };
    if let Some(wanted) = &reference.name {
        let all = names(&found);
        found.retain(|f| {
            let mut known = f.names.iter();
            known.any(|n| short(n) == short(wanted))
                || f.descriptor.digest().as_ref() == *wanted
                || f.root_digest == *wanted
        });
        if found.is_empty() {
            let (wanted, names) = (wanted.clone(), all);
            return Err(ImageError::NoSuchName {
                image,
                wanted,
                names,
            });
        }
        return Ok(found);
    }
    // `skopeo copy` of an index, or an index written flat: one image of several platforms. Entries
    // with names of their own are several images.
    let mut roots: Vec<(usize, &[String])> =
        found.iter().map(|f| (f.root, f.names.as_slice())).collect();
    roots.dedup();
    let several = roots.len() > 1
        && roots.windows(2).any(|w| match w {
            [a, b] => a.1 != b.1,
            _ => false,
        });
    if several {
        let path = reference.path.display();
        let kind = if reference.path.is_dir() {
            "oci"
        } else {
            "oci-archive"
        };
        let names = names(&found);
        return Err(ImageError::Ambiguous {
            image,
            names: names
                .into_iter()
                .map(|n| format!("{kind}:{path}:{n}"))
                .collect(),
        });
    }
    Ok(found)
}

/// The manifest of the platform that is wanted, and whether there was no choice.
fn choose_platform(
    reference: &Reference,
    files: &Files,
    mut found: Vec<Found>,
    platform: Option<&Platform>,
) -> Result<(Found, bool), ImageError> {
    if found.len() == 1
        && let Some(only) = found.pop()
    {
        return Ok((only, true));
    }
    let host = Platform::host();
    let wanted = platform.unwrap_or(&host);
    let mut offered = Vec::new();
    let mut best: Option<(u8, usize)> = None;
    for (i, candidate) in found.iter().enumerate() {
        let Some(platform) = platform_of(reference, files, &candidate.descriptor)? else {
            continue;
        };
        if let Some(rank) = wanted.accepts(&platform)
            && best.is_none_or(|(r, _)| rank > r)
        {
            best = Some((rank, i));
        }
        offered.push(platform.to_string());
    }
    match best {
        Some((_, i)) => Ok((found.swap_remove(i), false)),
        None => {
            offered.dedup();
            Err(ImageError::NoSuchPlatform {
                image: reference.to_string(),
                wanted: wanted.clone(),
                platforms: offered,
            })
        }
    }
}

/// The platform that a descriptor names.
pub(crate) fn declared_by(descriptor: &Descriptor) -> Option<Platform> {
    let platform = descriptor.platform().as_ref()?;
    Some(Platform {
        os: platform.os().to_string(),
        arch: platform.architecture().to_string(),
        variant: platform.variant().clone().filter(|v| !v.is_empty()),
    })
}

/// The platform of a manifest: its descriptor says it, else its config does.
fn platform_of(
    reference: &Reference,
    files: &Files,
    descriptor: &Descriptor,
) -> Result<Option<Platform>, ImageError> {
    if let Some(platform) = declared_by(descriptor) {
        return Ok(Some(platform));
    }
    let bytes = files.verified(reference, &digest_of(reference, descriptor)?)?;
    let Ok(manifest) = serde_json::from_slice::<ImageManifest>(&bytes) else {
        return Ok(None);
    };
    let bytes = files.verified(reference, &digest_of(reference, manifest.config())?)?;
    Ok(Config::parse(&bytes).ok().map(|c| c.platform))
}
