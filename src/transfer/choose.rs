//! Chooses which manifests of an image to transfer: that of one platform, or those of all.

use oci_spec::image::{Descriptor, ImageManifest};

use super::error::TransferError;
use super::origin::{BlobOrigin, bad_document, config, digest_of, manifest};
use crate::blob::Digest;
use crate::image::{Config, Skipped};
use crate::oci::{self, Nature, Platform, WalkError, declared_platform, is_attestation};

/// The platforms of an image to transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WantedPlatforms {
    /// The host's platform. If the image has only one platform, that one.
    #[default]
    Host,
    /// This platform.
    One(Platform),
    /// All platforms.
    All,
}

/// The manifest of one platform.
pub(super) struct Manifest {
    pub digest: Digest,
    pub descriptor: Descriptor,
    pub bytes: Vec<u8>,
    pub parsed: ImageManifest,
}

/// The chosen parts of an image.
pub(super) struct Selection {
    /// The descriptor that the image's name is to refer to.
    pub root: Descriptor,
    /// The indexes that lead to the manifests, exactly as received.
    pub indexes: Vec<(Digest, Vec<u8>)>,
    pub manifests: Vec<Manifest>,
    /// Images of an index that imgfs cannot show.
    pub skipped: Vec<Skipped>,
}

/// Reads the chosen manifests. `root` is the descriptor of the image, and `bytes` the document that
/// it refers to. With `attestations`, manifests that accompany images are chosen too if all
/// platforms are wanted.
///
/// # Errors
/// If there is no matching image, or it cannot be shown.
pub(super) fn choose(
    origin: &dyn BlobOrigin,
    root: &Descriptor,
    bytes: Vec<u8>,
    wanted: &WantedPlatforms,
    attestations: bool,
) -> Result<Selection, TransferError> {
    let root_digest = digest_of(origin, root)?;
    let mut root_bytes = Some(bytes);
    let mut fetch = |digest: &Digest| match root_bytes.take_if(|_| *digest == root_digest) {
        Some(bytes) => Ok(Some(bytes)),
        None => manifest(origin, digest),
    };
    let walk = oci::walk(std::slice::from_ref(root), &mut fetch);
    let walk = walk.map_err(|error| match error {
        WalkError::Fetch(error) => error,
        WalkError::Document { document, detail } => bad_document(origin, &document, detail),
    })?;
    if walk.indexes.is_empty() {
        let bytes = match root_bytes {
            Some(bytes) => bytes,
            // The walk read it to see whether it is an index.
            None => manifest(origin, &root_digest)?.unwrap_or_default(),
        };
        let manifest = parse(origin, root.clone(), bytes)?;
        check_image(origin, &manifest)?;
        if let WantedPlatforms::One(platform) = wanted {
            check_platform(origin, &manifest, platform)?;
        }
        return Ok(Selection {
            root: root.clone(),
            indexes: Vec::new(),
            manifests: vec![manifest],
            skipped: Vec::new(),
        });
    }
    let mut listed: Vec<Descriptor> = walk.manifests.into_iter().map(|m| m.descriptor).collect();
    if *wanted == WantedPlatforms::All {
        listed.retain(|descriptor| attestations || !is_attestation(descriptor));
        return all(origin, root, walk.indexes, listed, attestations);
    }
    let manifests = images(origin, listed)?;
    let host = Platform::host();
    let wanted = match wanted {
        WantedPlatforms::One(platform) => Some(platform),
        // A single image needs no choice, as when it is opened.
        _ if manifests.len() == 1 => None,
        _ => Some(&host),
    };
    let manifest = best(origin, manifests, wanted)?;
    Ok(Selection {
        root: manifest.descriptor.clone(),
        indexes: Vec::new(),
        manifests: vec![manifest],
        skipped: Vec::new(),
    })
}

/// Returns all listed manifests that exist, except images that cannot be shown. Manifests may be
/// missing, because an archive need not contain everything that an index lists. With `companions`,
/// manifests that are not images are included.
fn all(
    origin: &dyn BlobOrigin,
    root: &Descriptor,
    indexes: Vec<(Digest, Vec<u8>)>,
    listed: Vec<Descriptor>,
    companions: bool,
) -> Result<Selection, TransferError> {
    let mut manifests = Vec::new();
    let mut images = 0;
    let mut skipped = Vec::new();
    let mut refused = None;
    for descriptor in listed {
        let Some(bytes) = manifest(origin, &digest_of(origin, &descriptor)?)? else {
            continue;
        };
        let manifest = parse(origin, descriptor, bytes)?;
        let nature = nature(&manifest);
        match &nature {
            Nature::Image | Nature::Referrer => images += 1,
            Nature::Artifact(_) if companions => {}
            Nature::Artifact(_) => continue,
            Nature::Unreadable(_) => {
                refused = refused.or(check_image(origin, &manifest).err());
                skipped.extend(nature.why_not_shown().map(|why| skip(&manifest, why)));
                continue;
            }
        }
        manifests.push(manifest);
    }
    if images == 0 {
        let none = || bad_document(origin, "its index", "refers to no image");
        return Err(refused.unwrap_or_else(none));
    }
    Ok(Selection {
        root: root.clone(),
        indexes,
        manifests,
        skipped,
    })
}

/// A manifest listed by an index. It is read only if its descriptor does not contain enough.
struct Offered {
    descriptor: Descriptor,
    read: Option<Manifest>,
}

/// Returns the images among the listed manifests. A descriptor with a platform is taken for an
/// image.
fn images(origin: &dyn BlobOrigin, listed: Vec<Descriptor>) -> Result<Vec<Offered>, TransferError> {
    let mut images = Vec::new();
    let mut refused = None;
    for descriptor in listed {
        if is_attestation(&descriptor) {
            continue;
        }
        if declared_platform(&descriptor).is_some() {
            let read = None;
            images.push(Offered { descriptor, read });
            continue;
        }
        let Some(bytes) = manifest(origin, &digest_of(origin, &descriptor)?)? else {
            continue;
        };
        let manifest = parse(origin, descriptor.clone(), bytes)?;
        match check_image(origin, &manifest) {
            Ok(()) => images.push(Offered {
                descriptor,
                read: Some(manifest),
            }),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(error) if images.is_empty() => Err(error),
        _ => Ok(images),
    }
}

/// Returns the manifest that fits a platform best, or the first manifest if no platform is given.
fn best(
    origin: &dyn BlobOrigin,
    images: Vec<Offered>,
    wanted: Option<&Platform>,
) -> Result<Manifest, TransferError> {
    let mut offered = Vec::new();
    let mut best: Option<(u8, Manifest)> = None;
    for Offered { descriptor, read } in images {
        let platform = match (declared_platform(&descriptor), &read) {
            (Some(platform), _) => platform,
            (None, Some(manifest)) => platform_of(origin, manifest)?,
            (None, None) => continue,
        };
        let shown = platform.to_string();
        if !offered.contains(&shown) {
            offered.push(shown);
        }
        let Some(rank) = wanted.map_or(Some(0), |wanted| wanted.accepts(&platform)) else {
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
        check_image(origin, &found)?;
        best = Some((rank, found));
    }
    let wanted = wanted.cloned().unwrap_or_else(Platform::host);
    best.map(|(_, manifest)| manifest)
        .ok_or_else(|| TransferError::NoSuchPlatform {
            image: origin.name().to_owned(),
            wanted,
            offered,
        })
}

fn check_platform(
    origin: &dyn BlobOrigin,
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

/// Returns the platform that an image's config declares.
fn platform_of(origin: &dyn BlobOrigin, manifest: &Manifest) -> Result<Platform, TransferError> {
    let descriptor = manifest.parsed.config();
    let digest = digest_of(origin, descriptor)?;
    let bytes = config(origin, &digest, descriptor.size())?;
    let config = Config::parse(&bytes)
        .map_err(|detail| bad_document(origin, &format!("config {digest}"), detail))?;
    Ok(config.platform)
}

fn parse(
    origin: &dyn BlobOrigin,
    descriptor: Descriptor,
    bytes: Vec<u8>,
) -> Result<Manifest, TransferError> {
    let digest = digest_of(origin, &descriptor)?;
    let parsed: ImageManifest = oci::parse(&bytes)
        .map_err(|detail| bad_document(origin, &format!("manifest {digest}"), detail))?;
    Ok(Manifest {
        digest,
        descriptor,
        bytes,
        parsed,
    })
}

/// Returns what kind of object a manifest is, according to its descriptor or else its content.
fn nature(manifest: &Manifest) -> Nature {
    let by_descriptor = Nature::of_descriptor(&manifest.descriptor);
    by_descriptor.unwrap_or_else(|| Nature::of_content(&manifest.parsed))
}

/// Describes an image of an index that is skipped, by its platform.
fn skip(manifest: &Manifest, why: String) -> Skipped {
    let platform = declared_platform(&manifest.descriptor).map(|platform| platform.to_string());
    Skipped {
        name: platform.unwrap_or_else(|| manifest.digest.to_string()),
        why,
    }
}

/// Returns an error for a manifest that is not an image, or whose image no mount could show.
fn check_image(origin: &dyn BlobOrigin, manifest: &Manifest) -> Result<(), TransferError> {
    let detail = match nature(manifest) {
        Nature::Image | Nature::Referrer => return Ok(()),
        Nature::Artifact(what) => format!("is the manifest of {what}, not of a container image"),
        Nature::Unreadable(media_type) => {
            format!("has layers that imgfs does not read ({media_type})")
        }
    };
    let name = format!("manifest {}", manifest.digest);
    Err(bad_document(origin, &name, detail))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::{Value, json};

    use super::super::origin::Sink;
    use super::*;
    use crate::blob::Hasher;

    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

    /// An origin with documents in memory.
    #[derive(Default)]
    struct Memory(HashMap<String, Vec<u8>>);

    impl Memory {
        /// Stores a document and returns its descriptor.
        fn put(&mut self, media_type: &str, document: &Value) -> Value {
            let bytes = document.to_string().into_bytes();
            let mut hasher = Hasher::sha256();
            hasher.update(&bytes);
            let digest = hasher.finish().to_string();
            let size = bytes.len();
            self.0.insert(digest.clone(), bytes);
            json!({"mediaType": media_type, "digest": digest, "size": size})
        }

        /// Stores a manifest whose config declares a platform, and returns its descriptor.
        fn image(&mut self, arch: &str) -> Value {
            let config = json!({
                "os": "linux", "architecture": arch, "rootfs": {"type": "layers", "diff_ids": []},
            });
            let config = self.put("application/vnd.oci.image.config.v1+json", &config);
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [],
            });
            self.put(MANIFEST, &manifest)
        }

        fn on(&mut self, arch: &str) -> Value {
            let mut descriptor = self.image(arch);
            descriptor["platform"] = json!({"os": "linux", "architecture": arch});
            descriptor
        }

        fn attestation(&mut self) -> Value {
            let mut descriptor = self.on("unknown");
            descriptor["platform"]["os"] = "unknown".into();
            descriptor["annotations"] =
                json!({"vnd.docker.reference.type": "attestation-manifest"});
            descriptor
        }

        fn index(&mut self, manifests: &[Value]) -> Value {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
            self.put(INDEX, &index)
        }

        /// Returns the chosen architectures, and whether the name is to refer to the root.
        fn choose(
            &self,
            root: &Value,
            wanted: &WantedPlatforms,
        ) -> Result<(Vec<String>, bool), String> {
            let root: Descriptor = serde_json::from_value(root.clone()).unwrap();
            let bytes = self.0[root.digest().as_ref()].clone();
            let chosen = choose(self, &root, bytes, wanted, false).map_err(|e| e.to_string())?;
            let arch = |m: &Manifest| platform_of(self, m).unwrap().arch;
            let arches = chosen.manifests.iter().map(arch).collect();
            Ok((arches, chosen.root.digest() == root.digest()))
        }
    }

    impl BlobOrigin for Memory {
        fn name(&self) -> &str {
            "app"
        }

        fn manifest(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TransferError> {
            Ok(self.0.get(&digest.to_string()).cloned())
        }

        fn blob(
            &self,
            digest: &Digest,
            _: u64,
            _: u64,
            sink: &mut Sink<'_>,
        ) -> Result<(), TransferError> {
            sink(&self.0[&digest.to_string()]).map_err(|_| TransferError::GivenUp)
        }
    }

    fn one(platform: &str) -> WantedPlatforms {
        WantedPlatforms::One(platform.parse().unwrap())
    }

    #[test]
    fn a_platform_of_an_index_and_of_an_index_in_it() {
        let mut memory = Memory::default();
        let inner = [memory.on("arm64"), memory.attestation()];
        let inner = memory.index(&inner);
        // Only the config of this image declares its platform.
        let silent = memory.image("riscv64");
        let list = [memory.on("amd64"), inner, silent];
        let root = memory.index(&list);
        for arch in ["amd64", "arm64", "riscv64"] {
            let chosen = memory.choose(&root, &one(&format!("linux/{arch}")));
            assert_eq!(chosen, Ok((vec![arch.to_owned()], false)));
        }
        let (arches, is_root) = memory.choose(&root, &WantedPlatforms::All).unwrap();
        assert_eq!(arches, ["amd64", "arm64", "riscv64"]);
        assert!(is_root);
        let said = memory.choose(&root, &one("linux/s390x")).unwrap_err();
        let list = "\n  linux/amd64\n  linux/arm64\n  linux/riscv64";
        assert!(said.contains(list), "{said}");
    }

    /// BuildKit makes such an index for a build for one platform: the image and an attestation.
    #[test]
    fn a_single_image_needs_no_choice_and_is_not_taken_for_another() {
        let mut memory = Memory::default();
        let list = [memory.on("s390x"), memory.attestation()];
        let index = memory.index(&list);
        let manifest = memory.on("s390x");
        for root in [index, manifest] {
            let (arches, _) = memory.choose(&root, &WantedPlatforms::Host).unwrap();
            assert_eq!(arches, ["s390x"]);
            let said = memory.choose(&root, &one("linux/arm64")).unwrap_err();
            assert!(said.contains("linux/s390x"), "{said}");
        }
    }

    #[test]
    fn an_index_without_an_image_is_an_error_and_a_missing_manifest_is_left_out() {
        let mut memory = Memory::default();
        let empty = memory.index(&[]);
        let said = memory.choose(&empty, &WantedPlatforms::All).unwrap_err();
        assert!(said.contains("no image"), "{said}");
        assert!(memory.choose(&empty, &WantedPlatforms::Host).is_err());
        // A manifest that the index lists is missing.
        let list = [memory.on("amd64"), memory.on("arm64")];
        let root = memory.index(&list);
        memory.0.remove(list[1]["digest"].as_str().unwrap());
        let (arches, _) = memory.choose(&root, &WantedPlatforms::All).unwrap();
        assert_eq!(arches, ["amd64"]);
    }
}
