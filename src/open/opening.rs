//! From the name of an image to its merged tree: documents, layers, merging.

use std::sync::{Arc, OnceLock};

use super::digests::LayerDigests;
use super::keep::Keep;
use super::past::Past;
use super::{OpenError, OpenImage, OpenLayer, OpenOptions, Progress, layers, merged};
use crate::background::Background;
use crate::blob::{Codec, SpanCache, SpanReader};
use crate::image::{self, Caches, LayerBlob, Platform, Reference};
use crate::layer::{LayerIndex, Problem, ProblemKind};
use crate::tree::Tree;

/// Opens an image: reads its documents, reads every layer that is not known yet, once, merges.
///
/// # Errors
/// If the image or one of its layers is not what it should be.
pub fn open(
    reference: &Reference,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<OpenImage, OpenError> {
    let spans = Arc::new(SpanCache::new(options.cache_size, options.cache.clone()));
    let caches = Caches {
        spans: spans.clone(),
        disk: &options.cache,
    };
    let image = image::open(reference, options.platform.as_ref(), &caches)?;
    read(image, spans, options, progress)
}

/// Opens an image for each platform that it is there for, one after the other, and hands over what
/// became of it. [`OpenOptions::platform`] does not count here.
///
/// # Errors
/// If it is not known what platforms there are.
pub fn open_each(
    reference: &Reference,
    options: &OpenOptions,
    progress: &dyn Progress,
    wanted: &dyn Fn(&Platform) -> bool,
    each: &mut dyn FnMut(Platform, Result<OpenImage, OpenError>),
) -> Result<(), OpenError> {
    let spans = Arc::new(SpanCache::new(options.cache_size, options.cache.clone()));
    let caches = Caches {
        spans: spans.clone(),
        disk: &options.cache,
    };
    let offers = image::open_all(reference, &caches)?;
    for (platform, image) in offers.into_iter().filter(|(platform, _)| wanted(platform)) {
        let image = image.map_err(OpenError::from);
        let opened = image.and_then(|image| read(image, spans.clone(), options, progress));
        each(platform, opened);
    }
    Ok(())
}

/// Reads the layers of an image whose documents are read.
fn read(
    image: image::Image,
    spans: Arc<SpanCache>,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<OpenImage, OpenError> {
    let mut keep = Keep {
        cache: options.cache.clone(),
        layers: Vec::new(),
        tree: None,
    };
    let (indexes, tree) = read_and_merge(&image, &mut keep, progress)?;

    let mut layers = Vec::with_capacity(indexes.len());
    let mut problems = Vec::new();
    for (number, (blob, index)) in image.layers.into_iter().zip(indexes).enumerate() {
        problems.extend(media_type_problem(number, &blob, index.codec()));
        let digest = blob.id().cloned();
        layers.push(OpenLayer {
            digest,
            created_by: blob.created_by,
            data: SpanReader::new(blob.source, index.spans(), spans.clone()),
            index,
            digests: LayerDigests::default(),
        });
    }
    problems.extend(tree.problems());
    let background = Background::default();
    keep.begin(&background);
    Ok(OpenImage {
        past: Past::new(layers.len()),
        name: image.name,
        platform: image.platform,
        index_platform: image.index_platform,
        documents: image.documents,
        config: image.config,
        layers,
        tree,
        problems,
        warnings: image.warnings,
        cache: options.cache.clone(),
        spans,
        background,
        findings: OnceLock::new(),
    })
}

/// The layers' indexes, and the tree that they merge to. An index that turns out to be damaged is
/// made again, once.
fn read_and_merge(
    image: &image::Image,
    keep: &mut Keep,
    progress: &dyn Progress,
) -> Result<(Vec<LayerIndex>, Tree), OpenError> {
    let cache = &keep.cache.clone();
    let mut again = true;
    loop {
        let indexes = layers::read_all(&image.name, &image.layers, cache, keep, progress)?;
        let damaged = match merged::tree(&indexes, cache, keep) {
            Ok(tree) => return Ok((indexes, tree)),
            Err(error) => (
                error,
                indexes
                    .iter()
                    .filter(|index| index.forget_damaged(cache))
                    .count(),
            ),
        };
        match damaged {
            (_, 1..) if again => again = false,
            (error, _) => {
                return Err(OpenError::Tree {
                    image: image.name.clone(),
                    error,
                });
            }
        }
    }
}

fn media_type_problem(number: usize, blob: &LayerBlob, found: Codec) -> Option<Problem> {
    let media_type = blob.media_type.as_deref()?;
    let claimed = Codec::of_media_type(media_type)?;
    (claimed != found).then(|| Problem {
        layer: number,
        path: Box::default(),
        kind: ProblemKind::MediaType {
            claimed: claimed.to_string(),
            found: found.to_string(),
        },
    })
}
