//! docker-archive, the format that `docker save`, `podman save` and `skopeo copy` to `docker-archive:`
//! write. `manifest.json` lists the images, each with a config and layers by path (moby
//! image/spec/v1.2.md, "Combined Image JSON + Filesystem Changeset Format").

use serde::Deserialize;

use super::config::Config;
use super::error::ImageError;
use super::files::Files;
use super::opened::{Documents, Image, LayerBlob, Offer};
use super::reference::Reference;
use crate::oci;
use crate::oci::Platform;
use crate::store::short;

/// One image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Item {
    pub config: String,
    pub repo_tags: Option<Vec<String>>,
    pub layers: Option<Vec<String>>,
}

/// Opens an image of a docker-archive.
pub(crate) fn open(
    reference: &Reference,
    files: &Files,
    platform: Option<&Platform>,
) -> Result<Image, ImageError> {
    let list = items(reference, files)?;
    let item = choose(reference, &list.items)?;
    read(reference, files, item, list.bytes, list.ambiguities)?.on(platform)
}

/// Opens the image of a docker-archive for its platform. See [`super::open_all`].
pub(crate) fn open_all(reference: &Reference, files: &Files) -> Result<Vec<Offer>, ImageError> {
    let image = open(reference, files, None)?;
    Ok(vec![(image.platform.clone(), Ok(image))])
}

/// The parsed `manifest.json`.
pub(crate) struct List {
    /// The document, byte for byte.
    pub bytes: Vec<u8>,
    /// The images that it lists.
    pub items: Vec<Item>,
    /// Parts of the document in which two readers see different images, for messages.
    pub ambiguities: Vec<String>,
}

/// Reads `manifest.json`.
pub(crate) fn items(reference: &Reference, files: &Files) -> Result<List, ImageError> {
    let bytes = files.document(reference, "manifest.json")?;
    let mut ambiguities = Vec::new();
    let items = oci::read_into("manifest.json", &bytes, &mut ambiguities).map_err(|detail| {
        ImageError::Document {
            image: reference.to_string(),
            document: "manifest.json".to_owned(),
            detail,
        }
    })?;
    Ok(List {
        bytes,
        items,
        ambiguities,
    })
}

/// Reads the documents of one image. `manifest` is the whole `manifest.json`, and `ambiguities` are
/// those found in it.
pub(crate) fn read(
    reference: &Reference,
    files: &Files,
    item: &Item,
    manifest: Vec<u8>,
    mut ambiguities: Vec<String>,
) -> Result<Image, ImageError> {
    let document = |document: &str, detail: String| ImageError::Document {
        image: reference.to_string(),
        document: document.to_owned(),
        detail,
    };
    files.note_duplicate("manifest.json", &mut ambiguities);
    files.note_duplicate(&item.config, &mut ambiguities);
    let config_bytes = files.document(reference, &item.config)?;
    let config = Config::read(&item.config, &config_bytes, &mut ambiguities)
        .map_err(|detail| document(&item.config, detail))?;
    let paths = item.layers.as_deref().unwrap_or_default();
    if paths.len() != config.diff_ids.len() {
        let (layers, diff_ids) = (paths.len(), config.diff_ids.len());
        return Err(document(
            "manifest.json",
            format!("lists {layers} layers, but the config has {diff_ids} diff_ids"),
        ));
    }
    let mut layers = Vec::with_capacity(paths.len());
    let lines = config.created_by(paths.len());
    for ((path, diff_id), created_by) in paths.iter().zip(&config.diff_ids).zip(lines) {
        let source = files
            .get(reference, path)?
            .ok_or_else(|| ImageError::MissingBlob {
                image: reference.to_string(),
                blob: path.clone(),
            })?;
        layers.push(LayerBlob {
            source,
            digest: None,
            diff_id: Some(diff_id.clone()),
            size: None,
            media_type: None,
            created_by,
            name: path.clone(),
        });
    }
    let documents = Documents {
        index: None,
        manifest,
        config: config_bytes,
    };
    Ok(Image::new(
        reference,
        documents,
        config,
        layers,
        ambiguities,
    ))
}

/// Returns the item that a reference names.
pub(crate) fn choose<'a>(reference: &Reference, items: &'a [Item]) -> Result<&'a Item, ImageError> {
    let names = || -> Vec<String> {
        let named = |(i, item): (usize, &Item)| {
            let tag = item.repo_tags.iter().flatten().next().cloned();
            tag.unwrap_or_else(|| format!("@{i}"))
        };
        items.iter().enumerate().map(named).collect()
    };
    match (&reference.name, items) {
        (None, [item]) => Ok(item),
        (None, []) => Err(ImageError::NotAnImage {
            image: reference.to_string(),
            detail: "its manifest.json lists no image".to_owned(),
        }),
        (None, _) => {
            let path = reference.path.display();
            Err(ImageError::Ambiguous {
                image: reference.to_string(),
                names: names()
                    .into_iter()
                    .map(|name| format!("docker-archive:{path}:{name}"))
                    .collect(),
            })
        }
        (Some(wanted), _) => {
            // `@2` is the third image, as in containers-transports(5).
            let number = wanted
                .strip_prefix('@')
                .and_then(|n| n.parse::<usize>().ok());
            let found = match number {
                Some(number) => items.get(number),
                None => items.iter().find(|item| {
                    let mut tags = item.repo_tags.iter().flatten();
                    tags.any(|tag| short(tag) == short(wanted))
                }),
            };
            found.ok_or_else(|| ImageError::NoSuchName {
                image: reference.to_string(),
                wanted: wanted.clone(),
                names: names(),
            })
        }
    }
}
