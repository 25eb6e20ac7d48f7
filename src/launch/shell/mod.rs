//! Shell code, evaluated without running it: which programs a script starts, with which arguments and
//! which environment, as far as that can be known.
//!
//! The evaluator interprets the syntax tree of a script. Values that depend on something outside the
//! image are unknown, and so are conditions on them: both branches are then followed, and what they
//! start is possible instead of certain. Programs are not part of this module: the evaluator asks its
//! [`World`] what starting one does.

mod world;

pub(crate) use world::{Command, Ended, FileTest, World};
pub use world::{Place, Word};

// STUB
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Dash,
    Bash,
    BashPosix,
    Busybox,
    Unknown,
}
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {}
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub text: String,
    pub name: String,
    pub args: Vec<Word>,
    pub dialect: Dialect,
    pub options: Options,
    pub environment: crate::launch::environment::Environment,
    pub cwd: Option<String>,
    pub certain: bool,
}
pub(crate) enum Source {
    Text(String),
    Input,
    File(String),
    Unknown,
}
pub(crate) struct Invocation {
    pub source: Source,
    pub name: String,
    pub args: Vec<Word>,
    pub options: Options,
}
pub(crate) fn invocation(argv: &[Word], _d: Dialect) -> Option<Invocation> {
    let _ = argv;
    None
}
pub(crate) fn evaluate(script: Script, world: &mut dyn World) -> Ended {
    let _ = (script, world);
    Ended {
        status: None,
        cause: None,
        may_stay: true,
    }
}
