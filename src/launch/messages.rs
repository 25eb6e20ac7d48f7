//! The messages that users see when a program cannot be executed. Each caller has its own.

use super::chain::{Cause, StepFailure, Why};
use super::errno::Errno;
use super::launcher_message;
use super::refusal::{Part, Reason, Refusal};
use super::search::DEFAULT_PATH;
use super::shell::{Dialect, Word};
use crate::inspect::Libc;
use crate::layer::printable;
use crate::tree::NodeKind;

/// The caller that executes a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A container runtime (runc, with Go's `exec.LookPath`).
    Runtime,
    /// A shell, on a line of a script.
    Shell {
        dialect: Dialect,
        /// `$0`, with which its messages begin.
        name: String,
        /// Whether the script is the argument of `-c`.
        from_text: bool,
        line: u32,
        /// Whether the program replaces the shell.
        exec: bool,
    },
    /// A launcher.
    Launcher {
        /// Its common name.
        name: String,
        /// Its `argv[0]`, with which its messages begin.
        argv0: String,
        /// Whether it is an applet of busybox.
        busybox: bool,
        /// The C library whose execvp(3) it uses; `None` if it uses none.
        execvp: Option<Libc>,
    },
}

impl Caller {
    /// Returns the reason why the program is executed.
    pub(super) fn why(&self) -> Why {
        match self {
            Self::Runtime => Why::Runtime,
            Self::Shell { line, .. } => Why::ShellCommand(*line),
            Self::Launcher { name, .. } => Why::Launcher(name.clone()),
        }
    }

    /// Returns true if the caller looks programs up as Go's `exec.LookPath` does.
    pub(super) fn is_go(&self) -> bool {
        match self {
            Self::Runtime => true,
            Self::Launcher { name, .. } => name == "gosu",
            Self::Shell { .. } => false,
        }
    }

    /// Returns true if the caller is bash.
    pub(super) fn is_bash(&self) -> bool {
        matches!(self, Self::Shell { dialect, .. } if dialect.is_bash())
    }

    /// Returns the search path of the caller if PATH is unset. Runtimes and shells use the path of a
    /// container; execvp(3) uses `/bin:/usr/bin` (glibc) or `/usr/local/bin:/bin:/usr/bin` (musl).
    pub(super) fn default_path(&self) -> &'static str {
        match self {
            Self::Runtime | Self::Shell { .. } => DEFAULT_PATH,
            Self::Launcher {
                execvp: Some(Libc::Musl),
                ..
            } => "/usr/local/bin:/bin:/usr/bin",
            Self::Launcher { .. } => "/bin:/usr/bin",
        }
    }

    /// Returns the exit status that the caller exits with, or sees.
    fn status(&self, errno: Errno) -> u8 {
        match self {
            Self::Runtime => errno.shell_status(),
            Self::Shell { dialect, .. } => match errno {
                // See `exerror` of dash and busybox.
                Errno::NotDirectory | Errno::Loop | Errno::NameTooLong if !dialect.is_bash() => 127,
                errno => errno.shell_status(),
            },
            Self::Launcher { name, .. } => launcher_message::status(name, errno),
        }
    }

    /// Returns the message about a file that cannot be executed. `word` is the program as written, and
    /// `path` the location where it was found.
    fn message(
        &self,
        word: &str,
        path: &str,
        cwd: &str,
        errno: Errno,
        refusal: Option<&Refusal>,
    ) -> String {
        // All of these strings may come from the image.
        let (word, path) = (shown(word), shown(path));
        let lower = errno.text().to_ascii_lowercase();
        match self {
            Self::Runtime => go_message("", &word, &path, &lower, refusal),
            Self::Shell {
                dialect,
                name,
                from_text,
                line,
                exec,
            } => {
                let name = shown(name);
                match dialect {
                    Dialect::Bash | Dialect::BashPosix => {
                        let at = format!("{name}: line {line}");
                        // bash prints the absolute path of what it executes.
                        let path = match *exec && !path.starts_with('/') && path.contains('/') {
                            true => format!(
                                "{}/{}",
                                shown(cwd.trim_end_matches('/')),
                                path.strip_prefix("./").unwrap_or(&path)
                            ),
                            false => path,
                        };
                        bash_message(&at, &path, errno, refusal)
                    }
                    Dialect::Busybox => {
                        let what = match errno {
                            Errno::NoEntry | Errno::NotDirectory => "not found",
                            _ => errno.text(),
                        };
                        // busybox counts the lines of `-c` from 0, and prints no line number for a plain
                        // command on the first line.
                        match (exec, from_text) {
                            (true, true) => {
                                format!(
                                    "{name}: exec: line {}: {word}: {what}",
                                    line.saturating_sub(1)
                                )
                            }
                            (true, false) => format!("{name}: exec: line {line}: {word}: {what}"),
                            (false, true) if *line <= 1 => format!("{name}: {word}: {what}"),
                            (false, _) => format!("{name}: line {line}: {word}: {what}"),
                        }
                    }
                    _ => {
                        let what = match errno {
                            Errno::NoEntry | Errno::NotDirectory => "not found",
                            _ => errno.text(),
                        };
                        match exec {
                            true => format!("{name}: {line}: exec: {word}: {what}"),
                            false => format!("{name}: {line}: {word}: {what}"),
                        }
                    }
                }
            }
            Self::Launcher { name, .. } if name == "gosu" => {
                go_message("error: ", &word, &path, &lower, refusal)
            }
            Self::Launcher {
                name,
                argv0,
                busybox,
                ..
            } => launcher_message::message(name, &shown(argv0), *busybox, &word, errno),
        }
    }
}

/// Returns the message of a program written in Go, which checks the file before it executes it.
fn go_message(
    prefix: &str,
    word: &str,
    path: &str,
    lower: &str,
    refusal: Option<&Refusal>,
) -> String {
    match refusal.map(|refusal| (&refusal.reason, refusal.part)) {
        Some((Reason::Missing(_) | Reason::NotSearchable(_), Part::Program)) => {
            format!("{prefix}exec: \"{word}\": stat {path}: {lower}")
        }
        // gosu checks as root, so only the execution itself fails.
        Some((Reason::NotExecutable(..), Part::Program)) if prefix.is_empty() => {
            format!("exec: \"{word}\": {lower}")
        }
        Some((Reason::NotRegular(_), Part::Program)) => {
            format!("{prefix}exec: \"{word}\": is a directory")
        }
        _ if prefix.is_empty() => format!("exec {path}: {lower}"),
        _ => format!("{prefix}exec failed: {lower}"),
    }
}

/// Returns the message of bash (`shell_execve` in execute_cmd.c).
fn bash_message(at: &str, path: &str, errno: Errno, refusal: Option<&Refusal>) -> String {
    let text = errno.text();
    match refusal.map(|refusal| (refusal.part, &refusal.reason)) {
        // bash 5.2. Older versions print "bad interpreter" for a script.
        Some((Part::Interpreter | Part::Loader, Reason::Missing(_))) => {
            format!("{at}: {path}: cannot execute: required file not found")
        }
        Some((Part::Interpreter, _)) => {
            let interpreter = refusal.map(|refusal| printable(&refusal.path));
            let interpreter = interpreter.unwrap_or_default();
            format!("{at}: {path}: {interpreter}: bad interpreter: {text}")
        }
        Some((_, Reason::NotRegular(_))) => format!("{at}: {path}: Is a directory"),
        Some(_) if errno == Errno::ExecFormat => {
            format!("{at}: {path}: cannot execute binary file: {text}")
        }
        _ => format!("{at}: {path}: {text}"),
    }
}

/// Returns the failure for a name that is in no directory of PATH.
pub(super) fn not_in_path(
    caller: &Caller,
    name: &str,
    search_path: &str,
    errno: Errno,
) -> StepFailure {
    let message = message_not_in_path(caller, name, errno);
    let (name, search_path) = (shown(name), shown(search_path));
    let clause = match errno {
        Errno::Access => {
            format!("{name} is in PATH ({search_path}), but the user may not execute it")
        }
        _ => format!("{name} is not in PATH ({search_path})"),
    };
    StepFailure {
        errno: Some(errno),
        status: caller.status(errno),
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
            ..
        } if errno == Errno::NoEntry => match exec {
            true => format!("{}: line {line}: exec: {word}: not found", shown(shell)),
            false => format!("{}: line {line}: {word}: command not found", shown(shell)),
        },
        Caller::Launcher { name: launcher, .. } if launcher == "gosu" => {
            format!("error: exec: \"{word}\": executable file not found in $PATH")
        }
        caller => caller.message(name, name, "/", errno, None),
    }
}

/// Returns the failure for a program that Go finds in a relative directory of PATH and does not execute
/// (`exec.ErrDot`).
pub(super) fn relative(caller: &Caller, name: &str, path: &str) -> StepFailure {
    let (name, path) = (shown(name), shown(path));
    let prefix = match caller {
        Caller::Launcher { .. } => "error: ",
        _ => "",
    };
    StepFailure {
        errno: None,
        status: 127,
        message: format!(
            "{prefix}exec: \"{name}\": cannot run executable found relative to current directory"
        ),
        clause: format!("PATH finds it as {path}, relative to the working directory"),
        hint: "write absolute directories in PATH, or the program's whole path".to_owned(),
        cause: Cause::NotInPath(name),
        removed: None,
    }
}

/// Returns the failure for a path that execve refuses.
pub(super) fn refused(
    caller: &Caller,
    argv: &[Word],
    path: &str,
    cwd: &str,
    mut refusal: Refusal,
) -> StepFailure {
    // Go's lookup distinguishes a directory from a file without permission.
    if caller.is_go()
        && refusal.part == Part::Program
        && refusal.reason == Reason::NotRegular(NodeKind::Directory)
    {
        refusal.errno = Errno::IsDirectory;
    }
    let word = match argv.first() {
        Some(Word::Known(word)) => word.as_str(),
        _ => path,
    };
    let errno = refusal.errno;
    StepFailure {
        errno: Some(errno),
        status: caller.status(errno),
        message: caller.message(word, path, cwd, errno, Some(&refusal)),
        clause: refusal.clause(),
        hint: refusal.hint(),
        cause: Cause::Refused(refusal),
        removed: None,
    }
}

/// Returns the failure for a script that a shell was given and cannot open.
pub(super) fn no_script(dialect: Dialect, path: &str, errno: Errno, at: &[u8]) -> StepFailure {
    let text = errno.text();
    let script = path;
    let path = &shown(path);
    let (message, status) = match dialect {
        Dialect::Bash | Dialect::BashPosix => (
            format!("bash: {path}: {text}"),
            if errno == Errno::NoEntry { 127 } else { 126 },
        ),
        Dialect::Busybox => (format!("sh: can't open '{path}': {text}"), 2),
        _ => {
            // dash has a shorter text.
            let text = match errno {
                Errno::NoEntry => "No such file",
                _ => text,
            };
            (format!("sh: 0: cannot open {path}: {text}"), 2)
        }
    };
    let reason = match errno {
        Errno::Access => Reason::NotSearchable(at.to_vec()),
        _ => Reason::Missing(at.to_vec()),
    };
    let clause = match errno {
        Errno::Access => format!("the user may not read {path}"),
        _ => format!("the script {path} is not in the image"),
    };
    StepFailure {
        // The shell itself starts.
        errno: None,
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

/// Turns the failure of a file for another machine, or in another format, into that of a shell that
/// reads the file as a script (`shellexec` of dash and busybox, execvp(3) of glibc).
pub(super) fn read_as_script(busybox: bool, mut failure: StepFailure) -> StepFailure {
    failure.status = 2;
    // The text depends on the bytes of the file.
    failure.message = match busybox {
        true => "syntax error".to_owned(),
        false => "Syntax error".to_owned(),
    };
    failure
        .clause
        .push_str(", and a shell reads it as a script");
    failure
}

/// Returns the failure for a launcher that cannot change its working directory (env(1)).
pub(super) fn no_directory(argv0: &str, dir: &str, errno: Errno) -> StepFailure {
    let (argv0, dir) = (shown(argv0), shown(dir));
    StepFailure {
        errno: None,
        status: 125,
        message: format!(
            "{argv0}: cannot change directory to '{dir}': {}",
            errno.text()
        ),
        clause: format!("{argv0} cannot change its working directory to {dir}"),
        hint: "add the directory to the image, or correct its path".to_owned(),
        cause: Cause::Launcher,
        removed: None,
    }
}

/// Returns the failure for a program that is killed before its first instruction.
pub(super) fn killed(caller: &Caller, file: &[u8]) -> StepFailure {
    let file = printable(file);
    let message = match caller {
        Caller::Shell { name, .. } => format!("{}: Segmentation fault", shown(name)),
        Caller::Runtime | Caller::Launcher { .. } => "Segmentation fault".to_owned(),
    };
    StepFailure {
        errno: None,
        // 128 plus the number of SIGSEGV.
        status: 139,
        message,
        clause: format!("the kernel kills {file}, whose segments cannot be mapped"),
        hint: "copy or build the file again, and verify its checksum".to_owned(),
        cause: Cause::Killed,
        removed: None,
    }
}

/// Returns a text of the image with control characters escaped.
fn shown(text: &str) -> String {
    printable(text.as_bytes())
}
