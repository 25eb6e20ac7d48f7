//! Which manifests of an image are wanted: that of one platform, or those of all.

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};

use super::TransferError;
use super::origin::{Origin, bad_document, config, digest_of, manifest};
use crate::blob::Digest;
use crate::image::{Config, Platform, declared_by, is_attestation, is_config, is_index};

/// Indexes may name indexes; real ones do so once.
const MAX_DEPTH: usize = 4;
/// More manifests than this in all indexes together are a trick.
const MAX_MANIFESTS: usize = 4096;

/// Which platforms of an image are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// That of this host; of an image that is for one only, that one.
    #[default]
    Host,
    /// This one.
    One(Platform),
    /// All of them.
    All,
}

/// The manifest of one platform.
pub(super) struct Manifest {
    pub digest: Digest,
    pub descriptor: Descriptor,
    pub bytes: Vec<u8>,
    pub parsed: ImageManifest,
}

/// What is wanted of an image.
pub(super) struct Chosen {
    /// What its name is to lead to.
    pub root: Descriptor,
    /// The indexes on the way, as they came.
    pub indexes: Vec<(Digest, Vec<u8>)>,
    pub manifests: Vec<Manifest>,
}

/// Reads the manifests that are wanted. `root` is the descriptor of the image, and `bytes` what it
/// names.
pub(super) fn choose(
    origin: &dyn Origin,
    root: &Descriptor,
    bytes: Vec<u8>,
    wanted: &Wanted,
    attestations: bool,
) -> Result<Chosen, TransferError> {
    if !is_index(root.media_type().as_ref()) {
        let manifest = parse(origin, root.clone(), bytes)?;
        if let Wanted::One(platform) = wanted {
            check_platform(origin, &manifest, platform)?;
        }
        return Ok(Chosen {
            root: root.clone(),
            indexes: Vec::new(),
            manifests: vec![manifest],
        });
    }
    let (indexes, listed) = walk(origin, root, bytes)?;
    let host = Platform::host();
    let wanted = match wanted {
        Wanted::All => {
            let mut manifests = Vec::new();
            for descriptor in listed {
                if is_attestation(&descriptor) && !attestations {
                    continue;
                }
                // An archive need not have all that an index names.
                let Some(bytes) = manifest(origin, &digest_of(origin, &descriptor)?)? else {
                    continue;
                };
                manifests.push(parse(origin, descriptor, bytes)?);
            }
            if manifests.is_empty() {
                return Err(bad_document(origin, "its index", "leads to no image"));
            }
            return Ok(Chosen {
                root: root.clone(),
                indexes,
                manifests,
            });
        }
        Wanted::One(platform) => platform,
        Wanted::Host => &host,
    };
    let manifest = best(origin, listed, wanted)?;
    Ok(Chosen {
        root: manifest.descriptor.clone(),
        indexes: Vec::new(),
        manifests: vec![manifest],
    })
}

/// The indexes from the root down, and the manifests that they list, in their order.
type Walked = (Vec<(Digest, Vec<u8>)>, Vec<Descriptor>);

fn walk(origin: &dyn Origin, root: &Descriptor, bytes: Vec<u8>) -> Result<Walked, TransferError> {
    let mut indexes = Vec::new();
    let mut listed = Vec::new();
    let mut pending = vec![(root.clone(), Some(bytes), 0)];
    while let Some((descriptor, bytes, depth)) = pending.pop() {
        if depth > MAX_DEPTH || listed.len() + pending.len() > MAX_MANIFESTS {
            let detail = "leads to more manifests than any image has";
            return Err(bad_document(origin, "its index", detail));
        }
        if !is_index(descriptor.media_type().as_ref()) {
            listed.push(descriptor);
            continue;
        }
        let digest = digest_of(origin, &descriptor)?;
        let bytes = match bytes {
            Some(bytes) => Some(bytes),
            None => manifest(origin, &digest)?,
        };
        let Some(bytes) = bytes else {
            continue;
        };
        let index: ImageIndex = serde_json::from_slice(&bytes).map_err(|e| {
            bad_document(
                origin,
                &format!("index {digest}"),
                format!("cannot be understood: {e}"),
            )
        })?;
        let children = index.manifests().iter().rev();
        pending.extend(children.map(|child| (child.clone(), None, depth + 1)));
        indexes.push((digest, bytes));
    }
    Ok((indexes, listed))
}

/// The manifest that serves a platform best.
fn best(
    origin: &dyn Origin,
    listed: Vec<Descriptor>,
    wanted: &Platform,
) -> Result<Manifest, TransferError> {
    let mut offered = Vec::new();
    let mut best: Option<(u8, Manifest)> = None;
    for descriptor in listed {
        if is_attestation(&descriptor) {
            continue;
        }
        // Most descriptors say it; of the others the config has to be read.
        let mut read = None;
        let platform = match declared_by(&descriptor) {
            Some(platform) => platform,
            None => {
                let Some(bytes) = manifest(origin, &digest_of(origin, &descriptor)?)? else {
                    continue;
                };
                let manifest = parse(origin, descriptor.clone(), bytes)?;
                let platform = platform_of(origin, &manifest)?;
                read = Some(manifest);
                platform
            }
        };
        offered.push(platform.to_string());
        let Some(rank) = wanted.accepts(&platform) else {
            continue;
        };
        if best.as_ref().is_some_and(|(best, _)| *best >= rank) {
            continue;
        }
        let found = match read {
            Some(manifest) => manifest,
            None => match manifest(origin, &digest_of(origin, &descriptor)?)? {
                Some(bytes) => parse(origin, descriptor, bytes)?,
                None => continue,
            },
        };
        best = Some((rank, found));
    }
    offered.dedup();
    best.map(|(_, manifest)| manifest)
        .ok_or_else(|| TransferError::NoSuchPlatform {
            image: origin.name().to_owned(),
            wanted: wanted.clone(),
            offered,
        })
}

fn check_platform(
    origin: &dyn Origin,
    manifest: &Manifest,
    wanted: &Platform,
) -> Result<(), TransferError> {
    let platform = platform_of(origin, manifest)?;
    match wanted.accepts(&platform) {
        Some(_) => Ok(()),
        None => Err(TransferError::NoSuchPlatform {
            image: origin.name().to_owned(),
            wanted: wanted.clone(),
            offered: vec![platform.to_string()],
        }),
    }
}

/// What an image's config declares.
fn platform_of(origin: &dyn Origin, manifest: &Manifest) -> Result<Platform, TransferError> {
    let descriptor = manifest.parsed.config();
    let digest = digest_of(origin, descriptor)?;
    let bytes = config(origin, &digest, descriptor.size())?;
    let config = Config::parse(&bytes)
        .map_err(|detail| bad_document(origin, &format!("config {digest}"), detail))?;
    Ok(config.platform)
}

fn parse(
    origin: &dyn Origin,
    descriptor: Descriptor,
    bytes: Vec<u8>,
) -> Result<Manifest, TransferError> {
    let digest = digest_of(origin, &descriptor)?;
    let name = format!("manifest {digest}");
    let parsed: ImageManifest = serde_json::from_slice(&bytes)
        .map_err(|e| bad_document(origin, &name, format!("cannot be understood: {e}")))?;
    let media_type = parsed.config().media_type().to_string();
    if !is_config(&media_type) && !is_attestation(&descriptor) {
        let detail = format!("is that of an artifact ({media_type}), not of a container image");
        return Err(bad_document(origin, &name, detail));
    }
    Ok(Manifest {
        digest,
        descriptor,
        bytes,
        parsed,
    })
}
