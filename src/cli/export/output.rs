//! The output of an export: standard output, or a file that gets its name only when it is complete.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::image::Reference;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tempfile::TempPath;

/// Buffer size in bytes. Headers and small files are collected; larger writes bypass the buffer.
const BUFFER: usize = 256 << 10;

/// The destination of an export.
pub(super) struct Output {
    out: BufWriter<File>,
    aside: Option<Aside>,
}

/// The temporary file of an incomplete export, and the name that it will get.
struct Aside {
    path: TempPath,
    target: PathBuf,
}

/// Returns an error if the file must not be overwritten: it is a directory, or the image itself.
pub(super) fn check(file: &Path, image: &Reference) -> anyhow::Result<()> {
    let Ok(meta) = fs::metadata(file) else {
        return Ok(());
    };
    if meta.is_dir() {
        anyhow::bail!("{}: is a directory; name a file in it", file.display());
    }
    let image = fs::metadata(&image.path);
    if image.is_ok_and(|image| (image.dev(), image.ino()) == (meta.dev(), meta.ino())) {
        anyhow::bail!("{}: is the image itself; name another file", file.display());
    }
    Ok(())
}

impl Output {
    pub(super) fn stdout() -> io::Result<Self> {
        // Not `Stdout`, which is line-buffered.
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::new(stdout.into(), None))
    }

    fn new(file: File, aside: Option<Aside>) -> Self {
        let out = BufWriter::with_capacity(BUFFER, file);
        Self { out, aside }
    }

    pub(super) fn file(path: &Path) -> anyhow::Result<Self> {
        Self::open(path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))
    }

    fn open(path: &Path) -> io::Result<Self> {
        // If the path is a symbolic link, replace its target and keep the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // A pipe or a device cannot be replaced.
        if fs::metadata(&target).is_ok_and(|meta| !meta.is_file()) {
            let file = OpenOptions::new().write(true).open(&target)?;
            return Ok(Self::new(file, None));
        }
        let dir = match target.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        let aside = tempfile::Builder::new()
            .prefix(".imgfs-export-")
            // The default mode of new files, less the umask.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(dir)?;
        let (file, path) = aside.into_parts();
        remove_when_killed(&path)?;
        Ok(Self::new(file, Some(Aside { path, target })))
    }

    /// Flushes the output, and renames the temporary file to its target.
    pub(super) fn finish(self) -> io::Result<()> {
        let file = self.out.into_inner().map_err(|e| e.into_error())?;
        let Some(aside) = self.aside else {
            return Ok(());
        };
        // Otherwise a crash could leave an empty file under this name.
        file.sync_data()?;
        aside.path.persist(&aside.target).map_err(|e| e.error)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Removes the incomplete file if a signal ends the process.
fn remove_when_killed(path: &Path) -> io::Result<()> {
    let path = path.to_owned();
    // Signals that are ignored (nohup, background jobs) stay ignored.
    let ignored = ignored_signals();
    let fatal = [SIGINT, SIGTERM, SIGHUP].into_iter();
    let mut signals = Signals::new(fatal.filter(|&signal| ignored >> (signal - 1) & 1 == 0))?;
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            let _ = fs::remove_file(&path);
            let _ = emulate_default_handler(signal);
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map(drop)
}

/// Returns a mask of the ignored signals, with signal 1 in the lowest bit (see `SigIgn` in proc(5)).
/// Returns 0 if it cannot be read.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
