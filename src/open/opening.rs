//! The steps of opening an image: read its documents, read its layers, merge them.

use std::sync::{Arc, Mutex, OnceLock};

use super::cache_update::CacheUpdate;
use super::layer_trees::LayerTrees;
use super::layers::{self, ReadLayer};
use super::shared_layers::SharedLayers;
use super::{OpenError, OpenImage, OpenLayer, OpenOptions, Progress, merged};
use crate::background::Background;
use crate::blob::{Codec, Digest, SpanCache};
use crate::cache::CacheDir;
use crate::image::{self, Caches, Image, LayerBlob, Platform, Reference};
use crate::layer::{LayerProblem, ProblemKind};
use crate::tree::Tree;

/// Opens an image: reads its documents, reads each layer that is not yet known, and merges the
/// layers.
///
/// # Errors
/// If the image or one of its layers is invalid or cannot be read.
pub fn open(
    reference: &Reference,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<OpenImage, OpenError> {
    let mut opening = Opening::new(options, progress);
    let image = image::open(reference, options.platform.as_ref(), &opening.caches())?;
    opening.read(image)
}

/// Opens an image once for each of its platforms that `wanted` accepts, one after the other, and
/// passes each result to `each`. Layers that several platforms share are read once.
/// [`OpenOptions::platform`] is ignored.
///
/// # Errors
/// If the platforms of the image cannot be determined.
pub fn open_each(
    reference: &Reference,
    options: &OpenOptions,
    progress: &dyn Progress,
    wanted: &dyn Fn(&Platform) -> bool,
    each: &mut dyn FnMut(Platform, Result<OpenImage, OpenError>),
) -> Result<(), OpenError> {
    let mut opening = Opening::new(options, progress);
    let mut offers = image::open_all(reference, &opening.caches())?;
    offers.retain(|(platform, _)| wanted(platform));
    for image in offers.iter().filter_map(|(_, image)| image.as_ref().ok()) {
        opening.shared.announce(&image.layers);
    }
    for (platform, image) in offers {
        let image = image.map_err(OpenError::from);
        each(platform, image.and_then(|image| opening.read(image)));
    }
    Ok(())
}

/// State shared by images that are opened together.
struct Opening<'a> {
    cache: &'a CacheDir,
    progress: &'a dyn Progress,
    spans: Arc<SpanCache>,
    shared: SharedLayers,
    /// See [`CacheUpdate::write_lock`].
    write_lock: Arc<Mutex<()>>,
}

impl<'a> Opening<'a> {
    fn new(options: &'a OpenOptions, progress: &'a dyn Progress) -> Self {
        let cache = &options.cache;
        Self {
            cache,
            progress,
            spans: Arc::new(SpanCache::new(options.cache_size, cache.clone())),
            shared: SharedLayers::default(),
            write_lock: Arc::default(),
        }
    }

    fn caches(&self) -> Caches<'a> {
        Caches {
            spans: self.spans.clone(),
            disk: self.cache,
        }
    }

    /// Reads and merges the layers of an image whose documents have been read.
    fn read(&mut self, image: Image) -> Result<OpenImage, OpenError> {
        let digests: Vec<Digest> = image
            .layers
            .iter()
            .filter_map(|blob| blob.digest.clone())
            .collect();
        let mut update = CacheUpdate {
            cache: self.cache.clone(),
            layers: Vec::new(),
            tree: None,
            write_lock: self.write_lock.clone(),
        };
        let read = self.read_and_merge(&image, &mut update);
        let opened = match read {
            Ok((layers, tree)) => {
                update.layers.extend(self.shared.take(&image.layers));
                Ok(self.opened(image, layers, tree, update))
            }
            Err(error) => {
                self.shared.leave(update.layers);
                Err(error)
            }
        };
        self.shared.done(&digests);
        opened
    }

    /// Returns the layers of an image and the tree they merge to. If an index from the cache turns
    /// out to be damaged, it is made again, once.
    fn read_and_merge(
        &mut self,
        image: &Image,
        update: &mut CacheUpdate,
    ) -> Result<(Vec<ReadLayer>, Tree), OpenError> {
        let mut again = true;
        loop {
            let shared = &mut self.shared;
            let layers = layers::read_all(image, &self.spans, update, shared, self.progress)?;
            let error = match merged::tree(&layers, update) {
                Ok(tree) => return Ok((layers, tree)),
                Err(error) => error,
            };
            let damaged = layers
                .iter()
                .filter(|layer| layer.index.forget_damaged(self.cache))
                .count();
            if damaged == 0 || !again {
                return Err(OpenError::Tree {
                    image: image.name.clone(),
                    error,
                });
            }
            again = false;
        }
    }

    fn opened(
        &self,
        image: Image,
        layers: Vec<ReadLayer>,
        tree: Tree,
        update: CacheUpdate,
    ) -> OpenImage {
        let mut open = Vec::with_capacity(layers.len());
        let mut problems = Vec::new();
        for (number, (blob, layer)) in image.layers.into_iter().zip(layers).enumerate() {
            problems.extend(media_type_problem(number, &blob, layer.index.codec()));
            open.push(OpenLayer {
                digest: blob.id().cloned(),
                created_by: blob.created_by,
                index: layer.index,
                data: layer.data,
                digests: layer.digests,
            });
        }
        problems.extend(tree.problems());
        let background = Background::default();
        update.begin(&background);
        OpenImage {
            layer_trees: LayerTrees::new(open.len()),
            name: image.name,
            platform: image.platform,
            index_platform: image.index_platform,
            documents: image.documents,
            config: image.config,
            layers: open,
            tree,
            problems,
            warnings: image.warnings,
            ambiguities: image.ambiguities,
            cache: self.cache.clone(),
            spans: self.spans.clone(),
            background,
            findings: OnceLock::new(),
        }
    }
}

fn media_type_problem(number: usize, blob: &LayerBlob, found: Codec) -> Option<LayerProblem> {
    let media_type = blob.media_type.as_deref()?;
    let claimed = Codec::of_media_type(media_type)?;
    (claimed != found).then(|| LayerProblem {
        layer: number,
        path: Box::default(),
        kind: ProblemKind::MediaType {
            claimed: claimed.to_string(),
            found: found.to_string(),
        },
    })
}
