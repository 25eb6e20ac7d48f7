//! Evaluates shell code without running it: determines which programs a script starts, with which
//! arguments and environment, as far as that is known.
//!
//! The evaluator interprets the syntax tree of a script. Values that depend on something outside the
//! image are unknown, and so are conditions on them. In that case both branches are followed, and the
//! programs that they start are possible instead of certain. The evaluator does not know programs
//! itself: its [`World`] reports the effect of starting one.
//!
//! - `invocation`: the arguments of a shell.
//! - `parse`, `guard`, `syntax`: text to syntax tree, within limits.
//! - `state`: variables, functions, options, and how two states are joined.
//! - `expand`: words to arguments.
//! - `run`: control flow, and what is certain.
//! - `builtin`, `test_command`, `utility`: what commands do.

mod builtin;
mod dialect;
mod expand;
mod guard;
pub(crate) mod invocation;
mod parse;
mod parser_options;
mod paths;
mod run;
mod state;
mod syntax;
mod test_command;
#[cfg(test)]
mod tests;
mod utility;
mod world;

use crate::launch::environment::{Environment, Value};

pub(crate) use dialect::Dialect;
pub(crate) use state::Options;
pub(crate) use world::{Command, Ended, FileTest, World};
pub use world::{RunMode, Word};

/// A script to be evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Script<'a> {
    /// Its text.
    pub text: &'a str,
    /// Whether the text is the argument of `-c`, and not a file.
    pub from_text: bool,
    /// `$0`
    pub name: Value,
    /// `$1` and the rest.
    pub arguments: Vec<Word>,
    /// The shell.
    pub dialect: Dialect,
    /// The options that the shell was started with, as returned by [`invocation::parse`].
    pub options: Options,
    /// The environment that the shell is started with. A name that is not in it is unset.
    pub environment: &'a Environment,
    /// The working directory; `None` if it is unknown.
    pub cwd: Option<String>,
    /// Whether the shell is certain to run.
    pub certain: bool,
}

/// Evaluates a script: reports every program that it starts to the world, and returns how the script
/// ends.
pub(crate) fn evaluate(script: &Script<'_>, world: &mut dyn World) -> Ended {
    let mut state = state::State::new(
        script.environment,
        script.arguments.clone(),
        script.cwd.clone(),
    );
    state.options = script.options;
    state.started(script.dialect);
    let mut shell = run::Shell::new(world, script.dialect, state, script.name.clone());
    shell.from_text = script.from_text;
    shell.script(script.text, script.certain)
}
