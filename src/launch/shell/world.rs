//! The interface from the shell evaluator to the container around it.

use crate::launch::chain::StepId;
use crate::launch::environment::Environment;

/// A word after expansion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A known word.
    Known(String),
    /// One word whose text is unknown, at least in part.
    Unknown,
    /// Any number of words, or none: `$ARGS` without quotes, or `"$@"` if the arguments are unknown.
    UnknownMany,
}

/// How a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMode {
    /// The shell waits for it.
    Foreground,
    /// `command &`: the shell does not wait for it.
    Background,
    /// `exec command`: it replaces the shell.
    Exec,
    /// It is part of a pipeline, or its output is substituted.
    Pipe,
}

/// A command that a shell starts, which is neither a builtin nor a function.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// The program and its arguments.
    pub argv: Vec<Word>,
    /// The exported variables, with the assignments before the command.
    pub environment: Environment,
    /// The working directory, absolute; `None` if it is unknown.
    pub cwd: Option<String>,
    /// How it runs.
    pub place: RunMode,
    /// Whether it is started in every run of the script. False behind an unknown condition, or after
    /// something that may have ended the script.
    pub certain: bool,
    /// Whether the script checks its exit status, because it is a condition or stands before `&&` or
    /// `||`.
    pub tested: bool,
    /// The line in the script, from 1.
    pub line: u32,
}

/// How a command, or a whole script, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The exit status; `None` if it is unknown.
    pub status: Option<u8>,
    /// The step that could not be started, if it caused the status.
    pub cause: Option<StepId>,
    /// Whether it may run forever. The commands after it in the script are then possible, not certain.
    pub may_stay: bool,
}

/// A file test of `test` and `[[`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileTest {
    /// `-e`: it exists.
    Exists,
    /// `-f`: a regular file.
    Regular,
    /// `-d`: a directory.
    Directory,
    /// `-L`, `-h`: a symbolic link.
    Link,
    /// `-s`: it is not empty.
    NotEmpty,
    /// `-r`: it may be read.
    Readable,
    /// `-w`: it may be written.
    Writable,
    /// `-x`: it may be executed, or searched if it is a directory.
    Executable,
    /// `-S`, `-p`, `-b`, `-c`: a socket, a FIFO, a device.
    Special,
}

/// The container in which a script runs.
pub(crate) trait World {
    /// Starts a program and returns how it ended. Searches PATH if its name has no slash.
    fn run(&mut self, command: Command) -> Ended;

    /// Returns the path of the program with a name in the PATH of `environment`, as `command -v` prints
    /// it for a program. The outer `None` means that the result is unknown, the inner one that there is
    /// no such program.
    fn find(
        &self,
        name: &str,
        environment: &Environment,
        cwd: Option<&str>,
    ) -> Option<Option<String>>;

    /// Returns the result of a test on an absolute path; `None` if it is unknown, as it is below
    /// `/proc`, `/sys`, `/dev`, `/tmp`, `/run` and in volumes.
    fn test(&self, test: FileTest, path: &str) -> Option<bool>;

    /// Returns the contents of a file at an absolute path. `None` if the file does not exist, may not
    /// be read or is too large, or if its contents are unknown.
    fn read(&self, path: &str) -> Option<String>;

    /// Returns the names in a directory, sorted as in the C locale, without `.` and `..`. `None` if
    /// there is no such directory or its contents are unknown.
    fn list(&self, path: &str) -> Option<Vec<String>>;

    /// Returns the path with all symbolic links resolved, as `readlink -f` prints it; `None` if it does
    /// not exist.
    fn real_path(&self, path: &str) -> Option<String>;

    /// Returns the effective user and group ids; `None` if they are unknown.
    fn ids(&self) -> Option<(u32, u32)>;

    /// Returns the name of the user, as `id -un` prints it; `None` if it is unknown.
    fn user_name(&self) -> Option<String>;

    /// Returns the name of the machine, as `uname -m` prints it; `None` if it is unknown.
    fn machine(&self) -> Option<&'static str>;

    /// Records that the rest of a text is not supported, so its effect is unknown.
    fn not_understood(&mut self);

    /// Takes `steps` from the budget of the whole chain. Once it returns false, the evaluation has to
    /// stop, and everything after that is unknown.
    fn spend(&mut self, steps: u32) -> bool;
}
