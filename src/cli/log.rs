//! Where diagnostics go: standard error, which the background process points at its log file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

/// Sends diagnostics to standard error: warnings, with `-v` what is done, with `-vv` every detail.
/// `$IMGFS_LOG` overrides it, in the words of the `tracing` crate.
pub(crate) fn init(verbose: u8) {
    let level = match verbose {
        0 => "imgfs=warn",
        1 => "imgfs=info",
        _ => "imgfs=trace,fuser=debug",
    };
    let filter = EnvFilter::try_from_env("IMGFS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // A second call, as in tests, changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .try_init();
}

/// The default log file of a mountpoint: its path with `!` for `/`, in the user's state directory.
pub(crate) fn default_file(mountpoint: &Path) -> PathBuf {
    let absolute = |path: &PathBuf| path.is_absolute();
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let dir = state
        .filter(absolute)
        .or_else(|| Some(home.filter(absolute)?.join(".local/state")))
        .unwrap_or_else(|| PathBuf::from("/var/tmp"));
    let path = std::path::absolute(mountpoint).unwrap_or_else(|_| mountpoint.to_owned());
    let name = path.to_string_lossy().trim_matches('/').replace('/', "!");
    let mut cut: String = name.chars().rev().take(60).collect();
    cut = cut.chars().rev().collect();
    dir.join("imgfs").join(format!("{cut}.log"))
}

/// Opens a log file anew; the log of the mount before is kept as `FILE.old`.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    // There may be none yet.
    let _ = std::fs::rename(path, old);
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}
