//! The process in which a launcher runs, and the effect of the launcher.

use crate::launch::environment::Environment;
use crate::launch::shell::Word;
use crate::launch::user::{Accounts, Credentials};

/// The effect of a launcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Launch {
    /// It executes a program.
    Run(Box<Next>),
    /// It rejects its arguments. Holds its message and its exit status.
    Refuses(String, u8),
    /// It does something else. Holds its exit status, if that is known.
    Other(Option<u8>),
    /// The program that it executes is unknown. Holds the reason.
    Unknown(&'static str),
}

/// The program that a launcher executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// The program and its arguments.
    pub argv: Vec<Word>,
    /// The environment.
    pub environment: Environment,
    /// The working directory; `None` if it is unknown.
    pub cwd: Option<String>,
    /// Whether the launcher changes to that directory, and fails if it cannot.
    pub chdir: bool,
    /// The credentials of the process.
    pub credentials: Credentials,
    /// How the program is looked up.
    pub search: Search,
    /// Whether root's capabilities are kept until the program is executed, although the user changes.
    pub keeps_capabilities: bool,
}

/// How a launcher looks up its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// As execvp(3) does.
    Execvp,
    /// As Go's `exec.LookPath` does.
    Go,
}

/// The process in which a launcher runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LauncherProcess<'a> {
    /// The arguments after the launcher's name.
    pub args: &'a [Word],
    /// Its environment.
    pub environment: &'a Environment,
    /// Its working directory.
    pub cwd: Option<&'a str>,
    /// Its credentials.
    pub credentials: &'a Credentials,
    /// The users and groups of the image.
    pub accounts: &'a Accounts,
    /// Whether the launcher is an applet of busybox.
    pub busybox: bool,
    /// Its name, with which its messages begin.
    pub argv0: &'a str,
}

impl LauncherProcess<'_> {
    /// Executes `argv`, with everything else unchanged.
    pub(super) fn pass(&self, argv: &[Word]) -> Launch {
        if argv.is_empty() {
            return Launch::Other(None);
        }
        Launch::Run(Box::new(Next {
            argv: argv.to_vec(),
            environment: self.environment.clone(),
            cwd: self.cwd.map(str::to_owned),
            credentials: self.credentials.clone(),
            search: Search::Execvp,
            chdir: false,
            keeps_capabilities: false,
        }))
    }
}
