//! The options that several commands share, with the defaults of the environment.
//!
//! `source` opens images with these options.

use std::io;
use std::path::PathBuf;

#[cfg(feature = "registry")]
use anyhow::Context;

use super::log;
use super::units::Size;
use crate::cache::CacheDir;
use crate::image::Platform;
#[cfg(feature = "registry")]
use crate::registry::{Client, ClientOptions};
use crate::store::{Store, StoreError, StoredImage};

/// The default size limit of the cache on disk.
pub(crate) const DEFAULT_CACHE_LIMIT: Size = Size(4 << 30);

/// The directory of the cache is not given, and there is no default.
#[derive(Debug, thiserror::Error)]
#[error("no directory for the cache: neither XDG_CACHE_HOME nor HOME is an absolute path")]
pub(crate) struct NoCacheDir;

/// The directory of the store is not given, and there is no default.
#[derive(Debug, thiserror::Error)]
#[error(
    "no directory for the store: neither XDG_DATA_HOME nor HOME is an absolute path; name one with --store"
)]
pub(crate) struct NoStoreDir;

/// The amount of diagnostics of a command that stays in the foreground.
#[derive(Debug, clap::Args)]
pub(crate) struct LogOptions {
    /// Log more to standard error; give it twice to log everything.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The directory of the cache.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheDirOption {
    /// The directory of the cache, which keeps the indexes of layers between runs.
    ///
    /// The default is $IMGFS_CACHE_DIR, or $XDG_CACHE_HOME/imgfs (~/.cache/imgfs) if that is not set.
    #[arg(long, value_name = "DIR", global = true)]
    pub cache_dir: Option<PathBuf>,
}

/// The cache of a command that reads images.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheOptions {
    #[command(flatten)]
    pub dir: CacheDirOption,

    /// Size limit of the cache on disk.
    ///
    /// The least recently used files are removed first. With 0 this command neither reads nor writes
    /// the cache.
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "4G",
        allow_negative_numbers = true
    )]
    pub cache_limit: Size,
}

/// The directory of the store.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreOption {
    /// The directory of the store, which holds pulled and loaded images.
    ///
    /// The default is $IMGFS_STORE_DIR, or $XDG_DATA_HOME/imgfs (~/.local/share/imgfs) if that is not
    /// set.
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

/// The options of a command that reads an image without mounting it.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceOptions {
    /// The platform of a multi-platform image [default: the platform of this host].
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<Platform>,

    #[command(flatten)]
    pub store: StoreOption,

    #[command(flatten)]
    pub cache: CacheOptions,

    #[command(flatten)]
    pub log: LogOptions,
}

/// The common options of the commands that copy images into and out of the store.
#[derive(Debug, clap::Args)]
pub(crate) struct TransferOptions {
    #[command(flatten)]
    pub store: StoreOption,

    #[command(flatten)]
    pub cache: CacheOptions,

    #[command(flatten)]
    pub log: LogOptions,
}

/// Access to registries.
#[cfg(feature = "registry")]
#[derive(Debug, Default, clap::Args)]
pub(crate) struct RegistryOptions {
    /// Allow registries without TLS or with an untrusted certificate.
    ///
    /// Registries on this computer (localhost) do not need this option.
    #[arg(long)]
    pub insecure: bool,

    /// A PEM file with additional certificate authorities to trust; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,

    /// The file with logins, as written by `docker login` or `skopeo login`.
    ///
    /// The default is $REGISTRY_AUTH_FILE, or the default files of these programs if that is not set.
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,

    /// A login to use instead of those in the file.
    ///
    /// Other users of this computer can see it in the process list; a file is safer.
    #[arg(long, value_name = "USER:PASSWORD")]
    pub creds: Option<String>,

    /// A mirror to try first, for every image; may be repeated.
    ///
    /// The mirrors in registries.conf (containers-registries.conf(5)) are used too.
    #[arg(long, value_name = "HOST[/PATH]")]
    pub mirror: Vec<String>,
}

impl LogOptions {
    /// Starts the log.
    pub(crate) fn init(&self) {
        log::init(self.verbose);
    }
}

impl CacheDirOption {
    /// Returns the cache directory: the option, else the variable, else the default.
    pub(crate) fn path(&self) -> Result<PathBuf, NoCacheDir> {
        let set = || std::env::var_os("IMGFS_CACHE_DIR").filter(|dir| !dir.is_empty());
        let given = self.cache_dir.clone().or_else(|| set().map(PathBuf::from));
        given.or_else(CacheDir::default_path).ok_or(NoCacheDir)
    }
}

impl CacheOptions {
    /// Opens the cache. If that fails, prints a warning and returns [`CacheDir::none`]: a command works
    /// without a cache, and the next command has to decode the layers again. A limit of 0 means no
    /// cache.
    pub(crate) fn open(&self) -> CacheDir {
        let limit = self.cache_limit.0;
        if limit == 0 {
            return CacheDir::none();
        }
        let path = self.dir.path().map_err(io::Error::other);
        let opened = path.and_then(|path| CacheDir::open(&path));
        let opened = opened.map(|dir| dir.with_limit(limit));
        opened.unwrap_or_else(|error| {
            eprintln!(
                "imgfs: warning: {error}; nothing is cached, and each mount decodes all layers again \
                 (use --cache-dir for another directory, or --cache-limit 0 to silence this)"
            );
            CacheDir::none()
        })
    }
}

impl StoreOption {
    /// Returns the directory of the store: the option, else the variable, else the default.
    pub(crate) fn path(&self) -> Result<PathBuf, NoStoreDir> {
        let set = || std::env::var_os("IMGFS_STORE_DIR").filter(|dir| !dir.is_empty());
        let given = self.store.clone().or_else(|| set().map(PathBuf::from));
        given.or_else(Store::default_path).ok_or(NoStoreDir)
    }

    /// Opens the store, and creates it if it does not exist.
    pub(crate) fn open(&self) -> anyhow::Result<Store> {
        Ok(Store::open(&self.path()?)?)
    }

    /// Opens the store if it exists.
    pub(crate) fn existing(&self) -> anyhow::Result<Option<Store>> {
        Ok(Store::existing(&self.path()?)?)
    }

    /// Opens the store and finds an image in it.
    pub(crate) fn find(&self, name: &str) -> anyhow::Result<(Store, StoredImage)> {
        let store = self.existing()?.ok_or_else(|| StoreError::NoSuchName {
            wanted: name.to_owned(),
            names: Vec::new(),
        })?;
        let image = store.find(name)?;
        Ok((store, image))
    }
}

#[cfg(feature = "registry")]
impl RegistryOptions {
    /// Creates the client for registries.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let credentials = self.creds.as_deref().map(|creds| {
            let pair = creds
                .split_once(':')
                .context("--creds: write USER:PASSWORD")?;
            anyhow::Ok((pair.0.to_owned(), pair.1.to_owned()))
        });
        let options = ClientOptions {
            insecure: self.insecure,
            roots: self.ca.clone(),
            auth_file: self.authfile.clone(),
            credentials: credentials.transpose()?,
            mirrors: self.mirror.clone(),
            ..ClientOptions::default()
        };
        Ok(Client::new(&options)?)
    }
}
