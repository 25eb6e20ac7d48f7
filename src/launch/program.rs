//! What a program does once it runs, as far as its name reveals.

use super::shell::Dialect;

/// The known behaviour of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// A shell of this dialect.
    Shell(Dialect),
    /// It ends by itself with this status, unless something outside the image makes it fail.
    Ends(u8),
    /// It ends by itself, with an unknown status.
    Answers,
    /// Nothing is known. It may run forever.
    Unknown,
}

/// Programs that succeed in their usual use in scripts.
const SUCCEED: [&str; 57] = [
    "basename",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "clear",
    "cp",
    "cut",
    "date",
    "dd",
    "dirname",
    "du",
    "echo",
    "envsubst",
    "false",
    "find",
    "getent",
    "groupadd",
    "addgroup",
    "head",
    "hostname",
    "id",
    "install",
    "ldconfig",
    "ln",
    "locale-gen",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mv",
    "nproc",
    "openssl",
    "od",
    "printenv",
    "printf",
    "pwd",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "stty",
    "sync",
    "tee",
    "touch",
    "tr",
    "true",
    "uname",
    "useradd",
    "adduser",
];

/// Programs whose exit status depends on their input.
const ANSWER: [&str; 22] = [
    "awk", "cmp", "curl", "diff", "egrep", "expr", "fgrep", "grep", "gunzip", "gzip", "nc",
    "pgrep", "pidof", "ps", "sysctl", "tar", "test", "[", "tty", "usermod", "wget", "xargs",
];

/// Programs that change files, which only succeed if the user may write.
const WRITE: [&str; 16] = [
    "chgrp", "chmod", "chown", "cp", "dd", "groupadd", "addgroup", "install", "ldconfig", "ln",
    "mkdir", "mv", "rm", "sed", "useradd", "adduser",
];

/// Returns the behaviour of a program. `first` is its first argument, and `is_root` is true if root
/// runs it.
pub(crate) fn behaviour(name: &str, first: Option<&str>, is_root: bool) -> Behaviour {
    match name {
        "dash" => Behaviour::Shell(Dialect::Dash),
        "bash" | "rbash" => Behaviour::Shell(Dialect::Bash),
        "ash" => Behaviour::Shell(Dialect::Busybox),
        "sh" | "ksh" | "mksh" | "zsh" | "yash" | "oksh" => Behaviour::Shell(Dialect::Unknown),
        "sleep" if first.is_some_and(|first| first.starts_with("inf")) => Behaviour::Unknown,
        "false" => Behaviour::Ends(1),
        name if !is_root && WRITE.contains(&name) => Behaviour::Answers,
        name if SUCCEED.contains(&name) => Behaviour::Ends(0),
        name if ANSWER.contains(&name) => Behaviour::Answers,
        _ => Behaviour::Unknown,
    }
}

/// Returns true if a program of that name changes the files in its arguments.
pub(crate) fn writes(name: &str) -> bool {
    WRITE.contains(&name) || matches!(name, "touch" | "find")
}
