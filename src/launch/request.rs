//! What is to be started: who starts which program, and in which process.

use super::chain::StepId;
use super::environment::Environment;
use super::messages::Caller;
use super::shell::{Place, Word};
use super::user::Credentials;

/// What is to be started.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Who starts it.
    pub caller: Caller,
    /// The step of the caller.
    pub parent: Option<StepId>,
    /// The program and its arguments.
    pub argv: Vec<Word>,
    /// The environment.
    pub environment: Environment,
    /// The working directory.
    pub cwd: Option<String>,
    /// A path to execute instead of looking the first argument up.
    pub path: Option<String>,
    /// Who runs it.
    pub credentials: Credentials,
    /// Whose permissions count when it is looked up, and when it is executed: a launcher may change its
    /// user between the two, or keep root's capabilities up to execve(2).
    pub looked_up_as: Credentials,
    pub executed_as: Credentials,
    /// Whether it is started in every run.
    pub certain: bool,
    /// Whether the caller expects that it may fail.
    pub tested: bool,
    /// How it is run.
    pub place: Place,
    /// How many programs have executed each other up to here.
    pub depth: usize,
}
