//! Diagnostics go to standard error. The background process redirects that to its log file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

/// Sends diagnostics to standard error: warnings by default, info with `-v`, everything with `-vv`.
/// `$IMGFS_LOG` overrides the level with a filter in the syntax of [`EnvFilter`].
pub(crate) fn init(verbose: u8) {
    let level = match verbose {
        0 => "imgfs=warn",
        1 => "imgfs=info",
        _ => "imgfs=trace,fuser=debug",
    };
    let filter = EnvFilter::try_from_env("IMGFS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // A second call, as in tests, has no effect.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .try_init();
}

/// Returns the default log file of a mountpoint. It is in the user's state directory; its name is the
/// path of the mountpoint with `/` replaced by `!`, cut to its last 60 characters.
#[cfg_attr(not(feature = "fuse"), allow(dead_code))]
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

/// Creates a log file. Renames the log of the previous mount to `FILE.old`.
#[cfg_attr(not(feature = "fuse"), allow(dead_code))]
pub(crate) fn create(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    // There may be no log yet.
    let _ = std::fs::rename(path, old);
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}
