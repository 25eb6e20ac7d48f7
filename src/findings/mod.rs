//! Findings: what will not run in an image, and why.
//!
//! Whether an executable can run depends on the loader, the libraries, the C library and the declared
//! platform. [`find`] compares the merged tree, the facts of each executable and the image's
//! declarations, and reports what does not fit. It decodes nothing and opens nothing itself: it gets
//! everything outside of the tree from an [`Evidence`].
//!
//! Headers are facts; build info, config and index are claims. Findings on what the image starts have
//! the highest level. Findings on what nothing in the image can start (data, cross toolchains,
//! artefacts for other platforms) have the lowest.

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
mod start_chain;
mod subject;
mod symbols;
#[cfg(test)]
mod tests;
mod users;
mod versions;
mod zones;

use std::io;

pub use finding::{Finding, Id, InterpreterStatus, Level};
pub(crate) use report::Findings;

use crate::launch::image::Image;
use crate::launch::{Declared, Evidence};
use crate::tree::Tree;

/// Returns all findings of an image.
///
/// # Errors
/// Returns an error if the image cannot be read, or if the findings exceed a limit.
pub(crate) fn find(
    tree: &Tree,
    declared: &Declared,
    evidence: &dyn Evidence,
) -> io::Result<Findings> {
    let image = Image::read(tree, declared, evidence)?;
    let start = start_chain::resolve(&image)?;
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
    start::ensure_failure_reported(&start, &mut drafts);
    drafts.finish()
}
