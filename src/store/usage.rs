//! How much room the store takes, and for what.

use std::collections::{HashMap, HashSet};

use super::lock::Lock;
use super::{Named, Store, StoreError};
use crate::blob::Digest;

/// Room that the store takes, in bytes.
#[derive(Debug, Default)]
pub struct Usage {
    /// Blobs, all together.
    pub blobs: u64,
    /// So many blobs.
    pub count: usize,
    /// Of that, what no name leads to, in use or not.
    pub unreferenced: u64,
    /// So many of those.
    pub unreferenced_count: usize,
    /// What has only begun to arrive.
    pub arriving: u64,
    /// So many of those.
    pub arriving_count: usize,
    /// Each image: what it takes, and what of that no other image shares.
    pub images: Vec<ImageUsage>,
}

/// Room that an image takes, in bytes.
#[derive(Debug)]
pub struct ImageUsage {
    /// The image.
    pub image: Named,
    /// All of its blobs.
    pub size: u64,
    /// Those that no image of another digest has: what taking it away would free.
    pub unique: u64,
    /// Why not all of it is known, if a document of it is missing or damaged.
    pub broken: Option<String>,
}

impl Store {
    /// How much room it takes.
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
        // Which images have a blob, each digest once: several names of one image share all.
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
