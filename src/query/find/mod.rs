//! Searches an image, as find(1) does, with conditions on the facts of executables.
//!
//! A search is an [`Expression`] of [`Test`]s, which is evaluated for each file. Files are visited in the
//! byte order of their paths, not in that of readdir(3). Otherwise it behaves like find(1).

mod condition;
mod expression;
mod number;
mod perm;
mod test;
mod tested_file;

use std::ops::ControlFlow;

pub(crate) use condition::{Condition, KeyTest, KeyTestError, Operator};
pub(crate) use expression::{Expression, ExpressionBuilder, OrderError};
pub(crate) use number::{NumberTest, SizeTest};
pub(crate) use perm::{ModeMatch, PermTest};
pub(crate) use test::Test;

use super::walk::{Walk, WalkEntry, clean, resolve};
use crate::view::{ImageFs, ViewError};
use tested_file::TestedFile;

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    /// The paths where the search starts.
    pub starts: Vec<Vec<u8>>,
    /// The expression. If it contains no action that shows files, those for which it is true are shown.
    pub expression: Expression<Test>,
    /// Files with fewer names below the start are not tested.
    pub min_depth: usize,
    /// The maximum number of names below the start.
    pub max_depth: Option<usize>,
}

/// A result of a search.
#[derive(Debug)]
pub enum Event<'a> {
    /// A file to print.
    Show(&'a WalkEntry),
    /// A file whose path is to be printed unchanged, followed by a NUL.
    ShowRaw(&'a WalkEntry),
    /// A path that could not be read. The search continues.
    Failed(&'a [u8], ViewError),
}

impl Find {
    /// Searches, and calls `each` for each result until it returns `Break`.
    pub fn search(
        &self,
        view: &ImageFs,
        each: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let shows_matches = !self.expression.tests().any(Test::is_action);
        for start in &self.starts {
            match resolve(view, start, false) {
                Ok(attr) => {
                    let walk = Walk::new(view, &clean(start), attr);
                    self.walk(view, walk, shows_matches, each)?;
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
        shows_matches: bool,
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
            if self.look(view, &found, shows_matches, each)? {
                walk.skip_contents(&found);
            }
        }
        ControlFlow::Continue(())
    }

    /// Evaluates the expression for one file. Returns whether the file's contents are skipped
    /// (`-prune`). With `shows_matches`, the file is shown if the expression is true.
    fn look(
        &self,
        view: &ImageFs,
        found: &WalkEntry,
        shows_matches: bool,
        each: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<(), bool> {
        let mut file = TestedFile::new(view, found);
        let mut pruned = false;
        let asked = self.expression.evaluate(|test| {
            match test {
                Test::Print => show(Event::Show(found), each)?,
                Test::Print0 => show(Event::ShowRaw(found), each)?,
                Test::Prune => pruned = true,
                Test::Quit => return Err(EarlyEnd::Ended),
                _ => {}
            }
            file.answer(test).map_err(EarlyEnd::Failed)
        });
        match asked {
            Ok(true) if shows_matches => each(Event::Show(found))?,
            Ok(_) => {}
            Err(EarlyEnd::Ended) => return ControlFlow::Break(()),
            Err(EarlyEnd::Failed(error)) => each(Event::Failed(&found.path, error))?,
        }
        ControlFlow::Continue(pruned)
    }
}

fn show(
    event: Event<'_>,
    each: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<(), EarlyEnd> {
    match each(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(EarlyEnd::Ended),
    }
}

/// Why the evaluation for a file ended early.
enum EarlyEnd {
    /// The search is over.
    Ended,
    /// The file could not be read.
    Failed(ViewError),
}
