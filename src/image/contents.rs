//! Everything in an archive or a layout that is needed to copy it: descriptors of its images, and blobs
//! by digest. A docker-archive has no OCI manifests, so they are generated. The same archive always
//! gives the same manifests.

use std::collections::HashMap;
use std::sync::Arc;

use oci_spec::image::{Descriptor, DescriptorBuilder, ImageManifestBuilder, MediaType};

use super::caches::Caches;
use super::docker_archive::{self, Item};
use super::error::ImageError;
use super::files::Files;
use super::format::{ArchiveFormat, archive_format};
use super::opened::Image;
use super::reference::Reference;
use super::{combined_archive, oci_layout};
use crate::blob::{Bytes, Codec, Digest, Hasher, ReadAt, TAR, unpack};
use crate::oci::{CONTAINERD_NAME, REF_NAME, annotation};
use crate::store::short;

/// The images that a reference leads to.
pub(crate) struct Contents {
    /// The images, each with the descriptor of its manifest or index and its names.
    pub images: Vec<Content>,
    /// Entries that are not images, or not images that imgfs can read.
    pub skipped: Vec<Skipped>,
    /// Why the remaining images cannot be read.
    pub failed: Vec<ImageError>,
    reference: Reference,
    files: Files,
    /// Generated documents, and blobs that are not stored under their digests.
    made: HashMap<Digest, Arc<dyn ReadAt>>,
}

/// An entry that is not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name, or its digest if it has no name.
    pub name: String,
    /// The reason, for messages: `an attestation`.
    pub why: String,
}

/// One image.
pub(crate) struct Content {
    /// The descriptor of its manifest or index.
    pub descriptor: Descriptor,
    /// Its names, each either full or only a tag. Often empty.
    pub names: Vec<String>,
}

/// Lists the images to copy. If the reference has a name, the result has only that image.
///
/// # Errors
/// If there is no image with that name, or the list of images cannot be read. Errors in one of several
/// images are part of the result.
pub(crate) fn contents(reference: &Reference, caches: &Caches<'_>) -> Result<Contents, ImageError> {
    let files = Files::open(reference, caches)?;
    match archive_format(reference, &files)? {
        ArchiveFormat::OciLayout => layout(reference, files),
        ArchiveFormat::DockerArchive => docker(reference, files),
        ArchiveFormat::Both if combined_archive::prefers_docker(reference, &files) => {
            docker(reference, files)
        }
        ArchiveFormat::Both => layout(reference, files),
    }
}

impl Contents {
    fn new(reference: &Reference, files: Files) -> Self {
        Self {
            images: Vec::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            reference: reference.clone(),
            files,
            made: HashMap::new(),
        }
    }
}

fn layout(reference: &Reference, files: Files) -> Result<Contents, ImageError> {
    let roots = oci_layout::roots(reference, &files)?;
    let mut contents = Contents::new(reference, files);
    for descriptor in roots {
        let name = name_of(&descriptor).map(str::to_owned);
        let shown = name
            .clone()
            .unwrap_or_else(|| descriptor.digest().to_string());
        let skipped = |why| Skipped { name: shown, why };
        let nature = oci_layout::nature(reference, &contents.files, &descriptor);
        match nature.map(|nature| nature.why_not_shown()) {
            Ok(None) => contents.images.push(Content {
                names: name.into_iter().collect(),
                descriptor,
            }),
            Ok(Some(why)) => contents.skipped.push(skipped(why)),
            Err(error) => contents.failed.push(error),
        }
    }
    Ok(contents)
}

/// Returns the name of an entry of a layout. containerd's full name is preferred if the other one is
/// only its tag.
fn name_of(descriptor: &Descriptor) -> Option<&str> {
    let named = |key| annotation(descriptor.annotations(), key);
    match (named(REF_NAME), named(CONTAINERD_NAME)) {
        (Some(name), Some(full)) if short(name) != short(full) => Some(full),
        (None, full) => full,
        (name, _) => name,
    }
}

fn docker(reference: &Reference, files: Files) -> Result<Contents, ImageError> {
    let list = docker_archive::items(reference, &files)?;
    let items: Vec<&Item> = match reference.name {
        Some(_) => vec![docker_archive::choose(reference, &list.items)?],
        None => list.items.iter().collect(),
    };
    let mut contents = Contents::new(reference, files);
    for item in items {
        let manifest = list.bytes.clone();
        let image = docker_archive::read(reference, &contents.files, item, manifest, Vec::new());
        match image.and_then(|image| contents.manifest_of(image)) {
            Ok(descriptor) => contents.images.push(Content {
                descriptor,
                names: item.repo_tags.clone().unwrap_or_default(),
            }),
            Err(error) => contents.failed.push(error),
        }
    }
    Ok(contents)
}

impl Contents {
    /// Returns the blob with this digest, or `None` if it is not in the image.
    ///
    /// # Errors
    /// If the blob cannot be opened.
    pub(crate) fn blob(&self, digest: &Digest) -> Result<Option<Arc<dyn ReadAt>>, ImageError> {
        if let Some(blob) = self.made.get(digest) {
            return Ok(Some(blob.clone()));
        }
        match self.files.blob(&self.reference, digest) {
            Err(ImageError::MissingBlob { .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Generates a manifest for an image of a docker-archive, and returns its descriptor.
    fn manifest_of(&mut self, image: Image) -> Result<Descriptor, ImageError> {
        let name = image.name.clone();
        let io = |error| ImageError::Io {
            image: name.clone(),
            error,
        };
        let mut layers = Vec::new();
        for layer in image.layers {
            let mut head = [0; 8];
            let n = layer.source.read_at(&mut head, 0).map_err(io)?;
            let codec = Codec::sniff(head.get(..n).unwrap_or_default());
            let codec = codec.unwrap_or(Codec::Plain);
            let (codec, media_type, source) = match codec.layer_media_type() {
                Some(media_type) => (codec, media_type, layer.source),
                // Few programs that read the store support a compression without a media type.
                None => {
                    let unpacked = unpack(layer.source).map_err(|error| ImageError::Layer {
                        image: name.clone(),
                        error,
                    })?;
                    let unpacked: Arc<dyn ReadAt> = Arc::new(unpacked);
                    (Codec::Plain, TAR, unpacked)
                }
            };
            let digest = match (codec, layer.diff_id) {
                (Codec::Plain, Some(diff_id)) => diff_id,
                _ => hash(&*source).map_err(io)?,
            };
            layers.push(self.describe(media_type.into(), digest, source)?);
        }
        let config = self.document(MediaType::ImageConfig, image.documents.config)?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(config)
            .layers(layers)
            .build();
        let manifest = manifest.map_err(|e| self.unusable(&e.to_string()))?;
        let bytes = serde_json::to_vec(&manifest).map_err(|e| self.unusable(&e.to_string()))?;
        self.document(MediaType::ImageManifest, bytes)
    }

    fn document(&mut self, kind: MediaType, bytes: Vec<u8>) -> Result<Descriptor, ImageError> {
        let mut hasher = Hasher::sha256();
        hasher.update(&bytes);
        let source = Arc::new(Bytes(bytes.into()));
        self.describe(kind, hasher.finish(), source)
    }

    fn describe(
        &mut self,
        kind: MediaType,
        digest: Digest,
        source: Arc<dyn ReadAt>,
    ) -> Result<Descriptor, ImageError> {
        let parsed: oci_spec::image::Digest = digest
            .to_string()
            .parse()
            .map_err(|_| self.unusable("one of its digests cannot be used in a descriptor"))?;
        let descriptor = DescriptorBuilder::default()
            .media_type(kind)
            .digest(parsed)
            .size(source.size())
            .build();
        let descriptor = descriptor.map_err(|e| self.unusable(&e.to_string()))?;
        self.made.insert(digest, source);
        Ok(descriptor)
    }

    fn unusable(&self, detail: &str) -> ImageError {
        ImageError::Document {
            image: self.reference.to_string(),
            document: "manifest.json".to_owned(),
            detail: detail.to_owned(),
        }
    }
}

fn hash(source: &dyn ReadAt) -> std::io::Result<Digest> {
    let mut hasher = Hasher::sha256();
    let mut buf = vec![0; 256 << 10];
    let mut at = 0;
    loop {
        match source.read_at(&mut buf, at)? {
            0 => return Ok(hasher.finish()),
            n => {
                hasher.update(buf.get(..n).unwrap_or_default());
                at += n as u64;
            }
        }
    }
}
