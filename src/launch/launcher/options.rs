//! Skips a launcher's own options.

use super::process::{Launch, LauncherProcess};
use crate::launch::shell::Word;

/// Returns the words after the options. `with_value` lists the options whose value is the next word.
/// `--` ends the options.
pub(super) fn skip<'a>(args: &'a [Word], with_value: &[&str]) -> &'a [Word] {
    let mut rest = args;
    while let [first, after @ ..] = rest {
        let Word::Known(word) = first else {
            break;
        };
        if word == "--" {
            return after;
        }
        if !word.starts_with('-') || word == "-" {
            break;
        }
        rest = match with_value.contains(&word.as_str()) {
            true => after.get(1..).unwrap_or_default(),
            false => after,
        };
    }
    rest
}

/// Executes the words after the options and one more word, such as the duration of `timeout`.
pub(super) fn after_one(process: &LauncherProcess<'_>, with_value: &[&str]) -> Launch {
    let rest = skip(process.args, with_value);
    process.pass(rest.get(1..).unwrap_or_default())
}

/// `xargs PROGRAM…`: the program gets arguments that are read from standard input.
pub(super) fn xargs(process: &LauncherProcess<'_>) -> Launch {
    const WITH_VALUE: [&str; 9] = ["-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s", "-i"];
    let rest = skip(process.args, &WITH_VALUE);
    if rest.is_empty() {
        return Launch::Other(None);
    }
    let mut argv = rest.to_vec();
    argv.push(Word::UnknownMany);
    process.pass(&argv)
}

/// `chroot DIRECTORY PROGRAM…`. Only `/` itself is supported as the directory.
pub(super) fn chroot(process: &LauncherProcess<'_>) -> Launch {
    match skip(process.args, &[]) {
        [Word::Known(root), argv @ ..] if root == "/" => process.pass(argv),
        _ => Launch::Unknown("it changes the root directory"),
    }
}
