//! The disk usage of the store.

use std::collections::{HashMap, HashSet};

use super::directory::Store;
use super::error::StoreError;
use super::lock::Lock;
use super::names::StoredImage;
use crate::blob::Digest;

/// The disk usage of a store, in bytes.
#[derive(Debug, Default)]
pub struct Usage {
    /// The total size of all blobs.
    pub blobs: u64,
    /// The number of blobs.
    pub count: usize,
    /// The total size of the unreferenced blobs, whether in use or not.
    pub unreferenced: u64,
    /// The number of unreferenced blobs.
    pub unreferenced_count: usize,
    /// The total size of partial blobs and leftover temporary files.
    pub arriving: u64,
    /// The number of partial blobs and leftover temporary files.
    pub arriving_count: usize,
    /// The disk usage of each image.
    pub images: Vec<ImageUsage>,
}

/// The disk usage of an image, in bytes.
#[derive(Debug)]
pub struct ImageUsage {
    /// The image.
    pub image: StoredImage,
    /// The total size of its blobs.
    pub size: u64,
    /// The total size of the blobs that no image with another digest uses: what removing this image
    /// would free.
    pub unique: u64,
    /// The error, if a document is missing or damaged and the usage is therefore incomplete.
    pub broken: Option<String>,
}

impl Store {
    /// Computes the disk usage of the store.
    ///
    /// # Errors
    /// If the names cannot be read.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let _lock = Lock::shared(&self.root)?;
        let mut usage = Usage::default();
        let mut sizes = HashMap::new();
        for (_, digest, size) in self.files()? {
            match digest {
                Some(digest) => {
                    usage.blobs += size;
                    usage.count += 1;
                    sizes.insert(digest, size);
                }
                None => {
                    usage.arriving += size;
                    usage.arriving_count += 1;
                }
            }
        }
        // For each blob, the digests of the images that use it. Several names of one image count
        // once.
        let mut owners: HashMap<Digest, HashSet<Digest>> = HashMap::new();
        let mut images = Vec::new();
        for image in self.images()? {
            let (parts, broken) = match self.parts(&image) {
                Ok(parts) => (parts, None),
                Err(error) => (Vec::new(), Some(error.to_string())),
            };
            for part in &parts {
                let owners = owners.entry(part.digest.clone()).or_default();
                owners.insert(image.digest.clone());
            }
            images.push((image, parts, broken));
        }
        for (image, parts, broken) in images {
            let mut entry = ImageUsage {
                image,
                size: 0,
                unique: 0,
                broken,
            };
            for part in parts {
                let size = sizes.get(&part.digest).copied().unwrap_or(0);
                entry.size += size;
                if owners.get(&part.digest).is_some_and(|o| o.len() == 1) {
                    entry.unique += size;
                }
            }
            usage.images.push(entry);
        }
        for (digest, size) in &sizes {
            if !owners.contains_key(digest) {
                usage.unreferenced += size;
                usage.unreferenced_count += 1;
            }
        }
        Ok(usage)
    }
}
