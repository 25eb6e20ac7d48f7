//! The chain: every program that a container starts, one after the other, and how each start ends.

use super::environment::{Environment, Value};
use super::errno::Errno;
use super::loader::{Library, Loaded};
use super::refusal::{Part, Refusal};
use super::shell::{RunMode, Word};
use super::user::Credentials;
use crate::tree::{NodeId, Removed};

/// The index of a step in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u32);

/// The start of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainStart {
    /// Entrypoint and Cmd of the config.
    Config,
    /// The config's Entrypoint with other arguments, as in `docker run IMAGE COMMAND`.
    Command(Vec<String>),
    /// One file of the image, executed as the config's user.
    File(Vec<u8>),
    /// The config's Healthcheck.
    Healthcheck,
}

/// Everything that is executed, and how it ends.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The start of the chain.
    pub origin: ChainStart,
    /// Every execve, in order. Steps behind an unknown condition are included.
    pub steps: Vec<Step>,
    /// How the chain ends.
    pub end: End,
    /// Whether a shell is started without a script. Such an image exists for its tools.
    pub interactive: bool,
}

impl Chain {
    /// Returns all steps with their ids, in order.
    pub fn numbered(&self) -> impl Iterator<Item = (StepId, &Step)> {
        (0..).map(StepId).zip(&self.steps)
    }

    /// Returns the step with an id.
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(id.0 as usize)
    }

    /// Returns the step whose program executes another step.
    pub fn parent(&self, step: &Step) -> Option<&Step> {
        self.step(step.parent?)
    }
}

/// How a chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every program that is certain to be executed starts.
    Starts,
    /// The container ends because this step fails.
    Fails(StepId),
    /// A script exits with this status although everything that it executes starts.
    Exits(u8),
    /// The container does not start because the config's user cannot be resolved. Holds the runtime's
    /// message.
    NoUser(String),
    /// The container does not start because the config's working directory is not a directory. Holds
    /// the runtime's message.
    NoDirectory(String),
    /// The image has neither Entrypoint nor Cmd, or no Healthcheck.
    NoCommand,
    /// What is executed is unknown. Holds the reason.
    Unknown(String),
}

/// The reason why a program is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The runtime executes it, as specified by the config or the command line.
    Runtime,
    /// A shell runs it as a command, on this line of its script.
    ShellCommand(u32),
    /// Another program executes its own arguments. Holds that program's name.
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
    /// Whether the step is executed in every run.
    pub certain: bool,
    /// Whether the caller expects that the step may fail, because it is a condition or stands before
    /// `||`.
    pub tested: bool,
    /// How a shell runs the step. [`RunMode::Exec`] for steps of the runtime or of a launcher.
    pub place: RunMode,
    /// The credentials of the process.
    pub credentials: Credentials,
    /// The working directory; `None` if it is unknown.
    pub cwd: Option<String>,
    /// The environment.
    pub(crate) environment: Environment,
    /// The files that the kernel opens: scripts, the program, its loader.
    pub files: Vec<Opened>,
    /// The result of the loader; `None` if the program has no loader or is not started.
    pub loaded: Option<Loaded>,
    /// How the step ends.
    pub outcome: Outcome,
}

impl Step {
    /// Returns the variables that determine what is found or loaded, if they are set: `PATH`,
    /// `LD_LIBRARY_PATH`, `LD_PRELOAD` and `GLIBC_TUNABLES`. `None` stands for an unknown value.
    pub fn variables(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let names = ["PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "GLIBC_TUNABLES"];
        names.into_iter().filter_map(|name| {
            Some(match self.environment.get(name)? {
                Value::Known(value) => (name, Some(value.as_str())),
                Value::Unknown => (name, None),
            })
        })
    }

    /// Returns the file that was to be executed; `None` if it was not found.
    pub fn program(&self) -> Option<&Opened> {
        self.files.first()
    }

    /// Returns the libraries that the loader loads, in load order.
    pub fn libraries(&self) -> &[Library] {
        self.loaded.as_ref().map_or(&[], |loaded| &loaded.libraries)
    }

    /// Returns the loader's warnings, such as one about a missing preload.
    pub fn warnings(&self) -> &[String] {
        self.loaded.as_ref().map_or(&[], |loaded| &loaded.warnings)
    }

    /// Returns the failure, if the step fails.
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
    /// The role of the file.
    pub part: Part,
    /// The path by which it is opened.
    pub path: Vec<u8>,
    /// `path` without symbolic links.
    pub real: Vec<u8>,
    /// The file.
    pub node: NodeId,
}

/// How a step ends.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The program starts.
    Started,
    /// The program does not start.
    Failed(StepFailure),
    /// Whether it starts is unknown. Holds the reason.
    Unknown(String),
}

/// The failure of a step.
#[derive(Clone, Debug)]
pub struct StepFailure {
    /// The error of execve; `None` if the program starts and its loader fails.
    pub errno: Option<Errno>,
    /// The exit status that the caller exits with, or sees.
    pub status: u8,
    /// The message that the user sees, from the runtime, the shell, the launcher or the loader.
    pub message: String,
    /// A clause that describes the problem.
    pub clause: String,
    /// What to change to fix it.
    pub hint: String,
    /// The cause of the failure.
    pub cause: Cause,
    /// The removal of the missing file, if a layer removed it.
    pub removed: Option<Removed>,
}

/// The cause of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No directory of PATH has a program of that name.
    NotInPath(String),
    /// execve returns an error.
    Refused(Refusal),
    /// The kernel kills the process before its first instruction.
    Killed,
    /// The loader fails because a library, a version or a symbol is missing.
    Loader,
    /// A launcher rejects its arguments, for example because a user does not exist.
    Launcher,
}
