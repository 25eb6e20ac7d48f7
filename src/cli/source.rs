//! An image that a command looks into without mounting it.

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

/// What was learned of an image gets so long to reach the disk.
pub(crate) const KEEPING: Duration = Duration::from_secs(60);

/// How a command opens the image that it looks into.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceArgs {
    /// Which platform of an image for several. The default is this host's.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<Platform>,

    #[command(flatten)]
    pub store: StoreArg,

    #[command(flatten)]
    pub cache: KeepArgs,

    /// Say more, on standard error; twice for everything.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// An image that is open. What was learned of it is kept when it is dropped.
pub(crate) struct Source(Arc<ImageFs>);

/// An image on standard input has to come from somewhere. `command` is the command as it would be written.
pub(crate) fn refuse_terminal(reference: &Reference, command: &str) -> anyhow::Result<()> {
    if reference.transport == Transport::Stdin && io::stdin().is_terminal() {
        anyhow::bail!(
            "standard input is a terminal; pipe an archive into it: docker save app | imgfs {command}"
        );
    }
    Ok(())
}

impl SourceArgs {
    /// Opens an image, and says what is odd about it.
    pub(crate) fn open(&self, reference: &Reference) -> anyhow::Result<Source> {
        self.open_for(reference, self.platform.as_ref())
    }

    /// The same, for a platform that is not the one of these arguments.
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
        self.image().wait_until_kept(KEEPING);
    }
}
