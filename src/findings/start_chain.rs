//! The programs that the image starts: those that every run executes, and those that a run may execute.

use std::collections::HashMap;
use std::io;

use crate::launch::image::{File, Image};
use crate::launch::loader::Loaded;
use crate::launch::{self, Chain, ChainStart, End, Part, Step, Word};
use crate::tree::NodeId;

/// The loader's results for the files that the start chain executes.
pub(super) type ChainResults = HashMap<NodeId, Loaded>;

/// What the image starts.
pub(super) struct Start {
    /// The chain that starts with Entrypoint and Cmd.
    pub chain: Chain,
    /// The chain that starts with the Healthcheck.
    pub healthcheck: Chain,
    /// The files that every run executes, and without which the container does not start.
    pub nodes: Vec<NodeId>,
    /// The files that may be executed, and the files whose failure the container survives.
    pub possible: Vec<NodeId>,
}

/// Follows the config's command and its health check.
///
/// # Errors
/// Returns an error if the image cannot be read.
pub(super) fn resolve(image: &Image<'_>) -> io::Result<Start> {
    let chain = launch::chain(image, &ChainStart::Config)?;
    let healthcheck = launch::chain(image, &ChainStart::Healthcheck)?;
    let mut nodes = Vec::new();
    let mut possible = Vec::new();
    for (id, step) in chain.numbered() {
        let fatal = chain.end == End::Fails(id);
        let needed = step.certain && (fatal || step.failure().is_none());
        let files = step.files.iter().filter(|file| file.part != Part::Loader);
        let files = files.map(|file| file.node);
        // If a loader is executed directly, the loader opens the program, not the kernel.
        let program = step.loaded.as_ref().and_then(|loaded| loaded.program);
        match needed {
            true => nodes.extend(files.chain(program)),
            false => possible.extend(files.chain(program)),
        }
    }
    for step in &healthcheck.steps {
        let files = step.files.iter().filter(|file| file.part != Part::Loader);
        possible.extend(files.map(|file| file.node));
    }
    let unnamed = |step: &Step| !matches!(step.argv.first(), Some(Word::Known(_)));
    if chain.steps.iter().any(unnamed) {
        let snippets = image.files.iter().filter(|file| is_snippet(file));
        possible.extend(snippets.map(|file| file.node));
    }
    Ok(Start {
        chain,
        healthcheck,
        nodes,
        possible,
    })
}

/// Returns true if a file is in a directory of scripts that an entrypoint script runs, such as
/// `/docker-entrypoint.d` or `/docker-entrypoint-initdb.d` in images of nginx, postgres and mysql.
/// Which of them it runs is only known at run time.
fn is_snippet(file: &File) -> bool {
    file.may_run && file.dir().starts_with(b"/docker-entrypoint")
}

impl Start {
    /// Returns the loader's results for the programs of the chain, in the environments in which they
    /// are executed. If a program is executed several times, the first failure counts.
    pub(super) fn loaded(&self) -> ChainResults {
        let mut loaded = ChainResults::new();
        let steps = self.chain.steps.iter().filter(|step| step.certain);
        for step in steps {
            if let Some(found) = &step.loaded
                && let Some(program) = found.program
            {
                let known = loaded.entry(program).or_insert_with(|| found.clone());
                if known.failure.is_none() && found.failure.is_some() {
                    *known = found.clone();
                }
            }
        }
        loaded
    }
}
