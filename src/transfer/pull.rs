//! `imgfs pull`: out of a registry.

use oci_spec::image::{Descriptor, DescriptorBuilder, MediaType};

use super::bring::Bring;
use super::choose::Wanted;
use super::origin::{Origin, Sink};
use super::{Progress, Stored, TransferError};
use crate::blob::Digest;
use crate::cache::CacheDir;
use crate::registry::{Client, Reference, RegistryError, parse_name};
use crate::store::Store;

/// How to pull.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// Which platforms.
    pub wanted: Wanted,
    /// Whether what is said about the image (SBOM, provenance) comes with all platforms.
    pub attestations: bool,
    /// How many layers at a time.
    pub threads: usize,
    /// Where indexes are kept.
    pub cache: CacheDir,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            wanted: Wanted::Host,
            attestations: false,
            threads: 3,
            cache: CacheDir::none(),
        }
    }
}

/// A repository of a registry.
struct Repository<'a> {
    client: &'a Client,
    reference: &'a Reference,
    name: String,
}

impl Origin for Repository<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<Vec<u8>>, TransferError> {
        let fetched = self.client.manifest(self.reference, Some(digest))?;
        Ok(Some(fetched.bytes))
    }

    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        from: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), TransferError> {
        let brought = self.client.blob(self.reference, digest, size, from, sink);
        brought.map_err(|error| match error {
            RegistryError::Sink(_) | RegistryError::Cancelled => TransferError::GivenUp,
            error => error.into(),
        })
    }

    /// It may have been a mirror's.
    fn was_wrong(&self) {
        self.client.distrust_mirrors(self.reference);
    }
}

/// Brings an image of a registry into the store, under its full name. Whatever had that name has it no
/// more.
///
/// # Errors
/// If there is no such image, or it does not arrive. What has arrived stays, and the next one goes on
/// with it.
pub fn pull(
    client: &Client,
    name: &str,
    store: &Store,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Stored, TransferError> {
    let reference = parse_name(name).map_err(|e| TransferError::Name {
        name: name.to_owned(),
        detail: format!("{e}"),
    })?;
    let origin = Repository {
        client,
        reference: &reference,
        name: reference.whole(),
    };
    // A store that cannot take the name is told before anything is brought.
    store.images()?;
    let fetched = client.manifest(&reference, None)?;
    let root = describe(
        &fetched.media_type,
        &fetched.digest,
        fetched.bytes.len() as u64,
    )
    .ok_or_else(|| super::origin::bad_document(&origin, "its manifest", "has a bad digest"))?;
    let bring = Bring {
        origin: &origin,
        store,
        cache: &options.cache,
        progress,
        wanted: &options.wanted,
        attestations: options.attestations,
        keep_unreadable: true,
        threads: options.threads,
    };
    let brought = bring.image(&root, fetched.bytes)?;
    let image = store.tag(&brought.root, &origin.name)?;
    Ok(Stored {
        image,
        bytes: brought.bytes,
    })
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
