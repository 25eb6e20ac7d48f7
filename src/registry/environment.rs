//! The environment: variables, the home directory, and the system's configuration files. It is
//! passed in explicitly, so that tests and programs that embed this crate can supply their own and
//! nothing depends on the process.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Environment variables, and the root of the file system that contains the system's configuration.
#[derive(Clone)]
pub struct Environment {
    variables: HashMap<OsString, OsString>,
    root: PathBuf,
}

impl Environment {
    /// The environment of this process, with `/` as the root.
    pub fn of_process() -> Self {
        Self::new(std::env::vars_os(), "/")
    }

    /// Creates an environment. `/etc` and `/run` are looked up below `root`; paths in variables are
    /// used as they are.
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

    /// Returns the value of a variable if it is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value)
    }

    /// Like [`get`](Self::get), but as a path.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Returns all variables, for starting a program.
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
/// If the file cannot be read, or is longer.
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
    /// Shows no variables: they may contain proxy passwords and other secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}
