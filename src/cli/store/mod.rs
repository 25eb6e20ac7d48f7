//! The commands of the store, the options that they share, and the lookup of images by name.

pub(crate) mod df;
pub(crate) mod images;
pub(crate) mod load;
pub(crate) mod prune;
pub(crate) mod pull;
pub(crate) mod registry;
pub(crate) mod rm;
pub(crate) mod save;
pub(crate) mod tag;

use std::path::{Path, PathBuf};

use imgfs::cache::CacheDir;
use imgfs::image::{Reference, Transport};
use imgfs::open::{self, OpenError, OpenImage, OpenOptions};
use imgfs::registry::parse_name;
use imgfs::store::{Named, Store, StoreError};
use imgfs::transfer::Wanted;

use super::args::KeepArgs;
use super::platform::PlatformChoice;
use super::source::KEEPING;
use registry::RegistryArgs;

/// The directory of the store is not given, and there is no default.
#[derive(Debug, thiserror::Error)]
#[error(
    "no directory for the store: neither XDG_DATA_HOME nor HOME is an absolute path; name one with --store"
)]
pub(crate) struct NoPlace;

#[derive(Debug, clap::Args)]
pub(crate) struct StoreArg {
    /// The directory of the store, which holds pulled and loaded images.
    ///
    /// The default is $IMGFS_STORE_DIR, or $XDG_DATA_HOME/imgfs (~/.local/share/imgfs) if that is not
    /// set.
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
}

/// The common options of the commands that copy images into and out of the store.
#[derive(Debug, clap::Args)]
pub(crate) struct KeepingArgs {
    #[command(flatten)]
    pub store: StoreArg,

    #[command(flatten)]
    pub cache: KeepArgs,

    /// Log more to standard error; give it twice to log everything.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl StoreArg {
    /// Returns the directory of the store: the option, else the variable, else the default.
    fn path(&self) -> Result<PathBuf, NoPlace> {
        let set = || std::env::var_os("IMGFS_STORE_DIR").filter(|dir| !dir.is_empty());
        let given = self.store.clone().or_else(|| set().map(PathBuf::from));
        given.or_else(Store::default_path).ok_or(NoPlace)
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
    pub(crate) fn find(&self, name: &str) -> anyhow::Result<(Store, Named)> {
        let store = self.existing()?.ok_or_else(|| StoreError::NoSuchName {
            wanted: name.to_owned(),
            names: Vec::new(),
        })?;
        let image = store.find(name)?;
        Ok((store, image))
    }

    /// Resolves a reference to an image on disk. A path stays as it is, a name is looked up in the
    /// store, and an image of a registry is pulled if it is not in the store.
    pub(crate) fn locate(
        &self,
        reference: &Reference,
        platform: Option<&PlatformChoice>,
        cache: &CacheDir,
    ) -> anyhow::Result<Reference> {
        match reference.transport {
            Transport::Docker => self.stored_or_pulled(reference, platform, cache),
            Transport::Sniffed => self.path_or_name(reference),
            _ => Ok(reference.clone()),
        }
    }

    fn path_or_name(&self, reference: &Reference) -> anyhow::Result<Reference> {
        let path = &reference.path;
        let text = reference.text();
        // A directory may happen to have the name of an image.
        let is_image = match path.is_dir() {
            true => ["index.json", "manifest.json"]
                .iter()
                .any(|name| path.join(name).exists()),
            false => path.symlink_metadata().is_ok(),
        };
        if is_image || is_plainly_a_path(path, text) {
            return Ok(reference.clone());
        }
        // If no directory for a store is known, there is no store.
        let Ok(place) = self.path() else {
            return Ok(reference.clone());
        };
        let missing = || {
            anyhow::anyhow!(
                "{text}: no such file, and no image of that name in the store; to pull it: imgfs pull \
                 {text}"
            )
        };
        let found = Store::existing(&place)?.map(|store| (store.find(text), store));
        match found {
            Some((Ok(image), store)) => Ok(Reference::in_store(store.path(), &image.shown(), text)),
            Some((Err(StoreError::NoSuchName { .. }), _)) | None => match path.exists() {
                true => Ok(reference.clone()),
                false => Err(missing()),
            },
            Some((Err(error), _)) => Err(error.into()),
        }
    }

    fn stored_or_pulled(
        &self,
        reference: &Reference,
        platform: Option<&PlatformChoice>,
        cache: &CacheDir,
    ) -> anyhow::Result<Reference> {
        let text = reference.text();
        let name = reference.name.clone().unwrap_or_default();
        let full = match parse_name(&name) {
            Ok(parsed) => parsed.whole(),
            Err(error) => anyhow::bail!("{text}: {error}; write docker://HOST/NAME:TAG"),
        };
        // This also finds images in a store that is not writable.
        if let Some(store) = self.existing()?
            && let Ok(image) = store.find(&full)
            && serves(&store, &image, platform)
        {
            return Ok(Reference::in_store(store.path(), &image.shown(), text));
        }
        let store = self.open()?;
        let wanted = wanted(platform);
        let image = pull::pull(&store, &name, wanted, &RegistryArgs::default(), cache)?.image;
        Ok(Reference::in_store(store.path(), &image.shown(), text))
    }
}

/// Returns the platforms to transfer.
pub(crate) fn wanted(platform: Option<&PlatformChoice>) -> Wanted {
    match platform {
        None => Wanted::Host,
        Some(PlatformChoice::All) => Wanted::All,
        Some(PlatformChoice::One(platform)) => Wanted::One(platform.clone()),
    }
}

/// Whether an image in the store has the platform.
fn serves(store: &Store, image: &Named, platform: Option<&PlatformChoice>) -> bool {
    match platform {
        // Any platform that was pulled.
        None => true,
        Some(PlatformChoice::All) => image.is_index(),
        Some(PlatformChoice::One(platform)) => {
            imgfs::image::has_platform(&Reference::to_stored(store, image), platform)
        }
    }
}

/// Whether the text looks like a path and not like the name of an image.
fn is_plainly_a_path(path: &Path, text: &str) -> bool {
    let archive = [".tar", ".tgz", ".gz", ".zst", ".tzst"];
    path.is_absolute() || text.starts_with('.') || archive.iter().any(|end| text.ends_with(end))
}

/// Opens an image that was just transferred, so that the first mount finds everything in the cache. If
/// that fails, only prints a warning, since the image is in the store.
fn warm(store: &Store, image: &Named, wanted: &Wanted, cache: &CacheDir) {
    let reference = Reference::to_stored(store, image);
    let options = OpenOptions {
        platform: match wanted {
            Wanted::One(platform) => Some(platform.clone()),
            Wanted::Host | Wanted::All => None,
        },
        cache: cache.clone(),
        ..OpenOptions::default()
    };
    let say = |error: OpenError| {
        eprintln!("imgfs: warning: {reference} is in the store, but cannot be mounted: {error}");
    };
    let warmed = |opened: Result<OpenImage, OpenError>| match opened {
        Ok(image) => {
            image.wait_until_published(KEEPING);
        }
        Err(error) => say(error),
    };
    if !image.is_index() {
        return warmed(open::open(&reference, &options, &()));
    }
    let mut each = |_, opened| warmed(opened);
    let opened = open::open_each(&reference, &options, &(), &|_| true, &mut each);
    if let Err(error) = opened {
        say(error);
    }
}
