//! The chain: every program that a container starts, one after the other, and how each start ends.

use super::environment::{Environment, Value};
use super::errno::Errno;
use super::loader::{Library, Loaded};
use super::refusal::{Part, Refusal};
use super::shell::{Place, Word};
use super::user::Credentials;
use crate::tree::{NodeId, Removed};

/// The number of a step in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u32);

/// What a chain begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Entrypoint and Cmd of the config.
    Config,
    /// The config's Entrypoint with other arguments, as in `docker run IMAGE COMMAND`.
    Command(Vec<String>),
    /// One file of the image, executed as the config's user.
    File(Vec<u8>),
    /// The config's Healthcheck.
    Healthcheck,
}

/// All that is executed, and how it ends.
#[derive(Clone, Debug)]
pub struct Chain {
    /// What it begins with.
    pub origin: Origin,
    /// Every execve, in the order in which it happens. Steps behind an unknown condition are in it too.
    pub steps: Vec<Step>,
    /// How it ends.
    pub end: End,
    /// Whether a shell is started without a script: the image is for the tools in it.
    pub interactive: bool,
}

impl Chain {
    /// All steps with their numbers, in order.
    pub fn numbered(&self) -> impl Iterator<Item = (StepId, &Step)> {
        (0..).map(StepId).zip(&self.steps)
    }

    /// The step of a number.
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(id.0 as usize)
    }

    /// The step whose program executes another step.
    pub fn parent(&self, step: &Step) -> Option<&Step> {
        self.step(step.parent?)
    }
}

/// How a chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every program that is started for certain starts.
    Starts,
    /// The container ends because this step fails.
    Fails(StepId),
    /// A script ends with this exit status, although all that it executes starts: it refuses to go on.
    Exits(u8),
    /// The container does not start because the config's user cannot be resolved; the runtime's message.
    NoUser(String),
    /// The container does not start because the config's working directory is none; the runtime's message.
    NoDirectory(String),
    /// The image has neither Entrypoint nor Cmd, or no Healthcheck.
    NoCommand,
    /// What is executed cannot be told, and why.
    Unknown(String),
}

/// Why a program is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The runtime executes it, as the config or the command line says.
    Runtime,
    /// A shell runs it as a command, on this line of its script.
    ShellCommand(u32),
    /// Another program executes it with its arguments; the program's name.
    Launcher(String),
}

/// One execve.
#[derive(Clone, Debug)]
pub struct Step {
    /// The step whose program executes this one. `None` for the first.
    pub parent: Option<StepId>,
    /// Why it is executed.
    pub why: Why,
    /// The arguments as the caller gives them, the program's name first.
    pub argv: Vec<Word>,
    /// Whether it is executed in every run.
    pub certain: bool,
    /// Whether the caller expects that it may fail: it is a condition, or stands before `||`.
    pub tested: bool,
    /// How a shell runs it. [`Place::Exec`] for what the runtime or a launcher executes.
    pub place: Place,
    /// Who runs it.
    pub credentials: Credentials,
    /// The working directory; `None` if it is unknown.
    pub cwd: Option<String>,
    /// The environment.
    pub(crate) environment: Environment,
    /// The files that the kernel opens: scripts, the program, its loader.
    pub files: Vec<Opened>,
    /// What the loader does with the program; `None` if it has no loader, or is not started.
    pub loaded: Option<Loaded>,
    /// How it ends.
    pub outcome: Outcome,
}

impl Step {
    /// The variables that decide what is found or loaded (`PATH`, `LD_LIBRARY_PATH`, `LD_PRELOAD`,
    /// `GLIBC_TUNABLES`), where they are set. `None` stands for an unknown value.
    pub fn variables(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let names = ["PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "GLIBC_TUNABLES"];
        names.into_iter().filter_map(|name| {
            Some(match self.environment.get(name)? {
                Value::Known(value) => (name, Some(value.as_str())),
                Value::Unknown => (name, None),
            })
        })
    }

    /// The file that was to be executed; `None` if it was not found.
    pub fn program(&self) -> Option<&Opened> {
        self.files.first()
    }

    /// The libraries that the loader loads, in its order.
    pub fn libraries(&self) -> &[Library] {
        self.loaded.as_ref().map_or(&[], |loaded| &loaded.libraries)
    }

    /// What the loader says without giving up, such as a preload that is not there.
    pub fn warnings(&self) -> &[String] {
        self.loaded.as_ref().map_or(&[], |loaded| &loaded.warnings)
    }

    /// The failure, if the step fails.
    pub fn failure(&self) -> Option<&StepFailure> {
        match &self.outcome {
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

/// A file that the kernel opens to execute it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What it is for.
    pub part: Part,
    /// The path by which it is opened.
    pub path: Vec<u8>,
    /// That path without symbolic links.
    pub real: Vec<u8>,
    /// The file.
    pub node: NodeId,
}

/// How a step ends.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The program starts.
    Started,
    /// It does not.
    Failed(StepFailure),
    /// It cannot be told, and why.
    Unknown(String),
}

/// Why a step fails.
#[derive(Clone, Debug)]
pub struct StepFailure {
    /// What execve returns; `None` if the program starts and its loader gives up.
    pub errno: Option<Errno>,
    /// The exit status that the caller ends with, or sees.
    pub status: u8,
    /// What the user sees: the message of the runtime, the shell, the launcher or the loader.
    pub message: String,
    /// What is wrong, as a clause.
    pub clause: String,
    /// What to change.
    pub hint: String,
    /// What brought it about.
    pub cause: Cause,
    /// The layer that removed what is missing, if one did.
    pub removed: Option<Removed>,
}

/// What brings a failure about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No directory of PATH has a program of that name.
    NotInPath(String),
    /// execve refuses.
    Refused(Refusal),
    /// The kernel kills the process before its first instruction.
    Killed,
    /// The loader gives up: a library, a version or a symbol is missing.
    Loader,
    /// A launcher refuses its arguments, such as a user that does not exist.
    Launcher,
}
