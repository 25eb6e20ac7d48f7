//! What the environment says: variables, the home directory, the system's files. Handed in, so that a test or a
//! program that embeds this lays out its own and nothing depends on the process.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Environment variables, and the root of the file system that the system's configuration is in.
#[derive(Clone)]
pub struct Environment {
    variables: HashMap<OsString, OsString>,
    root: PathBuf,
}

impl Environment {
    /// That of this process, and `/`.
    pub fn of_process() -> Self {
        Self::new(std::env::vars_os(), "/")
    }

    /// One of its own. `/etc` and `/run` are below `root`; what variables name is not.
    pub fn new<K, V>(variables: impl IntoIterator<Item = (K, V)>, root: impl Into<PathBuf>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let variables = variables.into_iter();
        Self {
            variables: variables.map(|(k, v)| (k.into(), v.into())).collect(),
            root: root.into(),
        }
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value)
    }

    /// A variable that is a path.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// All variables, for a program that is started.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter()
    }

    /// `$HOME`.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.path("HOME")
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    pub(crate) fn config_home(&self) -> Option<PathBuf> {
        let home = || self.home().map(|home| home.join(".config"));
        self.path("XDG_CONFIG_HOME").or_else(home)
    }

    /// `/etc`.
    pub(crate) fn etc(&self) -> PathBuf {
        self.root.join("etc")
    }

    /// `/run`.
    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// If it cannot be read, or is longer.
pub(super) fn read_limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if read as u64 > limit {
        return Err(io::Error::other(format!("longer than {limit} bytes")));
    }
    Ok(bytes)
}

impl Default for Environment {
    fn default() -> Self {
        Self::of_process()
    }
}

impl fmt::Debug for Environment {
    /// Variables hold passwords of proxies, and much else that is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}
