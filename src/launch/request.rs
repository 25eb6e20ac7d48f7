//! A request to start a program: the caller, the program, and the process.

use super::chain::StepId;
use super::environment::Environment;
use super::messages::Caller;
use super::shell::{RunMode, Word};
use super::user::Credentials;

/// A request to start a program.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The caller that starts the program.
    pub caller: Caller,
    /// The step of the caller.
    pub parent: Option<StepId>,
    /// The program and its arguments.
    pub argv: Vec<Word>,
    /// The environment.
    pub environment: Environment,
    /// The working directory.
    pub cwd: Option<String>,
    /// A path to execute, instead of looking up the first argument.
    pub path: Option<String>,
    /// The credentials of the started process.
    pub credentials: Credentials,
    /// The credentials that apply when the program is looked up, and when it is executed. A launcher
    /// may change its user between the two, or keep root's capabilities until execve(2).
    pub looked_up_as: Credentials,
    pub executed_as: Credentials,
    /// Whether it is started in every run.
    pub certain: bool,
    /// Whether the caller expects that it may fail.
    pub tested: bool,
    /// How the caller runs it.
    pub place: RunMode,
    /// The number of programs that executed each other before this one.
    pub depth: usize,
}
