//! What the user sees when a program cannot be executed: each caller says it in its own words.

use super::chain::{Cause, StepFailure, Why};
use super::errno::Errno;
use super::refusal::{Part, Reason, Refusal};
use super::search::DEFAULT_PATH;
use super::shell::{Dialect, Word};
use crate::inspect::Libc;
use crate::layer::printable;

/// Who executes a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A container runtime (runc, with Go's `exec.LookPath`).
    Runtime,
    /// A shell, on a line of a script.
    Shell {
        dialect: Dialect,
        /// `$0`, which its messages begin with.
        name: String,
        line: u32,
        /// Whether the program replaces the shell.
        exec: bool,
    },
    /// A launcher.
    Launcher {
        name: String,
        /// The C library whose execvp(3) it uses; `None` if it uses none.
        execvp: Option<Libc>,
    },
}

impl Caller {
    /// Why the program is executed.
    pub fn why(&self) -> Why {
        match self {
            Self::Runtime => Why::Runtime,
            Self::Shell { line, .. } => Why::ShellCommand(*line),
            Self::Launcher { name, .. } => Why::Launcher(name.clone()),
        }
    }

    /// Where the caller looks for programs if PATH is unset. Runtimes and shells have the path of a
    /// container; execvp(3) has `/bin:/usr/bin` (glibc) or `/usr/local/bin:/bin:/usr/bin` (musl).
    pub fn default_path(&self) -> &'static str {
        match self {
            Self::Runtime | Self::Shell { .. } => DEFAULT_PATH,
            Self::Launcher {
                execvp: Some(Libc::Musl),
                ..
            } => "/usr/local/bin:/bin:/usr/bin",
            Self::Launcher { .. } => "/bin:/usr/bin",
        }
    }

    /// The exit status that the caller ends with, or sees.
    fn status(&self, errno: Errno, refusal: Option<&Refusal>) -> u8 {
        match self {
            Self::Runtime => errno.shell_status(),
            Self::Shell { dialect, .. } => {
                // A missing interpreter: dash says not found, bash that it cannot be executed.
                let is_bash = matches!(dialect, Dialect::Bash | Dialect::BashPosix);
                match refusal {
                    Some(refusal) if is_bash && refusal.part == Part::Interpreter => 126,
                    _ if errno == Errno::NotDirectory && !is_bash => 127,
                    _ => errno.shell_status(),
                }
            }
            Self::Launcher { name, .. } => match name.as_str() {
                "dumb-init" => 2,
                "gosu" | "su-exec" | "setuidgid" => 1,
                "s6-setuidgid" => errno.shell_status(),
                _ => errno.shell_status(),
            },
        }
    }

    /// The message about a file that cannot be executed.
    fn message(&self, word: &str, path: &str, errno: Errno, refusal: Option<&Refusal>) -> String {
        // All of these may come from the image.
        let (word, path) = (shown(word), shown(path));
        let lower = errno.text().to_ascii_lowercase();
        match self {
            Self::Runtime => match refusal.map(|refusal| (&refusal.reason, refusal.part)) {
                // Go looks at the file before it executes it.
                Some((Reason::Missing(_) | Reason::NotSearchable(_), Part::Program)) => {
                    format!("exec: \"{word}\": stat {path}: {lower}")
                }
                Some((Reason::NotExecutable(..), Part::Program)) => {
                    format!("exec: \"{word}\": {lower}")
                }
                Some((Reason::NotRegular(_), Part::Program)) => {
                    format!("exec: \"{word}\": is a directory")
                }
                _ => format!("exec {path}: {lower}"),
            },
            Self::Shell {
                dialect,
                name,
                line,
                exec,
            } => {
                let name = shown(name);
                let text = errno.text();
                match dialect {
                    Dialect::Bash | Dialect::BashPosix => {
                        let at = format!("{name}: line {line}");
                        match refusal.map(|refusal| (refusal.part, &refusal.reason)) {
                            Some((Part::Interpreter, _)) => {
                                let interpreter = refusal.map(|refusal| printable(&refusal.path));
                                let interpreter = interpreter.unwrap_or_default();
                                format!("{at}: {path}: {interpreter}: bad interpreter: {text}")
                            }
                            Some((Part::Loader, Reason::Missing(_))) => {
                                format!("{at}: {path}: cannot execute: required file not found")
                            }
                            _ if *exec => format!("{at}: {path}: {text}"),
                            _ => format!("{at}: {path}: {text}"),
                        }
                    }
                    Dialect::Busybox => {
                        let what = match errno {
                            Errno::NoEntry => "not found",
                            _ => text,
                        };
                        format!("{name}: line {line}: {path}: {what}")
                    }
                    _ => {
                        let what = match errno {
                            Errno::NoEntry | Errno::NotDirectory => "not found",
                            _ => text,
                        };
                        match exec {
                            true => format!("{name}: {line}: exec: {path}: {what}"),
                            false => format!("{name}: {line}: {path}: {what}"),
                        }
                    }
                }
            }
            Self::Launcher { name, .. } => match name.as_str() {
                "tini" => format!("[FATAL tini (7)] exec {word} failed: {}", errno.text()),
                "dumb-init" => format!("[dumb-init] {word}: {}", errno.text()),
                "gosu" => format!("error: exec: \"{word}\": {lower}"),
                name => format!("{}: {word}: {}", shown(name), errno.text()),
            },
        }
    }
}

/// A name that is in no directory of PATH.
pub(super) fn not_in_path(
    caller: &Caller,
    name: &str,
    search_path: &str,
    errno: Errno,
) -> StepFailure {
    let message = message_not_in_path(caller, name, errno);
    let (name, search_path) = (shown(name), shown(search_path));
    let clause = match errno {
        Errno::Access => format!("{name} is in PATH ({search_path}), but may not be executed"),
        _ => format!("{name} is not in PATH ({search_path})"),
    };
    StepFailure {
        errno: Some(errno),
        status: caller.status(errno, None),
        message,
        clause,
        hint: "install it, add its directory to PATH, or write its whole path".to_owned(),
        cause: Cause::NotInPath(name),
        removed: None,
    }
}

fn message_not_in_path(caller: &Caller, name: &str, errno: Errno) -> String {
    let word = shown(name);
    match caller {
        Caller::Runtime => format!("exec: \"{word}\": executable file not found in $PATH"),
        Caller::Shell {
            dialect: Dialect::Bash | Dialect::BashPosix,
            name: shell,
            line,
            exec,
        } if errno == Errno::NoEntry => match exec {
            true => format!("{}: line {line}: exec: {word}: not found", shown(shell)),
            false => format!("{}: line {line}: {word}: command not found", shown(shell)),
        },
        Caller::Launcher { name: launcher, .. } if launcher == "gosu" => {
            format!("error: exec: \"{word}\": executable file not found in $PATH")
        }
        caller => caller.message(name, name, errno, None),
    }
}

/// A path that execve refuses.
pub(super) fn refused(caller: &Caller, argv: &[Word], path: &str, refusal: Refusal) -> StepFailure {
    let word = match argv.first() {
        Some(Word::Known(word)) => word.as_str(),
        _ => path,
    };
    let errno = refusal.errno;
    StepFailure {
        errno: Some(errno),
        status: caller.status(errno, Some(&refusal)),
        message: caller.message(word, path, errno, Some(&refusal)),
        clause: refusal.clause(),
        hint: refusal.hint(),
        cause: Cause::Refused(refusal),
        removed: None,
    }
}

/// A script that a shell is given and cannot open.
pub(super) fn no_script(dialect: Dialect, path: &str, errno: Errno, at: &[u8]) -> StepFailure {
    let text = errno.text();
    let script = path;
    let path = &shown(path);
    let (message, status) = match dialect {
        Dialect::Bash | Dialect::BashPosix => (
            format!("bash: {path}: {text}"),
            if errno == Errno::NoEntry { 127 } else { 126 },
        ),
        Dialect::Busybox => (
            format!("sh: can't open '{path}': {text}"),
            if errno == Errno::NoEntry { 127 } else { 2 },
        ),
        _ => (format!("sh: 0: cannot open {path}: {text}"), 2),
    };
    let reason = match errno {
        Errno::Access => Reason::NotSearchable(at.to_vec()),
        _ => Reason::Missing(at.to_vec()),
    };
    let clause = match errno {
        Errno::Access => format!("{path} may not be read"),
        _ => format!("the script {path} is not in the image"),
    };
    StepFailure {
        errno: Some(errno),
        status,
        message,
        clause,
        hint: "add the script to the image, or correct its path".to_owned(),
        cause: Cause::Refused(Refusal {
            errno,
            part: Part::Program,
            path: script.as_bytes().to_vec(),
            reason,
        }),
        removed: None,
    }
}

/// A program that is killed before its first instruction.
pub(super) fn killed(caller: &Caller, file: &[u8]) -> StepFailure {
    let file = printable(file);
    let message = match caller {
        Caller::Shell { name, .. } => format!("{}: Segmentation fault", shown(name)),
        Caller::Runtime | Caller::Launcher { .. } => "Segmentation fault".to_owned(),
    };
    StepFailure {
        errno: None,
        // 128 and the number of SIGSEGV.
        status: 139,
        message,
        clause: format!("the kernel kills {file}, whose segments cannot be mapped"),
        hint: "copy or build the file again, and verify its checksum".to_owned(),
        cause: Cause::Killed,
        removed: None,
    }
}

/// A text of the image, with control characters escaped.
fn shown(text: &str) -> String {
    printable(text.as_bytes())
}
