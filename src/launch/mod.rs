//! Predicts how a container of an image starts: a model of the kernel, the shell and the dynamic
//! loader.
//!
//! Everything is computed from the merged tree, the facts of each executable and the image's config.
//! Nothing is executed. The contents of other files (scripts, `/etc/passwd`, `ld.so.cache`) come from
//! an [`Evidence`].
//!
//! - `image`: the tree, the config and the facts of all executables, read once.
//! - `user`, `access`: the credentials of a process, and which files it may access.
//! - `exec`, `refusal`, `removal`, `errno`: the result of execve(2), and the reason.
//! - `search`, `shebang`, `messages`: how runtimes, shells and execvp(3) find a program, and what they
//!   print.
//! - `shell`, `launcher`, `program`: what a program executes in turn.
//! - `load`, `loader`, `execution`: which libraries the dynamic loader finds for a program, and where.
//! - `follow`, `request`, `locate`, `fallback`, `behave`, `script`, `utility`, `container`, `chain`,
//!   `origin`: the combination of all of these, step by step.

mod access;
mod behave;
mod chain;
mod container;
mod environment;
mod errno;
mod exec;
mod execution;
mod fallback;
mod follow;
pub(crate) mod image;
mod launcher;
mod launcher_message;
mod load;
pub(crate) mod loader;
mod locate;
pub(crate) mod machine;
mod messages;
mod origin;
mod program;
mod refusal;
mod removal;
mod request;
mod run_fallback;
mod script;
mod search;
mod shebang;
mod shell;
mod user;
mod utility;

use std::io;

pub use chain::{Cause, ChainStart, End, Outcome, StepFailure};
pub(crate) use chain::{Chain, Opened, Step, StepId, Why};
pub use execution::{Execution, load};
pub(crate) use loader::Library;
pub use loader::Loaded;
pub(crate) use origin::chain;
pub(crate) use origin::explain;
pub(crate) use refusal::{Part, Reason};
pub(crate) use shebang::env_lacks;
pub use shell::{RunMode, Word};

use crate::image::{Platform, Start};
use crate::inspect::{Binary, Symbols};
use crate::layer::LayerProblem;
use crate::tree::{NodeId, Removed};

/// Access to the parts of an image outside of its tree.
pub trait Evidence: Sync {
    /// Returns the facts of a file, if it is an executable.
    ///
    /// # Errors
    /// Returns an error if the facts cannot be read.
    fn binary(&self, node: NodeId) -> io::Result<Option<Binary>>;

    /// Returns the first `limit` bytes of a regular file.
    ///
    /// # Errors
    /// Returns an error if the bytes cannot be read.
    fn read(&self, node: NodeId, limit: u64) -> io::Result<Vec<u8>>;

    /// Returns the dynamic symbols of an ELF file; `None` if they cannot be determined. This reads the
    /// whole symbol table, so it is called for few files.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    fn symbols(&self, node: NodeId) -> io::Result<Option<Symbols>>;

    /// Returns for each of a few byte strings whether a file contains it. This is expensive, because it
    /// reads the whole file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    fn contains(&self, node: NodeId, strings: &[&[u8]]) -> io::Result<Vec<bool>>;

    /// Returns the removal that explains why a path, absolute or relative to the root, does not lead to
    /// a regular file; `None` if no layer removed it. Links on the path are followed. The first call of
    /// this method or of [`Evidence::removed_named`] merges the layers again, so call it only if
    /// something is missing.
    ///
    /// # Errors
    /// Returns an error if the layers cannot be read.
    fn removed(&self, path: &[u8]) -> io::Result<Option<Removed>> {
        let _ = path;
        Ok(None)
    }

    /// Returns all files of a name, in any directory, that a layer removed and that are not in the
    /// merged tree. The last removals come first.
    ///
    /// # Errors
    /// Returns an error if the layers cannot be read.
    fn removed_named(&self, name: &[u8]) -> io::Result<Vec<Removed>> {
        let _ = name;
        Ok(Vec::new())
    }
}

/// The declarations of an image about itself.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The platform in the config.
    pub platform: Platform,
    /// The platform in the image's descriptor in the index, if there is one.
    pub index_platform: Option<Platform>,
    /// What is started, and with which user.
    pub start: Start,
    /// The history line of each layer, the lowest first.
    pub created_by: Vec<Option<String>>,
    /// The defects of the layers.
    pub problems: Vec<LayerProblem>,
    /// Places where two readers of the documents see different images, described for people.
    pub ambiguities: Vec<String>,
}

/// Returns the error for an image that exceeds the limits. No real image does.
pub(crate) fn limit_exceeded() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        "its executables exceed the limits of imgfs, so there are no findings",
    )
}
