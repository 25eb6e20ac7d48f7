//! The output and the effects of well-known utilities. Whether a utility exists is decided by the
//! world.

use super::paths;
use super::run::Shell;
use super::world::{FileTest, Word};
use crate::launch::environment::Value;

/// The changes of a program in the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changes {
    Nothing,
    /// The paths in its arguments, and everything below them.
    Arguments,
    Anything,
}

/// Returns the changes that a command may make.
pub(super) fn changes(argv: &[Word]) -> Changes {
    let Some(Word::Known(program)) = argv.first() else {
        return Changes::Anything;
    };
    let has = |option: &str| {
        argv.iter()
            .any(|word| matches!(word, Word::Known(text) if text.starts_with(option)))
    };
    match program.rsplit('/').next().unwrap_or(program) {
        "cat" | "echo" | "printf" | "id" | "test" | "[" | "grep" | "egrep" | "fgrep" | "cut"
        | "tr" | "head" | "tail" | "sort" | "uniq" | "uname" | "hostname" | "whoami" | "date"
        | "basename" | "dirname" | "readlink" | "realpath" | "sleep" | "true" | "false"
        | "expr" | "seq" | "wc" | "ls" | "stat" | "which" | "getent" | "nproc" | "awk" | "gawk"
        | "mawk" | "kill" | "od" | "df" | "du" | "ps" | "pgrep" | "getconf" | "locale" | "tty"
        | "md5sum" | "sha256sum" | "base64" | "nc" | "printenv" | "ulimit" | "free" | "ip" => {
            Changes::Nothing
        }
        "sed" if !has("-i") && !has("--in-place") => Changes::Nothing,
        "find" if !has("-exec") && !has("-delete") && !has("-ok") => Changes::Nothing,
        "sed" | "touch" | "mkdir" | "rmdir" | "cp" | "mv" | "ln" | "rm" | "chmod" | "chown"
        | "chgrp" | "tee" | "install" | "find" | "truncate" | "unlink" | "mkfifo" | "mknod" => {
            Changes::Arguments
        }
        _ => Changes::Anything,
    }
}

/// Returns the standard output of a utility; `None` if it is unknown or not supported.
pub(super) fn output(shell: &mut Shell<'_>, argv: &[Word]) -> Option<Value> {
    let mut words = Vec::new();
    for word in argv {
        match word {
            Word::Known(text) => words.push(text.as_str()),
            _ => return None,
        }
    }
    let (program, operands) = words.split_first()?;
    let program = program.rsplit('/').next()?;
    let text = match (program, operands) {
        ("id", ["-u"]) => shell.world.ids()?.0.to_string(),
        ("id", ["-g"]) => shell.world.ids()?.1.to_string(),
        ("id", ["-un" | "-nu"] | ["-u", "-n"] | ["-n", "-u"]) | ("whoami", []) => {
            shell.world.user_name()?
        }
        ("uname", [] | ["-s"]) => "Linux".to_owned(),
        ("uname", ["-m" | "-p"]) | ("arch", []) => shell.world.machine()?.to_owned(),
        ("basename", ["--", path] | [path]) => basename(path)?.to_owned(),
        ("basename", [path, suffix]) if !path.starts_with('-') => {
            let name = basename(path)?;
            let stem = name.strip_suffix(suffix).filter(|stem| !stem.is_empty());
            stem.unwrap_or(name).to_owned()
        }
        ("dirname", ["--", path] | [path]) => dirname(path).to_owned(),
        ("readlink", ["-f" | "-e" | "-m" | "-fn" | "-nf", path] | ["-f", "--", path])
        | ("realpath", [path] | ["-e" | "-m" | "--", path]) => {
            let path = paths::joined(path, shell.state.cwd.as_deref())?;
            if shell.state.is_touched(&paths::absolute(&path, None)?) {
                return None;
            }
            shell.world.real_path(&path)?
        }
        ("cat", [path]) if !path.starts_with('-') => {
            if shell.file(FileTest::Regular, path) != Some(true) {
                return None;
            }
            let path = paths::joined(path, shell.state.cwd.as_deref())?;
            return shell.world.read(&path).map(Value::Known);
        }
        ("which", [name]) if !name.starts_with('-') => shell.find(name)??,
        ("printenv", [name]) => match shell.state.environment().get(name)? {
            Value::Known(text) => text.clone(),
            Value::Unknown => return None,
        },
        _ => return None,
    };
    Some(Value::Known(text + "\n"))
}

/// `basename` (POSIX): returns the last component; `None` for `/` and the empty string.
fn basename(path: &str) -> Option<&str> {
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
}

/// `dirname` (POSIX): returns the path without the last component.
fn dirname(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit_once('/') {
        None if trimmed.is_empty() && !path.is_empty() => "/",
        None => ".",
        Some((parent, _)) => match parent.trim_end_matches('/') {
            "" => "/",
            parent => parent,
        },
    }
}
