//! The host: what it has, and what it lacks, to mount images and to run what is in them.
//!
//! Everything is read below a root (`/` of a real host), so that a test can lay out a host of its own
//! with the files of `/proc`, `/etc` and `/dev` that matter. Nothing is changed and nothing is run.

mod binfmt;
mod fuse;
mod machine;
mod room;

use std::io;
use std::path::{Path, PathBuf};

pub use binfmt::{Binfmt, Fault, Flags, Handler, Rule, Support};
pub use fuse::User;
pub use machine::ARCHES;
pub use room::Room;

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is there.
    Ok,
    /// Worth knowing; nothing that was asked for depends on it.
    Note,
    /// It is not there, or not as it should be.
    Lacking,
}

impl Status {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Lacking => "lacking",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it is: a stable word.
    pub what: String,
    /// How it stands.
    pub status: Status,
    /// What was found, for people.
    pub found: String,
    /// The command that mends it, where something is lacking.
    pub mend: Option<String>,
    /// The same for programs: names and values.
    pub details: Vec<(&'static str, String)>,
}

impl Check {
    fn new(what: impl Into<String>, status: Status, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status,
            found: found.into(),
            mend: None,
            details: Vec::new(),
        }
    }

    fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(what, Status::Ok, found)
    }

    fn lacking(what: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            mend: Some(mend.into()),
            ..Self::new(what, Status::Lacking, found)
        }
    }

    fn detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }
}

/// What could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at {what}: {error}")]
pub struct LookError {
    /// The file or directory.
    pub what: String,
    /// What the system says.
    #[source]
    pub error: io::Error,
}

/// What to look at.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where the host's files are: `/`.
    pub root: PathBuf,
    /// Machine of the kernel, in Go's names.
    pub arch: String,
    /// Directories that helpers are looked for in, as in `PATH`.
    pub path: Vec<PathBuf>,
    /// The machines whose programs should run here, in Go's names.
    pub arches: Vec<String>,
    /// Where the cache is, if anywhere; a path of this process, not below the root.
    pub cache: Option<PathBuf>,
    /// What the cache may take, in bytes.
    pub cache_limit: u64,
}

impl Host {
    /// Looks at everything, in a fixed order. What cannot be looked at stands among the results.
    pub fn checks(&self) -> Vec<Result<Check, LookError>> {
        let mut checks = fuse::checks(self);
        match Binfmt::read(&self.root) {
            Ok(binfmt) => checks.extend(binfmt::checks(self, &binfmt).into_iter().map(Ok)),
            Err(error) => checks.push(Err(error)),
        }
        checks.push(Ok(room::page_size()));
        checks.extend(room::checks(self));
        checks
    }

    /// A path of the host, below the root.
    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        below(&self.root, path.as_ref())
    }
}

/// A path of a host below its root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
