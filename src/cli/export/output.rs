//! Where an export goes: standard output, or a file that has its name only when it is complete.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use imgfs::image::Reference;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tempfile::TempPath;

/// Headers and small files are gathered; what is larger goes through.
const BUFFER: usize = 256 << 10;

/// What takes the bytes of an export.
pub(super) struct Output {
    out: BufWriter<File>,
    aside: Option<Aside>,
}

/// A file that is not complete yet, and the name that it will get.
struct Aside {
    path: TempPath,
    target: PathBuf,
}

/// Refuses a file that must not be written over: a directory, or the image itself.
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
        // Not `Stdout`, which looks for the ends of lines.
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
        // A link stays a link, to the new file.
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
            // As open(2) makes files; the umask takes its part.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(dir)?;
        let (file, path) = aside.into_parts();
        remove_when_killed(&path)?;
        Ok(Self::new(file, Some(Aside { path, target })))
    }

    /// Ends it, and gives it its name.
    pub(super) fn finish(self) -> io::Result<()> {
        let file = self.out.into_inner().map_err(|e| e.into_error())?;
        let Some(aside) = self.aside else {
            return Ok(());
        };
        // Else a crash could leave the name to an empty file.
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

/// A signal that ends the process takes the unfinished file with it.
fn remove_when_killed(path: &Path) -> io::Result<()> {
    let path = path.to_owned();
    // Those that are ignored (nohup, jobs in the background) stay so.
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

/// A bit for each signal that is ignored, the lowest for signal 1 (proc(5)); none if that is unknown.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
