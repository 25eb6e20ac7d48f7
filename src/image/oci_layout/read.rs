//! Reads the documents of one manifest, and locates its layers.

use oci_spec::image::{Descriptor, ImageManifest};

use super::document::{digest_of, parse};
use crate::image::config::Config;
use crate::image::error::ImageError;
use crate::image::files::Files;
use crate::image::opened::{Documents, Image, LayerBlob};
use crate::image::reference::Reference;
use crate::oci::{self, LayerFormat, Listed, Nature, Platform, is_config};

/// Reads the documents of one manifest.
///
/// # Errors
/// If a document is missing or invalid, or is not that of a container image.
pub(super) fn read(
    reference: &Reference,
    files: &Files,
    index: &[u8],
    chosen: &Listed,
) -> Result<Image, ImageError> {
    let digest = digest_of(reference, &chosen.descriptor)?;
    let manifest = files.verified(reference, &digest)?;
    let mut ambiguities = Vec::new();
    let name = format!("manifest {digest}");
    let parsed: ImageManifest = parse(reference, &name, &manifest, &mut ambiguities)?;
    let media_type = parsed.config().media_type().to_string();
    if !is_config(&media_type) {
        return Err(ImageError::NoConfig {
            image: reference.to_string(),
            media_type,
        });
    }
    refuse_artifact(reference, &parsed)?;
    let config_digest = digest_of(reference, parsed.config())?;
    let config_bytes = files.verified(reference, &config_digest)?;
    let name = format!("config {config_digest}");
    let config = Config::read(&name, &config_bytes, &mut ambiguities).map_err(|detail| {
        ImageError::Document {
            image: reference.to_string(),
            document: name.clone(),
            detail,
        }
    })?;
    let layers = layers(reference, files, &parsed, &config)?;
    let (count, diff_ids) = (layers.len(), config.diff_ids.len());
    let documents = Documents {
        index: Some(index.to_vec()),
        manifest,
        config: config_bytes,
    };
    let mut image = Image::new(reference, documents, config, layers, ambiguities);
    image.index_platform = oci::declared_platform(&chosen.descriptor);
    if diff_ids != count {
        let detail =
            format!("the manifest has {count} layers, but the config has {diff_ids} diff_ids");
        image.warnings.insert(0, detail);
    }
    Ok(image)
}

/// Returns an error if the layers, by their media types, are not those of an image that can be read.
fn refuse_artifact(reference: &Reference, manifest: &ImageManifest) -> Result<(), ImageError> {
    let image = reference.to_string();
    match Nature::of_content(manifest) {
        Nature::Image | Nature::Referrer => Ok(()),
        Nature::Artifact(what) => Err(ImageError::NotAnImage {
            image,
            detail: format!("it is {what}"),
        }),
        Nature::Unreadable(media_type) => {
            let layers = manifest.layers().iter();
            let mut numbered = layers.map(|l| l.media_type().to_string()).enumerate();
            let number = numbered
                .find(|(_, m)| *m == media_type)
                .map_or(0, |(n, _)| n);
            Err(ImageError::LayerFormat {
                image,
                number,
                encrypted: LayerFormat::of(&media_type) == LayerFormat::Encrypted,
                media_type,
            })
        }
    }
}

fn layers(
    reference: &Reference,
    files: &Files,
    manifest: &ImageManifest,
    config: &Config,
) -> Result<Vec<LayerBlob>, ImageError> {
    let count = manifest.layers().len();
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
                    detail: format!(
                        "layer {number} ({}) is not in the image: blob {blob} must be fetched from \
                         the address in its manifest",
                        descriptor.media_type()
                    ),
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

/// Returns the platform of a manifest, from its descriptor or else from its config. Returns `None` if it
/// is not an image.
pub(super) fn platform_of(
    reference: &Reference,
    files: &Files,
    descriptor: &Descriptor,
) -> Result<Option<Platform>, ImageError> {
    if let Some(platform) = oci::declared_platform(descriptor) {
        return Ok(Some(platform));
    }
    let bytes = files.verified(reference, &digest_of(reference, descriptor)?)?;
    let Ok(manifest) = oci::parse::<ImageManifest>(&bytes) else {
        return Ok(None);
    };
    let bytes = files.verified(reference, &digest_of(reference, manifest.config())?)?;
    Ok(Config::parse(&bytes).ok().map(|c| c.platform))
}
