//! [`pull()`]: copies an image from a registry into the store.

use std::path::PathBuf;

use super::open::cache;
use super::{Error, ErrorKind, Platform, Result, Store, StoredImage};
use crate::registry::{Client, ClientOptions, RegistryError};
use crate::transfer::{self, TransferError, WantedPlatforms};

/// Options of [`pull()`].
///
/// ```
/// # fn main() -> imgfs::Result<()> {
/// use imgfs::PullOptions;
///
/// let options = PullOptions::new()
///     .platform("linux/arm64".parse()?)
///     .auth_file("/run/secrets/auth.json");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct PullOptions {
    platforms: Option<WantedPlatforms>,
    jobs: Option<usize>,
    cache_dir: Option<PathBuf>,
    client: ClientOptions,
}

impl PullOptions {
    /// Returns the default options: the platform of this host, the logins and settings of docker, podman
    /// and skopeo, and three layers at a time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the platform to pull.
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platforms = Some(WantedPlatforms::One(platform.inner().clone()));
        self
    }

    /// Pulls the image for all of its platforms.
    #[must_use]
    pub fn all_platforms(mut self) -> Self {
        self.platforms = Some(WantedPlatforms::All);
        self
    }

    /// Sets the number of layers to pull at the same time.
    #[must_use]
    pub fn jobs(mut self, layers: usize) -> Self {
        self.jobs = Some(layers.max(1));
        self
    }

    /// Sets the directory that keeps what was learned about layers while they arrived. With the same
    /// directory, [`open`](super::open()) need not read them again.
    #[must_use]
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(dir.into());
        self
    }

    /// Sets the only file in which to look for logins, as written by `docker login` or `skopeo login`.
    #[must_use]
    pub fn auth_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.client.auth_file = Some(file.into());
        self
    }

    /// Sets the login to use instead of those in files. It is not sent to mirrors.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.client.credentials = Some((user.into(), password.into()));
        self
    }

    /// Adds a PEM file with certificate authorities to trust, in addition to those of the system.
    #[must_use]
    pub fn add_ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.client.roots.push(file.into());
        self
    }

    /// Adds a mirror, `HOST[:PORT][/PATH]`, to try first. Those of registries.conf are used too.
    #[must_use]
    pub fn add_mirror(mut self, mirror: impl Into<String>) -> Self {
        self.client.mirrors.push(mirror.into());
        self
    }

    /// Sets whether registries without TLS or with an untrusted certificate are accepted. Registries on
    /// this computer always are.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.client.insecure = insecure;
        self
    }
}

/// Copies an image from a registry into the store, under its full name, which it takes from any image
/// that has it. What the store already has is not transferred again.
///
/// The name is `[HOST/]NAME[:TAG|@DIGEST]`. The default host is `docker.io`.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use imgfs::{PullOptions, Store};
///
/// let store = Store::open(Store::default_dir().ok_or("no HOME")?)?;
/// let stored = imgfs::pull("alpine:3", &store, &PullOptions::new())?;
/// let image = imgfs::open(&stored.image_name(), &Default::default())?;
/// println!("{} has {} layers", stored, image.layers().len());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns an error if there is no such image or no such platform, or if it cannot be received
/// completely. The next call then continues where this one stopped.
pub fn pull(name: &str, store: &Store, options: &PullOptions) -> Result<StoredImage> {
    let client = Client::new(&options.client)?;
    let default = transfer::PullOptions::default();
    let inner = transfer::PullOptions {
        wanted: options.platforms.clone().unwrap_or(default.wanted),
        threads: options.jobs.unwrap_or(default.threads),
        cache: cache(options.cache_dir.as_deref(), None)?,
        attestations: default.attestations,
    };
    let stored = transfer::pull(&client, name, store.inner(), &inner, &())?;
    Ok(StoredImage::of(store.inner(), stored.image))
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        Self::new(of_registry(&error), error)
    }
}

fn of_registry(error: &RegistryError) -> ErrorKind {
    match error {
        RegistryError::NotFound { .. } => ErrorKind::NotFound,
        RegistryError::File { .. } => ErrorKind::Io,
        _ => ErrorKind::Registry,
    }
}

impl From<TransferError> for Error {
    fn from(error: TransferError) -> Self {
        let kind = match error {
            TransferError::Origin(error) => match error.downcast::<RegistryError>() {
                Ok(error) => return (*error).into(),
                Err(error) => return Self::new(ErrorKind::Registry, error),
            },
            TransferError::Store(error) => return error.into(),
            TransferError::Image(error) => return (*error).into(),
            TransferError::Open(error) => return (*error).into(),
            TransferError::Name { .. } => ErrorKind::InvalidName,
            TransferError::NoSuchPlatform { .. } => ErrorKind::NoSuchPlatform,
            TransferError::Digest { .. } | TransferError::GivenUp => ErrorKind::Registry,
            TransferError::Io { .. } => ErrorKind::Io,
            TransferError::NoImage { .. }
            | TransferError::Document { .. }
            | TransferError::Missing { .. }
            | TransferError::UnreadableLayer { .. } => ErrorKind::InvalidImage,
        };
        Self::new(kind, error)
    }
}
