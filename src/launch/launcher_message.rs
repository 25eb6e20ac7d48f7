//! The messages and exit statuses of launchers that cannot execute a program.

use super::errno::Errno;

/// Applets and programs of coreutils that print `failed to run command`.
const RUN: [&str; 4] = ["nohup", "stdbuf", "timeout", "chroot"];
/// Programs of util-linux.
const UTIL_LINUX: [&str; 9] = [
    "setsid", "ionice", "taskset", "chrt", "setarch", "linux32", "linux64", "setpriv", "runuser",
];

/// Returns the message. `word` is the program as passed to the launcher. Parts that differ between
/// runs, such as a process id, are left out.
pub(super) fn message(name: &str, argv0: &str, busybox: bool, word: &str, errno: Errno) -> String {
    let text = errno.text();
    match name {
        _ if busybox => format!("{name}: can't execute '{word}': {text}"),
        "tini" | "docker-init" => format!("exec {word} failed: {text}"),
        "catatonit" => format!("failed to exec pid1: {text}"),
        "dumb-init" => format!("[dumb-init] {word}: {text}"),
        name if RUN.contains(&name) => format!("{argv0}: failed to run command '{word}': {text}"),
        name if UTIL_LINUX.contains(&name) => format!("{argv0}: failed to execute {word}: {text}"),
        "env" | "nice" => format!("{argv0}: '{}': {text}", escaped(word)),
        "xargs" => format!("{argv0}: {word}: {text}"),
        _ => format!("{argv0}: {word}: {text}"),
    }
}

/// Returns the exit status.
pub(super) fn status(name: &str, errno: Errno) -> u8 {
    match name {
        "dumb-init" => 2,
        "catatonit" | "gosu" | "su-exec" => 1,
        _ => errno.shell_status(),
    }
}

/// Escapes a carriage return as `\r`, as coreutils does.
fn escaped(word: &str) -> String {
    word.replace("\\x0d", "\\r")
}
