//! An image that a command reads without mounting it.

use std::ops::Deref;
use std::sync::Arc;

use super::locate::locate;
use super::terminal::refuse_terminal;
use super::warm::CACHE_WRITE_TIMEOUT;
use crate::cli::options::SourceOptions;
use crate::cli::platform::PlatformChoice;
use crate::cli::progress::Bar;
use crate::image::{Platform, Reference};
use crate::open::{self, OpenOptions};
use crate::view::{ImageFs, Sidecars};

/// An open image. Dropping it waits until its indexes are written to the cache.
pub(crate) struct Source(Arc<ImageFs>);

impl SourceOptions {
    /// Opens an image, and prints its warnings.
    pub(crate) fn open(&self, reference: &Reference) -> anyhow::Result<Source> {
        self.open_for(reference, self.platform.as_ref())
    }

    /// Like [`open`](Self::open), but for `platform` instead of the platform in these arguments.
    pub(crate) fn open_for(
        &self,
        reference: &Reference,
        platform: Option<&Platform>,
    ) -> anyhow::Result<Source> {
        refuse_terminal(reference, "ls -")?;
        self.log.init();
        let cache = self.cache.open();
        let choice = platform.cloned().map(PlatformChoice::One);
        let reference = &locate(&self.store, reference, choice.as_ref(), &cache)?;
        let options = OpenOptions {
            platform: platform.cloned(),
            cache,
            ..OpenOptions::default()
        };
        let bar = Bar::new();
        let image = open::open(reference, &options, &bar);
        bar.clear();
        let image = image?;
        for warning in &image.warnings {
            eprintln!("imgfs: warning: {}: {warning}", image.name);
        }
        for problem in &image.problems {
            tracing::info!("{}: {problem}", image.name);
        }
        let view = ImageFs::new(Arc::new(image), Sidecars::Hidden);
        Ok(Source(Arc::new(view)))
    }
}

impl Deref for Source {
    type Target = ImageFs;

    fn deref(&self) -> &ImageFs {
        &self.0
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.image().wait_until_published(CACHE_WRITE_TIMEOUT);
    }
}
