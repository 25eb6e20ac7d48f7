//! The shells that the evaluator distinguishes, and their differences.

/// The shell that interprets a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    /// The Debian Almquist shell, `sh` of Debian and Ubuntu.
    Dash,
    /// bash, started as `bash`.
    Bash,
    /// bash, started as `sh` or with `--posix`.
    BashPosix,
    /// `ash` or `sh` of busybox, as in Alpine.
    Busybox,
    /// Any other shell of the POSIX family. If the known shells differ, its behaviour is unknown.
    Unknown,
}

impl Dialect {
    /// Returns true if the shell is bash, in any of its modes.
    pub(crate) fn is_bash(self) -> bool {
        matches!(self, Self::Bash | Self::BashPosix)
    }

    /// Returns true if the shell may support bash's syntax: `[[`, `function`, process substitution.
    pub(crate) fn has_extensions(self) -> bool {
        self != Self::Dash
    }

    /// Returns true if the shell expands `{a,b}`.
    pub(crate) fn has_braces(self) -> bool {
        self.is_bash()
    }

    /// Returns the status of a command whose redirection fails; `None` if it is unknown.
    pub(crate) fn redirect_status(self) -> Option<u8> {
        match self {
            Self::Dash => Some(2),
            Self::Bash | Self::BashPosix | Self::Busybox => Some(1),
            Self::Unknown => None,
        }
    }

    /// Returns the status with which an expansion error ends the shell: `${x?}`, or `$x` under `set -u`.
    /// `None` if it is unknown. bash ends with 127, or with 1 if it runs a script file (execute_cmd.c,
    /// `DISCARD` in eval.c: a script file is read as a non-interactive input, `-c` as a string).
    pub(crate) fn expansion_status(self, from_text: bool) -> Option<u8> {
        match self {
            Self::Dash | Self::Busybox => Some(2),
            Self::Bash | Self::BashPosix => Some(if from_text { 127 } else { 1 }),
            Self::Unknown => None,
        }
    }

    /// Returns the status with which an error in a special builtin (POSIX 2.14) ends the shell. `None` if
    /// the shell continues, or if that is unknown.
    pub(crate) fn special_error(self) -> Option<u8> {
        match self {
            Self::Dash | Self::Busybox => Some(2),
            Self::BashPosix => Some(1),
            Self::Bash | Self::Unknown => None,
        }
    }
}
