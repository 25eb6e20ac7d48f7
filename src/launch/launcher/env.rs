//! `env` (env(1) of coreutils; busybox supports a part of it): sets variables, then executes its
//! arguments.

use super::process::{Launch, LauncherProcess};
use crate::launch::environment::Value;
use crate::launch::shell::Word;

/// The maximum number of times that `-S` may produce another `-S`.
const MAX_SPLITS: usize = 8;

/// Applies the options and assignments, and executes the words after them.
pub(super) fn env(process: &LauncherProcess<'_>) -> Launch {
    let mut words: Vec<Word> = process.args.iter().rev().cloned().collect();
    let mut environment = process.environment.clone();
    let mut cwd = process.cwd.map(str::to_owned);
    let mut options = true;
    let mut splits = 0;
    while let Some(word) = words.pop() {
        let Word::Known(text) = &word else {
            words.push(word);
            break;
        };
        if options && text.starts_with('-') {
            if process.busybox && text.starts_with("-S") {
                return Launch::Refuses(invalid(process, 'S'), 1);
            }
            if let Some(split) = split_string(text, &mut words) {
                splits += 1;
                let Some(parts) = split.filter(|_| splits <= MAX_SPLITS) else {
                    return Launch::Other(None);
                };
                words.extend(parts.into_iter().rev());
                continue;
            }
            match text.as_str() {
                "-" | "-i" | "--ignore-environment" => environment.clear(),
                "--" => options = false,
                "-u" | "--unset" => {
                    if let Some(Word::Known(name)) = words.pop() {
                        environment.unset(&name);
                    }
                }
                "-C" | "--chdir" => {
                    cwd = match words.pop() {
                        Some(Word::Known(dir)) => Some(dir),
                        _ => None,
                    };
                }
                "-a" | "--argv0" => drop(words.pop()),
                "-0" | "-v" | "--null" | "--debug" => {}
                text if text.starts_with("--unset=") => {
                    environment.unset(text.strip_prefix("--unset=").unwrap_or_default());
                }
                text if text.starts_with("--chdir=") => {
                    cwd = text.strip_prefix("--chdir=").map(str::to_owned);
                }
                text if text.starts_with("-u") => {
                    environment.unset(text.strip_prefix("-u").unwrap_or_default());
                }
                text if KNOWN.iter().any(|known| text.starts_with(known)) => {}
                text if text.starts_with("--") => {
                    let message = format!("{}: unrecognized option '{text}'", process.argv0);
                    return Launch::Refuses(message, 125);
                }
                text => {
                    // Several options in one word, as in `-iv`.
                    let mut letters = text.chars().skip(1);
                    let known = |c: &char| matches!(c, 'i' | '0' | 'v');
                    let Some(wrong) = letters.find(|c| !known(c)) else {
                        if text.contains('i') {
                            environment.clear();
                        }
                        continue;
                    };
                    return Launch::Refuses(invalid(process, wrong), 125);
                }
            }
            continue;
        }
        options = false;
        match text.split_once('=') {
            // A word that begins with `=` is not an assignment: glibc's execvp gets it.
            Some((name, value)) if !name.is_empty() => {
                environment.set(name, Value::Known(value.to_owned()));
            }
            _ => {
                words.push(word);
                break;
            }
        }
    }
    words.reverse();
    let mut launch = process.pass(&words);
    match &mut launch {
        Launch::Run(next) => {
            next.environment = environment;
            next.chdir = cwd != next.cwd;
            next.cwd = cwd;
        }
        // Without a program it prints the environment.
        launch => *launch = Launch::Other(Some(0)),
    }
    launch
}

/// Long options without a value that matters here (env(1), coreutils 9).
const KNOWN: [&str; 5] = [
    "--block-signal",
    "--default-signal",
    "--ignore-signal",
    "--list-signal-handling",
    "--argv0=",
];

/// Returns the message of getopt(3).
fn invalid(process: &LauncherProcess<'_>, option: char) -> String {
    format!("{}: invalid option -- '{option}'", process.argv0)
}

/// Returns the words that `-S TEXT` stands for. The outer `None` means that the option is not `-S`, the
/// inner one that the text cannot be split.
fn split_string(option: &str, rest: &mut Vec<Word>) -> Option<Option<Vec<Word>>> {
    let text = option
        .strip_prefix("-S")
        .or_else(|| option.strip_prefix("--split-string="))
        .or_else(|| option.strip_prefix("-vS"))
        .or_else(|| option.strip_prefix("-iS"));
    let text = match text {
        None if option == "--split-string" => "",
        other => other?,
    };
    let text = match text {
        "" => match rest.pop() {
            Some(Word::Known(text)) => text,
            _ => return Some(None),
        },
        text => text.to_owned(),
    };
    Some(split(&text))
}

/// Splits a text at blanks outside of quotes. Returns `None` if a quote is not closed, or if a variable
/// would have to be expanded.
fn split(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', Some('\'')) | ('\\', None) | ('\\', Some('"')) => {
                let c = match chars.next()? {
                    'n' => '\n',
                    't' => '\t',
                    '_' if quote.is_none() => {
                        words.extend(word.take());
                        continue;
                    }
                    'c' if quote.is_none() => break,
                    '_' => ' ',
                    c => c,
                };
                word.get_or_insert_default().push(c);
            }
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('$', None | Some('"')) => return None,
            ('#', None) if word.is_none() => break,
            (' ' | '\t' | '\n', None) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return None;
    }
    words.extend(word);
    Some(words.into_iter().map(Word::Known).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::environment::Environment;
    use crate::launch::user::{Accounts, Credentials};

    fn run(args: &[&str]) -> Option<(String, Environment, Option<String>)> {
        let args: Vec<Word> = args.iter().map(|&w| Word::Known(w.to_owned())).collect();
        let process = LauncherProcess {
            args: &args,
            environment: &Environment::from_lines(["A=1"]),
            cwd: Some("/"),
            credentials: &Credentials::default(),
            accounts: &Accounts::default(),
            busybox: false,
            argv0: "env",
        };
        let Launch::Run(next) = env(&process) else {
            return None;
        };
        let text = next.argv.iter().map(|word| match word {
            Word::Known(word) => word.as_str(),
            _ => "?",
        });
        Some((
            text.collect::<Vec<_>>().join("|"),
            next.environment,
            next.cwd,
        ))
    }

    #[test]
    fn variables_are_set_for_the_program() {
        let (argv, environment, cwd) = run(&["-u", "A", "-C", "/srv", "B=2", "node", "x"]).unwrap();
        assert_eq!(argv, "node|x");
        assert_eq!(environment, Environment::from_lines(["B=2"]));
        assert_eq!(cwd.as_deref(), Some("/srv"));
        let (_, environment, _) = run(&["-i", "node"]).unwrap();
        assert_eq!(environment, Environment::default());
    }

    #[test]
    fn a_string_is_split_once_more() {
        let argv = |args: &[&str]| run(args).map(|(argv, ..)| argv);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(argv(&["-S", "node --x", "y"]), some("node|--x|y"));
        assert_eq!(argv(&["-S node 'a b'"]), some("node|a b"));
        assert_eq!(argv(&["-S", "-i C=d deno run"]), some("deno|run"));
        assert_eq!(argv(&["-S", "node 'a"]), None);
        assert_eq!(argv(&["-S", "${X}"]), None);
    }

    #[test]
    fn without_a_program_or_with_a_wrong_option_nothing_is_executed() {
        assert_eq!(run(&["A=b"]), None);
        assert_eq!(run(&["-Z", "node"]), None);
    }
}
