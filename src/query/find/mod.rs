//! `imgfs find`: find(1)'s words asked of an image, and questions to the facts of its executables.
//!
//! An expression is read once (`parse`) into a row of instructions (`program`), which each file on the
//! way answers (`test`). Files come in the byte order of their paths, not in that of readdir(3); all
//! else is as find(1) does it.

mod condition;
mod number;
mod parse;
mod perm;
mod program;
mod test;

use std::ops::ControlFlow;

pub use condition::{Condition, ConditionError};
pub use parse::FindError;
pub use program::OrderError;

use super::walk::{Found, Walk, resolve};
use crate::view::{ImageFs, ViewError};
use program::Program;
use test::{Candidate, Test};

/// What is searched, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    /// Where the search begins, as it was given.
    starts: Vec<Vec<u8>>,
    /// The expression.
    program: Program<Test>,
    /// What the expression is true for is shown, since it shows nothing itself.
    prints_itself: bool,
    min_depth: usize,
    max_depth: Option<usize>,
    /// `--json` was among the words.
    pub json: bool,
    /// `--digests` was among the words.
    pub digests: bool,
}

/// What a search comes upon.
#[derive(Debug)]
pub enum Event<'a> {
    /// A file that is to be shown.
    Show(&'a Found),
    /// A file whose path is to be written with a NUL behind it, as it is.
    ShowRaw(&'a Found),
    /// Something that could not be looked at. The search goes on.
    Failed(&'a [u8], ViewError),
}

/// A path as it is shown: with a leading slash, without empty names and `.`.
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
    /// Reads the words that follow the image: paths, then an expression.
    ///
    /// # Errors
    /// If one of them is not known or stands where it says nothing.
    pub fn parse(words: &[Vec<u8>]) -> Result<Self, FindError> {
        parse::parse(words)
    }

    /// Searches, and hands over what is found as long as `each` wants more.
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

    /// Asks one file everything; says whether what is in it is left out.
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

/// Why the questions to a file ended early.
enum Stop {
    /// Nothing more is wanted.
    Ended,
    /// It could not be looked at.
    Failed(ViewError),
}
