//! Checks whether this host can mount images and run the programs in them, and what it lacks.
//!
//! All paths are read below a root (`/` for the real host), so a test can lay out a host of its own
//! with the relevant files of `/proc`, `/etc` and `/dev`. Nothing is changed and no program is run.

mod binfmt;
mod fuse;
mod machine;
mod space;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use binfmt::Support;
pub use binfmt::{Binfmt, Handler, Rule};
pub(crate) use machine::ARCHES;

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is present and works.
    Ok,
    /// Worth knowing, but nothing that was asked for depends on it.
    Note,
    /// It is missing or not as it should be.
    Lacking,
}

impl Status {
    /// The word for the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Lacking => "lacking",
        }
    }
}

/// One check and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked: a stable name.
    pub what: String,
    /// The result.
    pub status: Status,
    /// What was found, for people.
    pub found: String,
    /// The command that fixes the problem, if something is lacking.
    pub fix: Option<String>,
    /// What was found, for programs: names and values.
    pub details: Vec<(&'static str, String)>,
}

impl Check {
    fn new(what: impl Into<String>, status: Status, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status,
            found: found.into(),
            fix: None,
            details: Vec::new(),
        }
    }

    fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(what, Status::Ok, found)
    }

    fn lacking(what: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::new(what, Status::Lacking, found)
        }
    }

    fn detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }
}

/// A check that could not be carried out.
#[derive(Debug, thiserror::Error)]
#[error("cannot check {what}: {error}")]
pub struct LookError {
    /// The file or directory.
    pub what: String,
    /// The error of the system.
    #[source]
    pub error: io::Error,
}

/// The host to check, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Host {
    /// The root of the host's files: `/`.
    pub root: PathBuf,
    /// The architecture of the kernel, as a GOARCH name.
    pub arch: String,
    /// The directories to search for helpers, as in `PATH`.
    pub path: Vec<PathBuf>,
    /// The architectures whose programs should run here, as GOARCH names.
    pub arches: Vec<String>,
    /// The cache directory, if there is one: a path of this process, not below the root.
    pub cache: Option<PathBuf>,
    /// The limit on the size of the cache, in bytes.
    pub cache_limit: u64,
}

impl Host {
    /// Runs all checks, in a fixed order. A check that could not be carried out is an error among
    /// the results.
    pub fn checks(&self) -> Vec<Result<Check, LookError>> {
        let mut checks = fuse::checks(self);
        match Binfmt::read(&self.root) {
            Ok(binfmt) => checks.extend(binfmt::checks(self, &binfmt).into_iter().map(Ok)),
            Err(error) => checks.push(Err(error)),
        }
        checks.push(Ok(space::page_size()));
        checks.extend(space::checks(self));
        checks
    }

    /// Returns a path of the host, below the root.
    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        below(&self.root, path.as_ref())
    }
}

/// Returns a path of a host, below its root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
