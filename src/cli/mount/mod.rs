//! `imgfs mount`: mounts an image, in the background unless `-f` is given.

mod all;
mod args;
mod report;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::platform::PlatformChoice;
use super::progress::Bar;
use super::signals::{self, Ending};
use super::source::{self, CACHE_WRITE_TIMEOUT};
use super::{daemon, log};
use crate::fuse::{self, MountOptions};
use crate::image::{Reference, Transport};
use crate::open::{self, OpenImage, OpenOptions};
use crate::view::{ImageFs, View};
pub(crate) use args::MountArgs;
use report::report;

/// Time that programs have to finish reading after a signal has caused a lazy unmount.
const GRACE: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &MountArgs) -> anyhow::Result<ExitCode> {
    // Report errors that do not depend on the image before reading it.
    if !args.daemon {
        source::refuse_terminal(&args.image, "mount - DIR")?;
        fuse::precheck(&args.mountpoint)?;
        if !args.foreground {
            return daemon::start().context("cannot start the background process");
        }
    }
    if args.daemon {
        daemon::follow_parent().context("cannot watch the command")?;
    }
    log::init(args.verbose);

    let options = OpenOptions {
        platform: args
            .platform
            .as_ref()
            .and_then(PlatformChoice::one)
            .cloned(),
        // A size beyond the address space is the same as no limit.
        cache_size: usize::try_from(args.cache_size.0).unwrap_or(usize::MAX),
        cache: args.cache.open(),
    };
    let reference = &source::locate(
        &args.store,
        &args.image,
        args.platform.as_ref(),
        &options.cache,
    )?;
    let bar = Bar::new();
    if args.platform == Some(PlatformChoice::All) {
        let (view, images) = all::open(args, reference, &options, &bar)?;
        return serve(args, reference, view, images);
    }
    let image = open::open(reference, &options, &bar);
    bar.clear();
    let image = image?;
    report(&image, &image.name);

    let image = Arc::new(image);
    let view = ImageFs::new(image.clone(), args.sidecars.into());
    serve(args, reference, view, vec![image])
}

/// Mounts `view` and serves it until it is unmounted.
fn serve(
    args: &MountArgs,
    image: &Reference,
    view: impl View,
    images: Vec<Arc<OpenImage>>,
) -> anyhow::Result<ExitCode> {
    let options = MountOptions {
        source: source_of(image),
        allow_other: args.allow_other,
        exec: args.exec,
    };
    // Before the mount, so that no signal can end the process without unmounting.
    let (sender, endings) = signals::endings().context("cannot catch signals")?;
    let mount = fuse::mount(Arc::new(view), &args.mountpoint, &options)?;
    let path = mount.path().to_owned();
    tracing::info!("{} is mounted at {}", args.image, path.display());
    if args.daemon {
        let file = args.log.clone();
        let file = file.unwrap_or_else(|| log::default_file(&args.mountpoint));
        // An error here drops the mount, which unmounts it.
        daemon::detach(&file)
            .with_context(|| format!("cannot write the log {} (see --log)", file.display()))?;
    }
    open::begin_findings(images.clone());

    std::thread::Builder::new()
        .name("session".to_owned())
        .spawn(move || {
            if let Err(error) = mount.wait() {
                tracing::error!("the connection to the kernel broke: {error}");
            }
            // The receiver is gone only if the command is already ending.
            let _ = sender.send(Ending::Unmounted);
        })
        .context("cannot start a thread")?;
    match endings.recv() {
        Ok(Ending::Signal(signal)) => {
            tracing::info!("signal {signal}: unmounting {}", path.display());
            match fuse::umount(&path) {
                Ok(_) | Err(fuse::UmountError::NotMounted(_)) => {}
                Err(error) => return Err(error.into()),
            }
            // Returns early on a second signal, or when the last open file is closed.
            let _ = endings.recv_timeout(GRACE);
            wait_until_published(&images, GRACE);
        }
        Ok(Ending::Unmounted) | Err(_) => {
            wait_until_published(&images, CACHE_WRITE_TIMEOUT);
        }
    }
    tracing::info!("{} is unmounted", path.display());
    Ok(ExitCode::SUCCESS)
}

/// Waits until the indexes of all images are written to the cache, at most `timeout` in total.
fn wait_until_published(images: &[Arc<OpenImage>], timeout: Duration) {
    let until = Instant::now() + timeout;
    for image in images {
        image.wait_until_published(until.saturating_duration_since(Instant::now()));
    }
}

/// Returns the source that `/proc/mounts` shows: the absolute path of the image, with its transport and
/// name if given. For an image of the store or of a registry it is the reference as the user wrote it.
fn source_of(image: &Reference) -> String {
    match image.transport {
        Transport::Stdin => return "-".to_owned(),
        Transport::Docker | Transport::Store => return image.text().to_owned(),
        _ => {}
    }
    let path = std::path::absolute(&image.path).unwrap_or_else(|_| image.path.clone());
    let path = path.to_string_lossy();
    let prefix = match image.transport {
        Transport::DockerArchive => "docker-archive:",
        Transport::OciArchive => "oci-archive:",
        Transport::Oci => "oci:",
        _ => "",
    };
    match &image.name {
        Some(name) => format!("{prefix}{path}:{name}"),
        None => format!("{prefix}{path}"),
    }
}
