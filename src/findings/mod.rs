//! Findings: what will not run in an image, and why.
//!
//! Whether an executable can run is decided by the loader, the libraries, the C library and the
//! declared platform beside it. [`find`] looks at the merged tree, the facts of each executable and
//! what the image declares, and says what does not fit. It decodes nothing and opens nothing itself:
//! what it wants to know beside the tree it asks an [`Evidence`].
//!
//! Headers are the truth; build info, config and index are claims. What the image starts weighs most;
//! what nothing in it can start (data, cross toolchains, other platforms' artefacts) weighs little.

mod archive;
mod draft;
mod finding;
mod go;
mod image;
mod linking;
mod loader;
mod mixed;
mod platform;
mod report;
mod role;
mod script;
mod start;
#[cfg(test)]
mod tests;
mod users;
mod words;

use std::io;

pub use finding::{Finding, Id, InterpreterStatus, Level};
pub use report::Findings;

use crate::image::{Platform, Start};
use crate::inspect::{Binary, Undefined};
use crate::layer::Problem;
use crate::tree::{NodeId, Tree};

/// What is asked of an image beside its tree.
pub trait Evidence {
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

    /// The dynamic symbols that an ELF file wants from others. Dear: only asked for where C libraries
    /// mix.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn undefined(&self, node: NodeId) -> io::Result<Vec<Undefined>>;

    /// For each name, whether an ELF file exports it.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn exports(&self, node: NodeId, names: &[&[u8]]) -> io::Result<Vec<bool>>;

    /// For each of a few byte strings, whether a file holds it. Dear: reads all of the file.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn contains(&self, node: NodeId, strings: &[&[u8]]) -> io::Result<Vec<bool>>;
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
}

/// Looks for all that does not fit.
///
/// # Errors
/// If what is asked of the image cannot be read.
pub fn find(tree: &Tree, declared: &Declared, evidence: &dyn Evidence) -> io::Result<Findings> {
    let image = image::Image::read(tree, declared, evidence)?;
    let start = start::resolve(&image)?;
    let roles = role::roles(&image, &start);
    let mut drafts = draft::Drafts::default();
    start::check(&start, &mut drafts);
    platform::check(&image, &roles, &mut drafts);
    linking::check(&image, &roles, &mut drafts)?;
    script::check(&image, &roles, &mut drafts);
    go::check(&image, &roles, &mut drafts);
    users::check(&image, &roles, &mut drafts)?;
    archive::check(&image, &mut drafts);
    drafts.finish()
}

/// No real image has so much in it.
fn too_much() -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        "its executables say more than can be looked at; what will not run is not told",
    )
}
