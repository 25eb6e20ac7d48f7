//! Parses the arguments of find(1) as find does: first paths, then an expression. Actions that change
//! files or run programs are not supported, because an image is read-only and its programs are not run.

use super::condition::{ConditionError, condition};
use super::number::{number, size, whole};
use super::perm::perm;
use crate::layer::printable;
use crate::query::find::{ExpressionBuilder, Find, NumberTest, OrderError, Test};
use crate::query::{Glob, time};
use crate::view::FileType;

/// The supported words, for error messages.
const WORDS: &str = "-name -iname -path -ipath -lname -ilname -type -xtype -size -perm -newermt -empty -uid -gid \
    -user -group -links -true -false --layer --where, ( ) ! -not -a -and -o -or ,, -maxdepth -mindepth, \
    -print -print0 -prune -quit, --json --digests";

/// Why the arguments are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FindError {
    /// An unknown word.
    #[error("unknown option or test {0}; choose one of: {words}", words = WORDS)]
    NoWord(String),
    /// An action that would change files or run a program.
    #[error(
        "{0} is not supported, because nothing in an image can be changed or run; use -print0 and \
         xargs -0"
    )]
    NoAction(String),
    /// An option of the command after the image.
    #[error("{0} must come before the image: imgfs find {0} … IMAGE")]
    Before(String),
    /// A path after the expression.
    #[error("{0} comes after the expression; paths come first, and a pattern must be quoted")]
    PathAfter(String),
    /// The last word requires a value.
    #[error("{word} needs a value: {word} {example}")]
    NoValue {
        /// The word.
        word: String,
        /// An example of a value.
        example: &'static str,
    },
    /// An invalid value of a word.
    #[error("{word} {value}: write {example}")]
    Value {
        /// The word.
        word: String,
        /// The value.
        value: String,
        /// An example of a value.
        example: &'static str,
    },
    /// An invalid condition after `--where`.
    #[error("--where {value}: {error}")]
    Where {
        /// The condition.
        value: String,
        /// The cause.
        error: ConditionError,
    },
    /// Words in an invalid order.
    #[error("{word}: {error}")]
    Order {
        /// The word that does not fit.
        word: String,
        /// The cause.
        error: OrderError,
    },
    /// `-print0` together with `--json`, which prints lines.
    #[error("-print0 and --json cannot be combined: JSON has no NUL")]
    TwoForms,
}

/// Examples of values, for error messages.
const NUMBER: &str = "N, +N for more or -N for less";
const USER: &str = "a number; names are in the image's /etc/passwd and /etc/group";
const DEPTH: &str = "a whole number";
const TYPES: &str = "one of f d l c b p, or several with commas";
const SIZE: &str = "N, +N or -N followed by c, w, b, k, M or G: +10M";
const MODE: &str = "MODE, -MODE or /MODE, in octal or like u=rwx,g+s: -4000";
const DATE: &str = "2024-01-31, '2024-01-31 12:30:59', the same with Z or +02:00, or @SECONDS";
const LAYER: &str = "the number of a layer, counted from 0";
const CONDITION: &str = "'GOARCH=arm64 and LINKAGE=dynamic'";
const PATTERN: &str = "a pattern in quotes: '*.so*'";

/// Whether a word starts the expression.
fn begins_expression(word: &[u8]) -> bool {
    matches!(word, b"(" | b")" | b"!" | b",") || (word.starts_with(b"-") && word != b"-")
}

/// A search, and how its results are printed.
#[derive(Debug, Default)]
pub(super) struct FindCommand {
    pub find: Find,
    /// Whether `--json` was given.
    pub json: bool,
    /// Whether `--digests` was given.
    pub digests: bool,
}

/// Parses the arguments that follow the image: paths, then an expression.
///
/// # Errors
/// Returns an error if an argument is unknown or in an invalid position.
pub(super) fn parse(words: &[Vec<u8>]) -> Result<FindCommand, FindError> {
    let paths = words.iter().position(|word| begins_expression(word));
    let (paths, words) = words.split_at(paths.unwrap_or(words.len()));
    let mut command = FindCommand::default();
    command.find.starts = match paths {
        [] => vec![b"/".to_vec()],
        paths => paths.to_vec(),
    };
    let mut builder = ExpressionBuilder::default();
    let mut words = words.iter().map(Vec::as_slice);
    while let Some(word) = words.next() {
        let read = Reader {
            word,
            words: &mut words,
        }
        .read(&mut command)?;
        let Some(read) = read else { continue };
        // Two adjacent tests are joined by `and`.
        let operand = matches!(read, Word::Test(_) | Word::Open | Word::Not);
        let before = match operand && builder.is_complete() {
            true => builder.and(),
            false => Ok(()),
        };
        let added = before.and_then(|()| match read {
            Word::Test(test) => builder.test(test),
            Word::Open => builder.open(),
            Word::Close => builder.close(),
            Word::Not => builder.not(),
            Word::And => builder.and(),
            Word::Or => builder.or(),
            Word::Comma => builder.comma(),
        });
        added.map_err(|error| FindError::Order {
            word: printable(word),
            error,
        })?;
    }
    command.find.expression = builder.finish().map_err(|error| FindError::Order {
        word: "the end of the expression".to_owned(),
        error,
    })?;
    let prints_nul = |command: &FindCommand| {
        let mut tests = command.find.expression.tests();
        tests.any(|test| *test == Test::Print0)
    };
    if command.json && prints_nul(&command) {
        return Err(FindError::TwoForms);
    }
    Ok(command)
}

enum Word {
    Test(Test),
    Open,
    Close,
    Not,
    And,
    Or,
    Comma,
}

/// A word, and the words that follow it.
struct Reader<'a, 'b, I> {
    word: &'a [u8],
    words: &'b mut I,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Reader<'a, '_, I> {
    /// Parses the word and its value, if it has one. Returns `None` if the word is not part of the
    /// expression.
    fn read(mut self, command: &mut FindCommand) -> Result<Option<Word>, FindError> {
        Ok(Some(match self.word {
            b"(" => Word::Open,
            b")" => Word::Close,
            b"!" | b"-not" => Word::Not,
            b"-a" | b"-and" => Word::And,
            b"-o" | b"-or" => Word::Or,
            b"," => Word::Comma,
            b"-maxdepth" => {
                command.find.max_depth = Some(self.value(DEPTH, whole)?);
                return Ok(None);
            }
            b"-mindepth" => {
                command.find.min_depth = self.value(DEPTH, whole)?;
                return Ok(None);
            }
            b"--json" => {
                command.json = true;
                return Ok(None);
            }
            b"--digests" => {
                command.digests = true;
                return Ok(None);
            }
            _ => Word::Test(self.test()?),
        }))
    }

    fn test(&mut self) -> Result<Test, FindError> {
        let word = self.word;
        // `--where=X` means `--where X`.
        if let Some(value) = word.strip_prefix(b"--where=") {
            return where_test(value);
        }
        if let Some(value) = word.strip_prefix(b"--layer=") {
            self.word = b"--layer";
            let layer = std::str::from_utf8(value).ok().and_then(whole);
            let wrong = || self.wrong(value, LAYER);
            return layer.map(Test::Layer).ok_or_else(wrong);
        }
        let folded = |word: &[u8]| word.starts_with(b"-i");
        Ok(match word {
            b"-true" => Test::Constant(true),
            b"-false" => Test::Constant(false),
            b"-empty" => Test::Empty,
            b"-prune" => Test::Prune,
            b"-quit" => Test::Quit,
            b"-print" => Test::Print,
            b"-print0" => Test::Print0,
            b"-name" | b"-iname" => Test::Name(self.glob(folded(word))?),
            b"-path" | b"-ipath" | b"-wholename" | b"-iwholename" => {
                Test::Path(self.glob(folded(word))?)
            }
            b"-lname" | b"-ilname" => Test::Target(self.glob(folded(word))?),
            b"-type" => Test::Type(self.value(TYPES, types)?),
            b"-xtype" => Test::TargetType(self.value(TYPES, types)?),
            b"-size" => Test::Size(self.value(SIZE, size)?),
            b"-perm" => Test::Perm(self.value(MODE, perm)?),
            b"-newermt" => Test::NewerThan(self.value(DATE, time::parse)?),
            b"-uid" => Test::Uid(self.value(NUMBER, number)?),
            b"-gid" => Test::Gid(self.value(NUMBER, number)?),
            b"-user" => Test::Uid(self.value(USER, plain)?),
            b"-group" => Test::Gid(self.value(USER, plain)?),
            b"-links" => Test::Links(self.value(NUMBER, number)?),
            b"--layer" => Test::Layer(self.value(LAYER, whole)?),
            b"--where" => where_test(self.next(CONDITION)?)?,
            _ => return Err(unknown(word)),
        })
    }

    fn next(&mut self, example: &'static str) -> Result<&'a [u8], FindError> {
        let word = || printable(self.word);
        self.words.next().ok_or_else(|| FindError::NoValue {
            word: word(),
            example,
        })
    }

    fn wrong(&self, value: &[u8], example: &'static str) -> FindError {
        FindError::Value {
            word: printable(self.word),
            value: printable(value),
            example,
        }
    }

    fn value<T>(
        &mut self,
        example: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, FindError> {
        let value = self.next(example)?;
        let parsed = std::str::from_utf8(value).ok().and_then(parse);
        parsed.ok_or_else(|| self.wrong(value, example))
    }

    fn glob(&mut self, fold: bool) -> Result<Glob, FindError> {
        Ok(Glob::new(self.next(PATTERN)?, fold))
    }
}

/// The error for an unknown word.
fn unknown(word: &[u8]) -> FindError {
    let shown = printable(word);
    match word {
        b"-exec" | b"-execdir" | b"-ok" | b"-okdir" | b"-delete" | b"-fprint" | b"-fprint0"
        | b"-fls" | b"-fprintf" => FindError::NoAction(shown),
        b"--platform" | b"--cache-dir" | b"--no-cache" | b"--cache-limit" | b"-v"
        | b"--verbose" | b"-h" | b"--help" => FindError::Before(shown),
        [b'-', ..] => FindError::NoWord(shown),
        _ => FindError::PathAfter(shown),
    }
}

fn where_test(value: &[u8]) -> Result<Test, FindError> {
    condition(value)
        .map(Test::Where)
        .map_err(|error| FindError::Where {
            value: printable(value),
            error,
        })
}

fn plain(text: &str) -> Option<NumberTest> {
    whole::<u32>(text).and_then(|_| number(text))
}

fn types(text: &str) -> Option<Vec<FileType>> {
    let types = text.split(',').map(|word| {
        Some(match word {
            "f" => FileType::Regular,
            "d" => FileType::Directory,
            "l" => FileType::Symlink,
            "c" => FileType::CharDevice,
            "b" => FileType::BlockDevice,
            "p" => FileType::Fifo,
            _ => return None,
        })
    });
    types.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let word = prop_oneof![
            "(-(not|o|a|name|type|size|perm|newermt|uid|maxdepth|print0|prune)|--(where|layer|json)|[(),!])",
            "[-+/@,=0-9a-zA-Z~'\"<>() ]{0,12}",
            "(GOARCH|SIZE|NEEDED)(=|!=|~|<|>=)?[a-z0-9.*]{0,4}( and| or| not|[()])?",
            "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T0-9:.Z+-]{0,16}",
        ];
        let bytes = prop::collection::vec(any::<u8>(), 0..6);
        let word = prop_oneof![8 => word.prop_map(String::into_bytes), 1 => bytes];
        prop::collection::vec(word, 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        /// Any input is either parsed, or refused with a message of one line.
        #[test]
        fn any_words(words in words()) {
            if let Err(error) = parse(&words) {
                let text = error.to_string();
                prop_assert!(!text.chars().any(char::is_control), "{text:?}");
            }
        }
    }
}
