//! How a container of an image starts: a model of what the kernel, the shell and the dynamic loader do.
//!
//! Everything here is computed from the merged tree, the facts of each executable and the image's
//! config. Nothing is executed. Bytes of files that are not in the tree's index (scripts, `/etc/passwd`,
//! `ld.so.cache`) come from an [`Evidence`].
//!
//! - `image`: the tree, the config and the facts of all executables, read once.
//! - `user`, `access`: who a process runs as, and which files it may reach.
//! - `exec`, `refusal`, `removal`, `errno`: what execve(2) answers, and why.
//! - `search`, `shebang`, `messages`: how runtimes, shells and execvp(3) find a program, and what they print.
//! - `shell`, `launcher`, `program`: what a program executes in turn.
//! - `load`, `loader`, `execution`: which libraries the dynamic loader finds for a program, and where.
//! - `follow`, `request`, `locate`, `fallback`, `behave`, `script`, `utility`, `container`, `chain`,
//!   `origin`: all of these put together, step by step.

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
mod script;
mod search;
mod shebang;
mod shell;
mod user;
mod utility;

use std::io;

pub use chain::{Cause, Chain, End, Opened, Origin, Outcome, Step, StepFailure, StepId, Why};
pub use errno::Errno;
pub use execution::{Execution, load};
pub use loader::{Failure, FailureKind, Lacking, Library, Loaded, Rule};
pub(crate) use origin::chain;
pub use origin::explain;
pub use refusal::{Part, Reason, Refusal};
pub(crate) use shebang::env_lacks;
pub use shell::{Place, Word};
pub use user::{Credentials, UserError};

use crate::image::{Platform, Start};
use crate::inspect::{Binary, Symbols};
use crate::layer::Problem;
use crate::tree::{NodeId, Removed};

/// What is asked of an image beside its tree.
pub trait Evidence: Sync {
    /// The facts of a file, if it is an executable.
    ///
    /// # Errors
    /// If they cannot be read.
    fn binary(&self, node: NodeId) -> io::Result<Option<Binary>>;

    /// The first `limit` bytes of a regular file.
    ///
    /// # Errors
    /// If they cannot be read.
    fn read(&self, node: NodeId, limit: u64) -> io::Result<Vec<u8>>;

    /// The dynamic symbols of an ELF file; `None` if they cannot be told. This reads all of its symbol
    /// table, so it is asked for few files.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn symbols(&self, node: NodeId) -> io::Result<Option<Symbols>>;

    /// For each of a few byte strings, whether a file holds it. Dear: reads all of the file.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn contains(&self, node: NodeId, strings: &[&[u8]]) -> io::Result<Vec<bool>>;

    /// The removal that explains why a path, absolute or relative to the root, does not lead to a regular
    /// file; `None` if no layer removed it. Links on the path are followed. The first call of this or of
    /// [`Evidence::removed_named`] merges the layers again, so it is only made when something is missing.
    ///
    /// # Errors
    /// If the layers cannot be read.
    fn removed(&self, path: &[u8]) -> io::Result<Option<Removed>> {
        let _ = path;
        Ok(None)
    }

    /// All files of a name, in any directory, that a layer removed and that are not in the merged tree;
    /// the last removals first.
    ///
    /// # Errors
    /// If the layers cannot be read.
    fn removed_named(&self, name: &[u8]) -> io::Result<Vec<Removed>> {
        let _ = name;
        Ok(Vec::new())
    }
}

/// What an image claims of itself.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The platform of its config.
    pub platform: Platform,
    /// The platform of its descriptor in the index, if there is one.
    pub index_platform: Option<Platform>,
    /// What is started, and as whom.
    pub start: Start,
    /// The history line of each layer, the lowest first.
    pub created_by: Vec<Option<String>>,
    /// What the layers get wrong.
    pub problems: Vec<Problem>,
    /// Where two readers of the documents see different images, for people.
    pub ambiguities: Vec<String>,
}

/// No real image has so much in it.
pub(crate) fn too_much() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        "its executables say more than can be looked at; what will not run is not told",
    )
}
