//! The names of the store's images: `index.json`, with a descriptor for each name.

use std::fs;
use std::path::PathBuf;

use oci_spec::image::{Descriptor, ImageIndex, MediaType};
use serde_json::Value;

use super::directory::{Store, write_atomically};
use super::error::StoreError;
use super::lock::Lock;
use super::name::{complete, short};
use super::oci_form::original_of;
use crate::blob::Digest;
use crate::oci::{self, CONTAINERD_NAME, REF_NAME};

/// The file that holds the names (OCI image-spec, image-layout.md).
pub(super) const INDEX: &str = "index.json";
/// The maximum size of `index.json` in bytes. A larger file is rejected as hostile.
const MAX_INDEX: u64 = 64 << 20;
/// The minimum length of a digest prefix. A shorter one could be a name.
const MIN_PREFIX: usize = 6;

/// An image in the store.
#[derive(Clone, Debug)]
pub struct StoredImage {
    /// Its name. Image layouts may contain images without a name.
    pub name: Option<String>,
    /// The digest of its manifest, or of its index if the image has several platforms.
    pub digest: Digest,
    /// The descriptor of that manifest or index, with the annotations of its entry in `index.json`.
    pub descriptor: Descriptor,
    /// The entry in `index.json`. For an image with Docker media types it refers to the OCI form;
    /// see `oci_form.rs`.
    pub(super) entry: Descriptor,
}

impl StoredImage {
    /// Whether the image is an index of several platforms.
    pub fn is_index(&self) -> bool {
        oci::is_index(self.descriptor.media_type().as_ref())
    }

    /// Returns one of the manifests of this index, under the same name.
    pub(crate) fn narrowed_to(self, descriptor: Descriptor, digest: Digest) -> Self {
        Self {
            name: self.name,
            digest,
            entry: descriptor.clone(),
            descriptor,
        }
    }

    /// The name, or the digest if the image has no name.
    pub fn shown(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.digest.to_string())
    }
}

/// The `index.json` of a store without images.
pub(super) fn empty() -> ImageIndex {
    let mut index = ImageIndex::default();
    index.set_media_type(Some(MediaType::ImageIndex));
    index
}

impl Store {
    /// Returns all images, oldest entry first.
    ///
    /// # Errors
    /// If `index.json` cannot be read or parsed.
    pub fn images(&self) -> Result<Vec<StoredImage>, StoreError> {
        let index = self.read_names()?;
        index.manifests().iter().map(|d| self.named(d)).collect()
    }

    /// Finds an image by its name, with or without the parts that docker omits, or by a prefix of
    /// its digest.
    ///
    /// # Errors
    /// If no image matches, or several do.
    pub fn find(&self, wanted: &str) -> Result<StoredImage, StoreError> {
        let images = self.images()?;
        choose(&images, wanted).cloned()
    }

    /// Gives an image a name. Replaces any existing image of that name.
    ///
    /// # Errors
    /// If the name is invalid, or `index.json` cannot be written.
    pub fn tag(&self, descriptor: &Descriptor, name: &str) -> Result<StoredImage, StoreError> {
        let name = complete(name)?;
        let (entry, _leases) = self.entry_for(descriptor)?;
        self.change(|images| {
            give_name(images, entry, &name);
            self.named_last(images)
        })
    }

    /// Gives an image in the store another name. The lookup happens under the same lock, so the
    /// image's blobs cannot be removed in between.
    ///
    /// # Errors
    /// If there is no such image, `name` is invalid, or `index.json` cannot be written.
    pub fn tag_again(&self, wanted: &str, name: &str) -> Result<StoredImage, StoreError> {
        let name = complete(name)?;
        self.change(|images| {
            let known: Result<Vec<StoredImage>, _> = images.iter().map(|d| self.named(d)).collect();
            let found = choose(&known?, wanted)?.entry.clone();
            give_name(images, found, &name);
            self.named_last(images)
        })
    }

    /// Adds an image without a name, unless the store already has the image.
    ///
    /// # Errors
    /// If `index.json` cannot be written.
    pub fn keep_unnamed(&self, descriptor: &Descriptor) -> Result<StoredImage, StoreError> {
        let (mut entry, _leases) = self.entry_for(descriptor)?;
        set_name(&mut entry, None);
        self.change(|images| {
            if !images.iter().any(|i| i.digest() == entry.digest()) {
                images.push(entry.clone());
            }
            self.named(&entry)
        })
    }

    /// Removes a name. Blobs that only this name refers to stay until [`Store::prune`].
    ///
    /// # Errors
    /// If there is no such image, or `index.json` cannot be written.
    pub fn untag(&self, wanted: &str) -> Result<StoredImage, StoreError> {
        self.change(|images| {
            let known: Result<Vec<StoredImage>, _> = images.iter().map(|d| self.named(d)).collect();
            let found = choose(&known?, wanted)?.clone();
            images.retain(|image| *image != found.entry);
            Ok(found)
        })
    }

    /// Changes the names atomically, under the exclusive lock.
    fn change(
        &self,
        change: impl FnOnce(&mut Vec<Descriptor>) -> Result<StoredImage, StoreError>,
    ) -> Result<StoredImage, StoreError> {
        let _lock = Lock::exclusive(&self.root)?;
        let mut index = self.read_names()?;
        let mut images = index.manifests().clone();
        let changed = change(&mut images)?;
        if images != *index.manifests() {
            index.set_manifests(images);
            self.write_names(&index)?;
        }
        Ok(changed)
    }

    /// Returns the last image, which was added most recently.
    fn named_last(&self, images: &[Descriptor]) -> Result<StoredImage, StoreError> {
        match images.last() {
            Some(last) => self.named(last),
            None => Err(self.bad_names("has no images")),
        }
    }

    fn index_path(&self) -> PathBuf {
        self.root.join(INDEX)
    }

    pub(super) fn read_names(&self) -> Result<ImageIndex, StoreError> {
        let path = self.index_path();
        let at = StoreError::at(&path);
        let meta = fs::metadata(&path).map_err(&at)?;
        if !meta.is_file() || meta.len() > MAX_INDEX {
            return Err(self.bad_names("is not a regular file, or is too large"));
        }
        let bytes = fs::read(&path).map_err(&at)?;
        oci::parse(&bytes).map_err(|detail| self.bad_names(&detail))
    }

    /// Writes `index.json`. The caller must hold the exclusive lock.
    pub(super) fn write_names(&self, index: &ImageIndex) -> Result<(), StoreError> {
        write_atomically(&self.index_path(), &document_of(index)?)
    }

    pub(super) fn bad_names(&self, detail: &str) -> StoreError {
        StoreError::Names {
            store: self.root.clone(),
            detail: detail.to_owned(),
        }
    }

    pub(super) fn bad_document(&self, document: &str, detail: &str) -> StoreError {
        StoreError::Document {
            store: self.root.clone(),
            document: document.to_owned(),
            detail: detail.to_owned(),
        }
    }

    fn named(&self, entry: &Descriptor) -> Result<StoredImage, StoreError> {
        let descriptor = original_of(entry).unwrap_or_else(|| entry.clone());
        Ok(StoredImage {
            name: name_of(entry).map(str::to_owned),
            digest: self.digest_of(&descriptor)?,
            descriptor,
            entry: entry.clone(),
        })
    }

    pub(super) fn digest_of(&self, descriptor: &Descriptor) -> Result<Digest, StoreError> {
        oci::digest_of(descriptor).map_err(|detail| self.bad_document("a descriptor", &detail))
    }
}

/// Serializes an `index.json` deterministically: annotations are sorted by key.
pub(crate) fn document_of(index: &ImageIndex) -> std::io::Result<Vec<u8>> {
    let mut document = serde_json::to_value(index)?;
    let manifests = document.get_mut("manifests").and_then(Value::as_array_mut);
    for manifest in manifests.into_iter().flatten() {
        if let Some(annotations) = manifest
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            annotations.sort_keys();
        }
    }
    Ok(serde_json::to_vec(&document)?)
}

/// Gives an image a name and removes that name from any other image.
fn give_name(images: &mut Vec<Descriptor>, mut descriptor: Descriptor, name: &str) {
    set_name(&mut descriptor, Some(name));
    images.retain(|image| match name_of(image) {
        Some(other) => short(other) != short(name),
        // An image that has a name needs no entry without a name.
        None => image.digest() != descriptor.digest(),
    });
    images.push(descriptor);
}

/// Sets the name in a descriptor. Replaces the names it had elsewhere, including containerd's.
fn set_name(descriptor: &mut Descriptor, name: Option<&str>) {
    let mut annotations = descriptor.annotations().clone().unwrap_or_default();
    annotations.remove(CONTAINERD_NAME);
    annotations.remove(REF_NAME);
    if let Some(name) = name {
        annotations.insert(REF_NAME.to_owned(), name.to_owned());
    }
    descriptor.set_annotations((!annotations.is_empty()).then_some(annotations));
}

fn name_of(descriptor: &Descriptor) -> Option<&str> {
    let annotations = descriptor.annotations().as_ref()?;
    annotations.get(REF_NAME).map(String::as_str)
}

/// Finds the image that `wanted` refers to; see [`Store::find`].
fn choose<'a>(images: &'a [StoredImage], wanted: &str) -> Result<&'a StoredImage, StoreError> {
    let named = |same: &dyn Fn(&str) -> bool| {
        let mut images = images.iter();
        images.find(|image| image.name.as_deref().is_some_and(same))
    };
    let exact = named(&|name| name == wanted);
    if let Some(found) = exact.or_else(|| named(&|name| short(name) == short(wanted))) {
        return Ok(found);
    }
    let prefix = wanted.strip_prefix("sha256:").unwrap_or(wanted);
    let is_prefix = prefix.len() >= MIN_PREFIX && prefix.bytes().all(|b| b.is_ascii_hexdigit());
    let mut found: Vec<&StoredImage> = images
        .iter()
        .filter(|image| {
            is_prefix && image.digest.hex().starts_with(prefix)
                || image.digest.to_string() == wanted
        })
        .collect();
    found.dedup_by(|a, b| a.digest == b.digest);
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(StoreError::NoSuchName {
            wanted: wanted.to_owned(),
            names: images.iter().map(StoredImage::shown).collect(),
        }),
        several => Err(StoreError::Ambiguous {
            wanted: wanted.to_owned(),
            digests: several.iter().map(|i| i.digest.to_string()).collect(),
        }),
    }
}
