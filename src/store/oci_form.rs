//! The OCI form of images that use Docker media types (distribution, manifest-v2-2.md).
//!
//! Programs that read image layouts accept only OCI media types: skopeo, podman and umoci skip an
//! entry of `index.json` whose manifest has a Docker media type. The store therefore keeps the
//! original documents and, next to them, copies with OCI media types. The entry in `index.json`
//! refers to the OCI form. An annotation of the entry holds the descriptor of the original, which
//! is the one that imgfs shows. Both forms share the config and layer blobs.

use std::collections::HashSet;

use oci_spec::image::{Descriptor, DescriptorBuilder, MediaType};
use serde_json::Value;

use super::blobs::Lease;
use super::directory::Store;
use super::error::StoreError;
use crate::blob::{Digest, Hasher};
use crate::oci::{self, MAX_DEPTH, is_index};

/// The annotation of an entry that holds the descriptor of the original, as JSON.
const ORIGINAL: &str = "imgfs.original";

/// Docker media types and their OCI equivalents.
const MEDIA_TYPES: [(&str, &str); 7] = [
    (
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.index.v1+json",
    ),
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
    ),
    (
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.oci.image.config.v1+json",
    ),
    (
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.oci.image.layer.v1.tar",
    ),
    (
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    ),
    (
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.oci.image.layer.v1.tar+zstd",
    ),
    (
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ),
];

/// An image whose documents have been converted to OCI media types.
pub(crate) struct OciForm {
    /// The descriptor of the converted manifest or index, with the annotations of the original
    /// descriptor.
    pub descriptor: Descriptor,
    /// The converted documents.
    pub documents: Vec<(Digest, Vec<u8>)>,
    /// The digests of the original documents that were converted.
    pub replaced: HashSet<Digest>,
}

/// Returns the descriptor of the original that an entry of `index.json` stands for, with the
/// annotations of the entry. Returns `None` if the entry refers to the image itself.
pub(crate) fn original_of(entry: &Descriptor) -> Option<Descriptor> {
    let mut annotations = entry.annotations().clone()?;
    let mut original: Descriptor = oci::parse(annotations.remove(ORIGINAL)?.as_bytes()).ok()?;
    original.set_annotations((!annotations.is_empty()).then_some(annotations));
    Some(original)
}

impl Store {
    /// Returns the OCI form of an image whose documents are in the store, or `None` if the image
    /// already uses OCI media types.
    ///
    /// # Errors
    /// If a document is damaged.
    pub(crate) fn oci_form(&self, image: &Descriptor) -> Result<Option<OciForm>, StoreError> {
        if oci_name(image.media_type().as_ref()).is_none() {
            return Ok(None);
        }
        let mut form = OciForm {
            descriptor: image.clone(),
            documents: Vec::new(),
            replaced: HashSet::new(),
        };
        let entry = serde_json::to_value(image).map_err(std::io::Error::from)?;
        let Some(entry) = self.convert(entry, &mut form, 0)? else {
            return Ok(None);
        };
        let read = serde_json::from_value(entry).map_err(std::io::Error::from)?;
        form.descriptor = read;
        Ok(Some(form))
    }

    /// Returns the entry of `index.json` for an image, and leases that keep the documents it refers
    /// to from being pruned before the entry is written.
    pub(super) fn entry_for(
        &self,
        image: &Descriptor,
    ) -> Result<(Descriptor, Vec<Lease>), StoreError> {
        let Some(form) = self.oci_form(image)? else {
            return Ok((image.clone(), Vec::new()));
        };
        let mut leases = Vec::new();
        for (digest, bytes) in &form.documents {
            leases.push(self.put(digest, bytes)?);
        }
        let mut original = DescriptorBuilder::default()
            .media_type(MediaType::from(image.media_type().as_ref()))
            .digest(image.digest().clone())
            .size(image.size());
        if let Some(platform) = image.platform() {
            original = original.platform(platform.clone());
        }
        let original = original.build().map_err(std::io::Error::other)?;
        let original = serde_json::to_string(&original).map_err(std::io::Error::from)?;
        let mut entry = form.descriptor;
        let mut annotations = entry.annotations().clone().unwrap_or_default();
        annotations.insert(ORIGINAL.to_owned(), original);
        entry.set_annotations(Some(annotations));
        Ok((entry, leases))
    }

    /// Converts a descriptor with a Docker media type, and the document it refers to, to the OCI
    /// form. Returns `None` if the document is not in the store. Returns other descriptors
    /// unchanged.
    fn convert(
        &self,
        mut descriptor: Value,
        form: &mut OciForm,
        depth: usize,
    ) -> Result<Option<Value>, StoreError> {
        let Some(media_type) = media_type_of(&descriptor).and_then(oci_name) else {
            return Ok(Some(descriptor));
        };
        let text = descriptor["digest"].as_str().unwrap_or_default();
        let digest: Digest = text
            .parse()
            .map_err(|e| self.bad_document("a descriptor", &format!("has a bad digest: {e}")))?;
        let Some(bytes) = self.document(&digest)? else {
            return Ok(None);
        };
        if depth > MAX_DEPTH {
            return Err(self.bad_document(text, "is nested too deeply"));
        }
        let unclear = |error: serde_json::Error| {
            self.bad_document(text, &format!("cannot be parsed: {error}"))
        };
        let mut document: Value = serde_json::from_slice(&bytes).map_err(unclear)?;
        let Some(members) = document.as_object_mut() else {
            return Err(self.bad_document(text, "is not a manifest"));
        };
        members.insert("mediaType".to_owned(), media_type.into());
        if is_index(media_type) {
            let listed = members.remove("manifests").unwrap_or_default();
            let mut manifests = Vec::new();
            for child in listed.as_array().into_iter().flatten() {
                manifests.extend(self.convert(child.clone(), form, depth + 1)?);
            }
            members.insert("manifests".to_owned(), manifests.into());
        } else {
            let layers = members.get_mut("layers").and_then(Value::as_array_mut);
            layers.into_iter().flatten().for_each(rename);
            members.get_mut("config").into_iter().for_each(rename);
        }
        let bytes = serde_json::to_vec(&document).map_err(unclear)?;
        let mut hasher = Hasher::sha256();
        hasher.update(&bytes);
        let made = hasher.finish();
        descriptor["mediaType"] = media_type.into();
        descriptor["digest"] = made.to_string().into();
        descriptor["size"] = bytes.len().into();
        form.documents.push((made, bytes));
        form.replaced.insert(digest);
        Ok(Some(descriptor))
    }
}

/// Replaces the Docker media type of a descriptor by the OCI one. The blob stays the same.
fn rename(descriptor: &mut Value) {
    if let Some(name) = media_type_of(descriptor).and_then(oci_name) {
        descriptor["mediaType"] = name.into();
    }
}

fn media_type_of(descriptor: &Value) -> Option<&str> {
    descriptor.get("mediaType")?.as_str()
}

/// Returns the OCI equivalent of a Docker media type.
fn oci_name(media_type: &str) -> Option<&'static str> {
    let mut known = MEDIA_TYPES.iter();
    known
        .find(|(docker, _)| *docker == media_type)
        .map(|(_, oci)| *oci)
}
