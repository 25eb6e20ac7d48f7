//! `imgfs pull`: brings an image from a registry into the store.

use oci_spec::image::{Descriptor, DescriptorBuilder, MediaType};

use super::choose::WantedPlatforms;
use super::error::TransferError;
use super::origin::{BlobOrigin, Sink, bad_document};
use super::parameters::Transfer;
use super::progress::TransferProgress;
use super::receive_image::TransferredImage;
use crate::blob::Digest;
use crate::cache::CacheDir;
use crate::oci::parse_name;
use crate::registry::{Client, RegistryError, RegistryReference};
use crate::store::Store;

/// Options of [`pull`].
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// The platforms to pull.
    pub wanted: WantedPlatforms,
    /// Whether attestations of the image (SBOM, provenance) are pulled too if all platforms are.
    pub attestations: bool,
    /// The number of layers to pull at a time.
    pub threads: usize,
    /// The cache directory for indexes.
    pub cache: CacheDir,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            wanted: WantedPlatforms::Host,
            attestations: false,
            threads: 3,
            cache: CacheDir::none(),
        }
    }
}

/// A repository in a registry, as an origin.
struct RegistryOrigin<'a> {
    client: &'a Client,
    reference: &'a RegistryReference,
    name: String,
}

impl BlobOrigin for RegistryOrigin<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TransferError> {
        let fetched = self.client.manifest(self.reference, Some(digest));
        Ok(Some(fetched.map_err(failed)?.bytes))
    }

    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        from: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), TransferError> {
        let received = self.client.blob(self.reference, digest, size, from, sink);
        received.map_err(failed)
    }

    /// The bytes may have come from a mirror.
    fn was_wrong(&self) {
        self.client.distrust_mirrors(self.reference);
    }
}

/// Pulls an image from a registry into the store, under its full name. Replaces any existing image
/// of that name.
///
/// # Errors
/// If the image does not exist or cannot be received completely. The bytes received so far stay in
/// the store, and the next pull resumes from them.
pub fn pull(
    client: &Client,
    name: &str,
    store: &Store,
    options: &PullOptions,
    progress: &dyn TransferProgress,
) -> Result<TransferredImage, TransferError> {
    let reference = parse_name(name).map_err(|e| TransferError::Name {
        name: name.to_owned(),
        detail: format!("{e}"),
    })?;
    let origin = RegistryOrigin {
        client,
        reference: &reference,
        name: reference.whole(),
    };
    // Fail early if the store's names cannot be read.
    store.images()?;
    let fetched = client.manifest(&reference, None).map_err(failed)?;
    let root = describe(
        &fetched.media_type,
        &fetched.digest,
        fetched.bytes.len() as u64,
    )
    .ok_or_else(|| bad_document(&origin, "its manifest", "has a bad digest"))?;
    let transfer = Transfer {
        origin: &origin,
        store,
        cache: &options.cache,
        progress,
        wanted: &options.wanted,
        attestations: options.attestations,
        keep_unreadable: true,
        threads: options.threads,
    };
    let received = transfer.image(&root, fetched.bytes)?;
    let image = store.tag(&received.root, &origin.name)?;
    Ok(TransferredImage {
        image,
        bytes: received.bytes,
    })
}

fn failed(error: RegistryError) -> TransferError {
    match error {
        RegistryError::Sink(_) | RegistryError::Cancelled => TransferError::GivenUp,
        error => TransferError::Origin(Box::new(error)),
    }
}

fn describe(media_type: &str, digest: &Digest, size: u64) -> Option<Descriptor> {
    let digest: oci_spec::image::Digest = digest.to_string().parse().ok()?;
    DescriptorBuilder::default()
        .media_type(MediaType::from(media_type))
        .digest(digest)
        .size(size)
        .build()
        .ok()
}
