//! An image that a command reads without mounting it.

use std::io::{self, IsTerminal};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::args::KeepArgs;
use super::log;
use super::platform::PlatformChoice;
use super::progress::Bar;
use super::store::StoreArg;
use imgfs::image::{Platform, Reference, Transport};
use imgfs::open::{self, OpenOptions};
use imgfs::view::{ImageFs, Sidecars};

/// Maximum time to wait until the indexes of an image are written to the cache.
pub(crate) const KEEPING: Duration = Duration::from_secs(60);

/// The options of a command that reads an image without mounting it.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceArgs {
    /// The platform of a multi-platform image [default: the platform of this host].
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<Platform>,

    #[command(flatten)]
    pub store: StoreArg,

    #[command(flatten)]
    pub cache: KeepArgs,

    /// Log more to standard error; give it twice to log everything.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// An open image. Dropping it waits until its indexes are written to the cache.
pub(crate) struct Source(Arc<ImageFs>);

/// Returns an error if the image is on standard input and that is a terminal. `command` is the command
/// line for the message, without `imgfs`.
pub(crate) fn refuse_terminal(reference: &Reference, command: &str) -> anyhow::Result<()> {
    if reference.transport == Transport::Stdin && io::stdin().is_terminal() {
        anyhow::bail!(
            "standard input is a terminal; pipe an archive into it: docker save app | imgfs {command}"
        );
    }
    Ok(())
}

impl SourceArgs {
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
        log::init(self.verbose);
        let cache = self.cache.open();
        let choice = platform.cloned().map(PlatformChoice::One);
        let reference = &self.store.locate(reference, choice.as_ref(), &cache)?;
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
        self.image().wait_until_published(KEEPING);
    }
}
