//! `imgfs find`: the language of find(1) for images, with conditions on the facts of executables.
//!
//! An expression is parsed once (`parse`) into a list of instructions (`program`), which are evaluated
//! for each file (`test`). Files are visited in the byte order of their paths, not in that of
//! readdir(3). Otherwise it behaves like find(1).

mod condition;
mod number;
mod parse;
mod perm;
mod program;
mod test;

use std::ops::ControlFlow;

pub use parse::FindError;

use super::walk::{Found, Walk, resolve};
use crate::view::{ImageFs, ViewError};
use program::Program;
use test::{Candidate, Test};

/// A parsed search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    /// The paths where the search starts, as given.
    starts: Vec<Vec<u8>>,
    /// The expression.
    program: Program<Test>,
    /// Whether files are printed for which the expression is true, because it contains no action.
    prints_itself: bool,
    min_depth: usize,
    max_depth: Option<usize>,
    /// Whether `--json` was given.
    pub json: bool,
    /// Whether `--digests` was given.
    pub digests: bool,
}

/// A result of a search.
#[derive(Debug)]
pub enum Event<'a> {
    /// A file to print.
    Show(&'a Found),
    /// A file whose path is to be printed unchanged, followed by a NUL.
    ShowRaw(&'a Found),
    /// A path that could not be read. The search continues.
    Failed(&'a [u8], ViewError),
}

/// Returns a path as displayed: with a leading slash, without empty components and `.`.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let names = path.split(|&b| b == b'/');
    let names = names.filter(|name| !name.is_empty() && *name != b".");
    let mut clean = Vec::with_capacity(path.len() + 1);
    for name in names {
        clean.push(b'/');
        clean.extend_from_slice(name);
    }
    if clean.is_empty() {
        clean.push(b'/');
    }
    clean
}

impl Find {
    /// Parses the arguments that follow the image: paths, then an expression.
    ///
    /// # Errors
    /// Returns an error if an argument is unknown or in an invalid position.
    pub fn parse(words: &[Vec<u8>]) -> Result<Self, FindError> {
        parse::parse(words)
    }

    /// Searches, and calls `each` for each result until it returns `Break`.
    pub fn search(
        &self,
        view: &ImageFs,
        each: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for start in &self.starts {
            match resolve(view, start, false) {
                Ok(attr) => {
                    let walk = Walk::new(view, &clean(start), attr);
                    self.walk(view, walk, each)?;
                }
                Err(error) => each(Event::Failed(start, error))?,
            }
        }
        ControlFlow::Continue(())
    }

    fn walk(
        &self,
        view: &ImageFs,
        walk: Walk<'_>,
        each: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut walk = walk.max_depth(self.max_depth.unwrap_or(usize::MAX));
        while let Some(step) = walk.next() {
            let found = match step {
                Ok(found) => found,
                Err((path, error)) => {
                    each(Event::Failed(&path, error))?;
                    continue;
                }
            };
            if found.depth < self.min_depth {
                continue;
            }
            if self.look(view, &found, each)? {
                walk.leave_out(&found);
            }
        }
        ControlFlow::Continue(())
    }

    /// Evaluates the expression for one file. Returns whether the file's contents are skipped
    /// (`-prune`).
    fn look(
        &self,
        view: &ImageFs,
        found: &Found,
        each: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<(), bool> {
        let mut candidate = Candidate::new(view, found);
        let mut pruned = false;
        let asked = self.program.evaluate(|test| {
            match test {
                Test::Print => show(Event::Show(found), each)?,
                Test::Print0 => show(Event::ShowRaw(found), each)?,
                Test::Prune => pruned = true,
                Test::Quit => return Err(Stop::Ended),
                _ => {}
            }
            candidate.answer(test).map_err(Stop::Failed)
        });
        match asked {
            Ok(true) if self.prints_itself => each(Event::Show(found))?,
            Ok(_) => {}
            Err(Stop::Ended) => return ControlFlow::Break(()),
            Err(Stop::Failed(error)) => each(Event::Failed(&found.path, error))?,
        }
        ControlFlow::Continue(pruned)
    }
}

fn show(event: Event<'_>, each: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>) -> Result<(), Stop> {
    match each(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stop::Ended),
    }
}

/// Why the evaluation for a file ended early.
enum Stop {
    /// The search is over.
    Ended,
    /// The file could not be read.
    Failed(ViewError),
}
