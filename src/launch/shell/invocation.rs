//! Parses the arguments of a shell: `sh -c TEXT`, `sh FILE`, options.

use super::Dialect;
use super::builtin::options::{set_letter, set_name};
use super::state::Options;
use super::world::Word;
use crate::launch::environment::Value;

/// The source of a shell's commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-c TEXT`
    Text(String),
    /// A script file, as named. A name without a slash is searched in the working directory first, and
    /// then, by bash, in PATH.
    File(String),
    /// Standard input, which has no commands or is interactive.
    Input,
    /// The source is unknown.
    Unknown,
}

/// The parsed arguments of a shell.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// The source of its commands.
    pub source: Source,
    /// `$0`; `None` for the shell's own name (`argv[0]`).
    pub name: Option<Value>,
    /// `$1` and the rest.
    pub arguments: Vec<Word>,
    /// `-e`, `-u` and the like.
    pub options: Options,
    /// The dialect, taking `--posix` and `-o posix` into account.
    pub dialect: Dialect,
    /// Whether it is a login shell, which reads `/etc/profile` first.
    pub login: bool,
    /// Whether it only prints its version or its help.
    pub only_prints: bool,
}

/// Parses the arguments of a shell; `argv[0]` is its name. Returns `None` if the shell reports an error
/// for them, such as an unsupported option, and ends.
pub(crate) fn parse(argv: &[Word], dialect: Dialect) -> Option<Invocation> {
    let mut parsed = Invocation {
        source: Source::Input,
        name: None,
        arguments: Vec::new(),
        options: Options::default(),
        dialect,
        login: matches!(argv.first(), Some(Word::Known(name)) if name.starts_with('-')),
        only_prints: false,
    };
    let mut rest = argv.get(1..).unwrap_or_default();
    let (mut text, mut input) = (false, false);
    while let Some((first, after)) = rest.split_first() {
        let Word::Known(word) = first else {
            // It may be an option or an operand.
            parsed.source = Source::Unknown;
            parsed.arguments = vec![Word::UnknownMany];
            return Some(parsed);
        };
        if word == "-" || word == "--" {
            rest = after;
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            rest = parsed.long_option(long, after)?;
            continue;
        }
        if !word.starts_with(['-', '+']) {
            break;
        }
        rest = after;
        let on = word.starts_with('-');
        for letter in word.chars().skip(1) {
            match letter {
                'c' => text = true,
                's' => input = true,
                'l' => parsed.login = on,
                'o' | 'O' => {
                    let Some((Word::Known(name), after)) = rest.split_first() else {
                        parsed.source = Source::Unknown;
                        return Some(parsed);
                    };
                    rest = after;
                    if letter == 'o' {
                        if name == "posix" && dialect == Dialect::Bash {
                            parsed.dialect = Dialect::BashPosix;
                        }
                        if !set_name(&mut parsed.options, name, on, dialect) {
                            return None;
                        }
                    } else if !dialect.is_bash() {
                        return None;
                    }
                }
                letter if set_letter(&mut parsed.options, letter, on) => {}
                'D' | 'r' if dialect.is_bash() => {}
                _ => return None,
            }
        }
    }
    parsed.operands(rest, text, input).then_some(parsed)
}

impl Invocation {
    /// Reads the words after the options. Returns false if the text of `-c` is missing.
    fn operands(&mut self, rest: &[Word], text: bool, input: bool) -> bool {
        let value = |word: &Word| match word {
            Word::Known(text) => Value::Known(text.clone()),
            _ => Value::Unknown,
        };
        match rest.split_first() {
            Some((first, rest)) if text => {
                self.source = match first {
                    Word::Known(text) => Source::Text(text.clone()),
                    _ => Source::Unknown,
                };
                if let Some((name, arguments)) = rest.split_first() {
                    self.name = Some(value(name));
                    self.arguments = arguments.to_vec();
                    if *name == Word::UnknownMany {
                        self.arguments = vec![Word::UnknownMany];
                    }
                }
                true
            }
            None if text => false,
            Some((Word::UnknownMany, _)) => {
                self.source = Source::Unknown;
                self.arguments = vec![Word::UnknownMany];
                true
            }
            Some((first, arguments)) if !input => {
                self.source = match first {
                    Word::Known(path) => Source::File(path.clone()),
                    _ => Source::Unknown,
                };
                self.name = Some(value(first));
                self.arguments = arguments.to_vec();
                true
            }
            _ => {
                self.arguments = rest.to_vec();
                true
            }
        }
    }

    /// Reads a long option of bash or busybox. Returns the words after it.
    fn long_option<'a>(&mut self, option: &str, after: &'a [Word]) -> Option<&'a [Word]> {
        match option {
            "login" if self.dialect != Dialect::Dash => self.login = true,
            "posix" if self.dialect.is_bash() => self.dialect = Dialect::BashPosix,
            "norc" | "noprofile" | "noediting" | "verbose" | "restricted" | "debugger"
                if self.dialect.is_bash() => {}
            "version" | "help" if self.dialect.is_bash() => self.only_prints = true,
            "rcfile" | "init-file" if self.dialect.is_bash() => {
                return Some(after.get(1..).unwrap_or_default());
            }
            _ if self.dialect == Dialect::Unknown => self.source = Source::Unknown,
            _ => return None,
        }
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::shell::state::Switch;

    fn parsed(words: &[&str], dialect: Dialect) -> Option<Invocation> {
        let argv: Vec<Word> = words
            .iter()
            .map(|word| Word::Known((*word).to_owned()))
            .collect();
        parse(&argv, dialect)
    }

    #[test]
    fn the_word_after_the_options_is_the_text_of_c() {
        let invocation = parsed(&["sh", "-ec", "exec app", "name", "1"], Dialect::Dash).unwrap();
        assert_eq!(invocation.source, Source::Text("exec app".to_owned()));
        assert_eq!(invocation.name, Some(Value::Known("name".to_owned())));
        assert_eq!(invocation.arguments, [Word::Known("1".to_owned())]);
        assert_eq!(invocation.options.errexit, Switch::On);
        // dash -c -e 'echo x' runs the echo with -e set.
        let invocation = parsed(&["sh", "-c", "-e", "echo x"], Dialect::Dash).unwrap();
        assert_eq!(invocation.source, Source::Text("echo x".to_owned()));
    }

    #[test]
    fn a_file_takes_the_other_words_as_arguments() {
        let invocation = parsed(
            &["bash", "--posix", "-o", "pipefail", "/x", "-c"],
            Dialect::Bash,
        )
        .unwrap();
        assert_eq!(invocation.source, Source::File("/x".to_owned()));
        assert_eq!(invocation.dialect, Dialect::BashPosix);
        assert_eq!(invocation.arguments, [Word::Known("-c".to_owned())]);
    }

    #[test]
    fn a_shell_without_text_or_with_an_unknown_option_ends() {
        // dash: "-c requires an argument", "Illegal option --".
        assert!(parsed(&["sh", "-c"], Dialect::Dash).is_none());
        assert!(parsed(&["sh", "--login"], Dialect::Dash).is_none());
        assert!(parsed(&["bash", "--nope"], Dialect::Bash).is_none());
        assert_eq!(
            parsed(&["sh"], Dialect::Dash).unwrap().source,
            Source::Input
        );
    }
}
