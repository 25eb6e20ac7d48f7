//! `imgfs save`: writes images of the store to one archive that other programs can load.
//!
//! An oci-archive contains the store's blobs unchanged, so all digests are preserved. Like the
//! archives that Docker writes since version 25, it also has a `manifest.json` for older versions
//! of `docker load`. A docker-archive has no manifests of its own and its layers are not
//! compressed, so only the digests of an image's config and of its decoded layers are preserved.
//!
//! The archive is reproducible: the same images give the same bytes.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read, Write};
use std::sync::Arc;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde_json::json;

use super::error::TransferError;
use crate::blob::{Bytes, Digest, FileSource, Hasher, ReadAt, SequentialReader};
use crate::image::{Platform, Reference, manifest_of};
use crate::oci::parse_name;
use crate::oci::{self, CONTAINERD_NAME};
use crate::open::{self, OpenOptions};
use crate::store::{Store, StoreError, StoredImage, document_of, short};

/// An archive format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// An image layout in a tar file.
    OciArchive,
    /// The format that `docker save` wrote before version 25.
    DockerArchive,
}

/// The parameters of [`save`].
pub(crate) struct SaveOptions<'a> {
    /// The store that contains the images.
    pub store: &'a Store,
    /// The images, by name or by digest prefix.
    pub names: &'a [String],
    /// The archive format.
    pub format: Format,
    /// The platform to choose from an image with several. A docker-archive can contain only one.
    pub platform: Option<&'a Platform>,
    /// The options for opening images, which include the cache for layer indexes.
    pub options: &'a OpenOptions,
}

/// Writes images to one archive. The images are locked meanwhile, so that no other process can
/// remove their blobs.
///
/// # Errors
/// If an image does not exist or is incomplete, or the archive cannot be written.
pub(crate) fn save(saved: &SaveOptions<'_>, out: &mut dyn Write) -> Result<(), TransferError> {
    let mut archive = ArchiveWriter {
        tar: tar::Builder::new(out),
    };
    match saved.format {
        Format::OciArchive => oci(saved, &mut archive),
        Format::DockerArchive => docker(saved, &mut archive),
    }?;
    archive.tar.finish().map_err(written)?;
    Ok(())
}

/// A tar writer whose headers contain no times and no owners.
struct ArchiveWriter<'a> {
    tar: tar::Builder<&'a mut dyn Write>,
}

impl ArchiveWriter<'_> {
    fn dir(&mut self, path: &str) -> Result<(), TransferError> {
        let mut header = header(tar::EntryType::Directory, 0, 0o755);
        let appended = self.tar.append_data(&mut header, path, io::empty());
        appended.map_err(written)
    }

    fn file(&mut self, path: &str, size: u64, bytes: impl Read) -> Result<(), TransferError> {
        let mut header = header(tar::EntryType::Regular, size, 0o644);
        self.tar
            .append_data(&mut header, path, bytes)
            .map_err(written)
    }

    fn document(&mut self, path: &str, bytes: &[u8]) -> Result<(), TransferError> {
        self.file(path, bytes.len() as u64, bytes)
    }
}

fn header(kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn written(error: io::Error) -> TransferError {
    TransferError::Io {
        what: "the archive".to_owned(),
        error,
    }
}

fn oci(saved: &SaveOptions<'_>, archive: &mut ArchiveWriter<'_>) -> Result<(), TransferError> {
    // Blobs must not be removed between looking up a name and opening the blobs.
    let held = saved.store.hold()?;
    let mut blobs: BTreeMap<Digest, Arc<dyn ReadAt>> = BTreeMap::new();
    let mut entries = Vec::new();
    let mut items = Vec::new();
    for name in saved.names {
        let image = one_platform(saved, saved.store.find(name)?)?;
        // Other programs find only images with OCI media types.
        let form = saved.store.oci_form(&image.descriptor)?;
        let replaced = form.iter().flat_map(|form| &form.replaced);
        let replaced: HashSet<&Digest> = replaced.collect();
        for part in saved.store.parts_of(&image, &[&image.descriptor])? {
            if blobs.contains_key(&part.digest) || replaced.contains(&part.digest) {
                continue;
            }
            let lease = saved.store.blob(&part.digest)?;
            let lease = lease.ok_or_else(|| TransferError::Missing {
                image: image.shown(),
                digest: part.digest.clone(),
            })?;
            let source = FileSource::new(lease.into_file()).map_err(StoreError::from)?;
            blobs.insert(part.digest, Arc::new(source));
        }
        items.extend(item(saved.store, &image)?);
        match form {
            None => entries.push(entry(&image, &image.descriptor)),
            Some(form) => {
                entries.push(entry(&image, &form.descriptor));
                let documents = form.documents.into_iter();
                blobs.extend(
                    documents.map(|(digest, bytes)| -> (Digest, Arc<dyn ReadAt>) {
                        (digest, Arc::new(Bytes(bytes.into())))
                    }),
                );
            }
        }
    }
    drop(held);
    archive.dir("blobs")?;
    let mut last = None;
    for (digest, source) in blobs {
        let algorithm = digest.algorithm();
        if last != Some(algorithm) {
            archive.dir(&format!("blobs/{algorithm}"))?;
            last = Some(algorithm);
        }
        let mut checked = VerifyingReader::new(source, &digest);
        let path = format!("blobs/{algorithm}/{}", digest.hex());
        archive.file(&path, checked.source.size(), &mut checked)?;
        checked.finish(&digest)?;
    }
    let mut index = ImageIndex::default();
    index.set_media_type(Some(oci_spec::image::MediaType::ImageIndex));
    index.set_manifests(entries);
    let index = document_of(&index).map_err(written)?;
    archive.document("index.json", &index)?;
    if !items.is_empty() {
        let items = serde_json::to_vec(&items).map_err(|e| written(e.into()))?;
        archive.document("manifest.json", &items)?;
    }
    archive.document("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)
}

/// Narrows an image with several platforms to the requested one, if any.
fn one_platform(saved: &SaveOptions<'_>, image: StoredImage) -> Result<StoredImage, TransferError> {
    let Some(platform) = saved.platform else {
        return Ok(image);
    };
    let reference = Reference::to_stored(saved.store, &image);
    let (mut descriptor, digest) = manifest_of(&reference, platform)?;
    descriptor.set_annotations(image.descriptor.annotations().clone());
    Ok(image.narrowed_to(descriptor, digest))
}

/// Returns the entry of an image for `index.json`.
fn entry(image: &StoredImage, descriptor: &Descriptor) -> Descriptor {
    let mut descriptor = descriptor.clone();
    if let Some(name) = &image.name {
        let mut annotations = descriptor.annotations().clone().unwrap_or_default();
        annotations
            .entry(CONTAINERD_NAME.to_owned())
            .or_insert_with(|| full(name));
        descriptor.set_annotations(Some(annotations));
    }
    descriptor
}

/// Returns a name in the form that containerd expects, with the registry.
fn full(name: &str) -> String {
    parse_name(name).map_or_else(|_| name.to_owned(), |reference| reference.whole())
}

/// Returns the entry of an image for `manifest.json`, or `None` for an image with several
/// platforms, which `manifest.json` cannot express.
fn item(store: &Store, image: &StoredImage) -> Result<Option<serde_json::Value>, TransferError> {
    if image.is_index() {
        return Ok(None);
    }
    let bytes = store.document(&image.digest)?.unwrap_or_default();
    let Ok(manifest) = oci::parse::<ImageManifest>(&bytes) else {
        return Ok(None);
    };
    let path = |descriptor: &Descriptor| {
        let text = descriptor.digest().to_string();
        format!("blobs/{}", text.replacen(':', "/", 1))
    };
    let layers: Vec<String> = manifest.layers().iter().map(path).collect();
    Ok(Some(json!({
        "Config": path(manifest.config()),
        "RepoTags": tags(image),
        "Layers": layers,
    })))
}

/// Returns the tags under which `docker load` stores an image. A name with a digest is not a tag.
fn tags(image: &StoredImage) -> Vec<String> {
    let name = image.name.iter().filter(|name| !name.contains('@'));
    name.map(|name| match short(name).contains(':') {
        true => short(name).to_owned(),
        false => format!("{}:latest", short(name)),
    })
    .collect()
}

fn docker(saved: &SaveOptions<'_>, archive: &mut ArchiveWriter<'_>) -> Result<(), TransferError> {
    let mut there = HashSet::new();
    let mut items = Vec::new();
    for name in saved.names {
        let image = saved.store.find(name)?;
        let reference = Reference::to_stored(saved.store, &image);
        let options = OpenOptions {
            platform: saved.platform.cloned(),
            ..saved.options.clone()
        };
        let opened = open::open(&reference, &options, &())?;
        let mut layers = Vec::new();
        for number in 0..opened.layers.len() {
            let Some(tar) = opened.layer_tar(number) else {
                continue;
            };
            let diff_id = opened.config.diff_ids.get(number);
            let Some(diff_id) = diff_id else {
                return Err(TransferError::Document {
                    image: reference.to_string(),
                    document: "its config".to_owned(),
                    detail: format!("has no diff_id for layer {number}; save it as oci-archive"),
                });
            };
            let path = format!("{}.tar", diff_id.hex());
            if there.insert(path.clone()) {
                let mut checked = VerifyingReader::new(tar, diff_id);
                archive.file(&path, checked.source.size(), &mut checked)?;
                checked.finish(diff_id)?;
            }
            layers.push(path);
        }
        let config = &opened.documents.config;
        let mut hasher = Hasher::sha256();
        hasher.update(config);
        let path = format!("{}.json", hasher.finish().hex());
        if there.insert(path.clone()) {
            let source = Bytes(config.clone().into());
            archive.file(
                &path,
                source.size(),
                SequentialReader::new(Arc::new(source)),
            )?;
        }
        opened.wait_until_published(std::time::Duration::from_secs(60));
        items.push(json!({"Config": path, "RepoTags": tags(&image), "Layers": layers}));
    }
    let items = serde_json::to_vec(&items).map_err(|e| written(e.into()))?;
    archive.document("manifest.json", &items)
}

/// A reader that hashes the bytes it passes on.
struct VerifyingReader {
    source: Arc<dyn ReadAt>,
    at: u64,
    hasher: Hasher,
}

impl VerifyingReader {
    fn new(source: Arc<dyn ReadAt>, digest: &Digest) -> Self {
        Self {
            source,
            at: 0,
            hasher: Hasher::like(digest),
        }
    }

    fn finish(self, expected: &Digest) -> Result<(), TransferError> {
        let actual = self.hasher.finish();
        if actual == *expected {
            return Ok(());
        }
        Err(TransferError::Io {
            what: format!("blob {expected}"),
            error: io::Error::new(
                io::ErrorKind::InvalidData,
                format!("its bytes hash to {actual}; pull the image again"),
            ),
        })
    }
}

impl Read for VerifyingReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read_at(buf, self.at)?;
        self.hasher.update(buf.get(..n).unwrap_or_default());
        self.at += n as u64;
        Ok(n)
    }
}
