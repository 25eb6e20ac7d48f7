//! `imgfs mount`.

mod all;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::args::MountArgs;
use super::platform::PlatformChoice;
use super::progress::Bar;
use super::signals::{self, Ending};
use super::{daemon, log, source};
use imgfs::fuse::{self, MountOptions};
use imgfs::image::{Reference, Transport};
use imgfs::open::{self, OpenImage, OpenOptions};
use imgfs::view::{ImageFs, View};

/// So many of an image's problems are shown; the rest are counted.
const SHOWN_PROBLEMS: usize = 10;

/// After a lazy unmount by a signal, who still reads has so long to finish.
const GRACE: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &MountArgs) -> anyhow::Result<ExitCode> {
    // What can be said at once is said before the image is read.
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
        // More than this machine could address is as good as no limit.
        cache_size: usize::try_from(args.cache_size.0).unwrap_or(usize::MAX),
        cache: args.cache.open(),
    };
    let reference = &args
        .store
        .locate(&args.image, args.platform.as_ref(), &options.cache)?;
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

/// Mounts a view of images and serves it until it is unmounted.
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
    // Before the mount, so that a signal never finds it without a way to end.
    let (sender, endings) = signals::endings().context("cannot catch signals")?;
    let mount = fuse::mount(Arc::new(view), &args.mountpoint, &options)?;
    let path = mount.path().to_owned();
    tracing::info!("{} is mounted at {}", args.image, path.display());
    if args.daemon {
        let file = args.log.clone();
        let file = file.unwrap_or_else(|| log::default_file(&args.mountpoint));
        // Failing here drops the mount, which unmounts it.
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
            // The receiver is gone only if the command is ending already.
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
            // A second signal, or the end of the last reader, cuts this short.
            let _ = endings.recv_timeout(GRACE);
            wait_until_kept(&images, GRACE);
        }
        Ok(Ending::Unmounted) | Err(_) => {
            wait_until_kept(&images, source::KEEPING);
        }
    }
    tracing::info!("{} is unmounted", path.display());
    Ok(ExitCode::SUCCESS)
}

/// What was learned of the images gets so long, together, to reach the disk.
fn wait_until_kept(images: &[Arc<OpenImage>], timeout: Duration) {
    let until = Instant::now() + timeout;
    for image in images {
        image.wait_until_kept(until.saturating_duration_since(Instant::now()));
    }
}

/// What `/proc/mounts` shows: the image's absolute path, with its transport and name if given; what the
/// user wrote of an image of the store.
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

/// Says what is odd about an image: on standard error, a line each.
fn report(image: &OpenImage, name: &str) {
    for warning in &image.warnings {
        eprintln!("imgfs: warning: {name}: {warning}");
    }
    let more = image.problems.len().saturating_sub(SHOWN_PROBLEMS);
    for problem in image.problems.iter().take(SHOWN_PROBLEMS) {
        eprintln!("imgfs: warning: {name}: {problem}");
    }
    for problem in image.problems.iter().skip(SHOWN_PROBLEMS) {
        tracing::info!("{name}: {problem}");
    }
    if more > 0 {
        eprintln!("imgfs: warning: {name}: {more} more; -v shows them all");
    }
    let nodes = image.tree.nodes().count();
    let layers = image.layers.len();
    tracing::info!("{name}: {layers} layers, {nodes} inodes");
}
