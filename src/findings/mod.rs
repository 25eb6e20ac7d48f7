//! Findings: what will not run in an image, and why.
//!
//! Whether an executable can run is decided by the loader, the libraries, the C library and the
//! declared platform beside it. [`find`] looks at the merged tree, the facts of each executable and
//! what the image declares, and says what does not fit. It decodes nothing and opens nothing itself:
//! what it wants to know beside the tree it asks an [`Evidence`].
//!
//! Headers are the truth; build info, config and index are claims. What the image starts weighs most;
//! what nothing in it can start (data, cross toolchains, other platforms' artefacts) weighs little.

mod alternatives;
mod archive;
mod attribution;
mod certificates;
mod draft;
mod finding;
mod go;
mod headers;
mod libraries;
mod linking;
mod mixed;
mod platform;
mod plugin_libraries;
mod plugins;
mod report;
mod role;
mod script;
mod start;
mod symbols;
#[cfg(test)]
mod tests;
mod users;
mod versions;
mod zones;

use std::io;

pub use finding::{Finding, Id, InterpreterStatus, Level};
pub use report::Findings;

use crate::launch::image::Image;
use crate::launch::{Declared, Evidence};
use crate::tree::Tree;

/// Looks for all that does not fit.
///
/// # Errors
/// If what is asked of the image cannot be read.
pub fn find(tree: &Tree, declared: &Declared, evidence: &dyn Evidence) -> io::Result<Findings> {
    let image = Image::read(tree, declared, evidence)?;
    let start = start::resolve(&image)?;
    let roles = role::roles(&image, &start);
    let mut drafts = draft::Drafts::default();
    start::check(&image, &start, &mut drafts)?;
    platform::check(&image, &roles, &mut drafts);
    linking::check(&image, &roles, &start.loaded(), &mut drafts)?;
    plugins::check(&image, &mut drafts)?;
    script::check(&image, &roles, &mut drafts)?;
    go::check(&image, &roles, &mut drafts);
    users::check(&image, &roles, &mut drafts)?;
    headers::check(&image, &roles, &mut drafts);
    archive::check(&image, &mut drafts);
    start::assure(&start, &mut drafts);
    drafts.finish()
}
