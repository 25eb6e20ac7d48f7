//! `test`, `[` and `[[`.

use brush_parser::ast::{BinaryPredicate, ExtendedTestExpr, UnaryPredicate};

use super::Dialect;
use super::expand::Expanded;
use super::run::Shell;
use super::state::{Data, Status, Switch};
use super::world::{FileTest, Word};
use crate::launch::environment::Value;

/// The maximum length of a `test` expression, in words.
const MAX_WORDS: usize = 256;

/// The maximum nesting depth of parentheses.
const MAX_DEPTH: u32 = 16;

/// The result of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Is(bool),
    Unknown,
    /// The test reports an error: status 2.
    Error,
}

impl From<Option<bool>> for Answer {
    fn from(answer: Option<bool>) -> Self {
        answer.map_or(Self::Unknown, Self::Is)
    }
}

impl Answer {
    fn not(self) -> Self {
        match self {
            Self::Is(answer) => Self::Is(!answer),
            other => other,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Error, _) | (_, Self::Error) => Self::Error,
            (Self::Is(false), _) | (_, Self::Is(false)) => Self::Is(false),
            (Self::Is(true), other) => other,
            (Self::Unknown, _) => Self::Unknown,
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

impl Shell<'_> {
    /// Runs `test`, `[`, and `[[` in shells where it is a command.
    pub(super) fn test_builtin(&mut self, name: &str, operands: &[Word]) {
        let mut operands = operands;
        if name != "test" {
            match operands.split_last() {
                Some((Word::Known(last), rest))
                    if *last == if name == "[" { "]" } else { "]]" } =>
                {
                    operands = rest;
                }
                Some((Word::UnknownMany | Word::Unknown, _)) => return self.unknown_status(),
                _ => return self.set_status(2),
            }
        }
        let answer = if operands.contains(&Word::UnknownMany) || operands.len() > MAX_WORDS {
            Answer::Unknown
        } else {
            self.tested(operands)
        };
        match answer {
            Answer::Is(answer) => self.set_status(u8::from(!answer)),
            Answer::Unknown => self.unknown_status(),
            Answer::Error if self.dialect == Dialect::Unknown => {
                self.state.status = Status::NonZero;
                self.state.cause = None;
            }
            Answer::Error => self.set_status(2),
        }
    }

    /// Evaluates the words by their number (POSIX `test`, "4 arguments" and fewer).
    fn tested(&mut self, words: &[Word]) -> Answer {
        match words {
            [] => Answer::Is(false),
            [one] => not_empty(one),
            [not, one] if is(not, "!") => not_empty(one).not(),
            [operator, operand] => self.unary(operator, operand),
            [left, operator, right] if is_binary(operator) => self.binary(left, operator, right),
            [left, operator, right] if is(operator, "-a") => not_empty(left).and(not_empty(right)),
            [left, operator, right] if is(operator, "-o") => not_empty(left).or(not_empty(right)),
            [not, rest @ ..] if is(not, "!") && rest.len() <= 3 => self.tested(rest).not(),
            [open, rest @ .., close] if is(open, "(") && is(close, ")") && rest.len() <= 2 => {
                self.tested(rest)
            }
            words => {
                let mut place = 0;
                let answer = self.or_expression(words, &mut place, MAX_DEPTH);
                match answer {
                    Answer::Is(_) if place != words.len() => self.too_many(words),
                    answer => answer,
                }
            }
        }
    }

    /// Returns the result if words are left over: an error, unless an unknown word could be an
    /// operator.
    fn too_many(&self, words: &[Word]) -> Answer {
        if words.contains(&Word::Unknown) {
            Answer::Unknown
        } else {
            Answer::Error
        }
    }

    fn or_expression(&mut self, words: &[Word], place: &mut usize, depth: u32) -> Answer {
        let mut answer = self.and_expression(words, place, depth);
        while words.get(*place).is_some_and(|word| is(word, "-o")) {
            *place += 1;
            let right = self.and_expression(words, place, depth);
            answer = answer.or(right);
        }
        answer
    }

    fn and_expression(&mut self, words: &[Word], place: &mut usize, depth: u32) -> Answer {
        let mut answer = self.primary(words, place, depth);
        while words.get(*place).is_some_and(|word| is(word, "-a")) {
            *place += 1;
            let right = self.primary(words, place, depth);
            answer = answer.and(right);
        }
        answer
    }

    fn primary(&mut self, words: &[Word], place: &mut usize, depth: u32) -> Answer {
        let rest = words.get(*place..).unwrap_or_default();
        match rest {
            [] => Answer::Error,
            [left, operator, right, ..] if is_binary(operator) => {
                *place += 3;
                self.binary(left, operator, right)
            }
            [not, ..] if is(not, "!") && depth > 0 => {
                *place += 1;
                self.primary(words, place, depth - 1).not()
            }
            [open, ..] if is(open, "(") && depth > 0 => {
                *place += 1;
                let answer = self.or_expression(words, place, depth - 1);
                if words.get(*place).is_some_and(|word| is(word, ")")) {
                    *place += 1;
                    answer
                } else {
                    Answer::Unknown
                }
            }
            [operator, operand, ..] if unary_operator(operator).is_some() => {
                *place += 2;
                self.unary(operator, operand)
            }
            [one, ..] => {
                *place += 1;
                not_empty(one)
            }
        }
    }

    fn unary(&mut self, operator: &Word, operand: &Word) -> Answer {
        let Some(letter) = unary_operator(operator) else {
            return match operator {
                Word::Known(_) => Answer::Error,
                _ => Answer::Unknown,
            };
        };
        match (letter, operand) {
            ('n', operand) => not_empty(operand),
            ('z', operand) => not_empty(operand).not(),
            ('v', _) if !self.dialect.is_bash() => match self.dialect {
                Dialect::Unknown => Answer::Unknown,
                _ => Answer::Error,
            },
            ('v', Word::Known(name)) => Answer::from(self.is_set(name)),
            ('t', _) => Answer::Unknown,
            (letter, Word::Known(path)) => match file_test(letter) {
                // No file has an empty name.
                Some(_) if path.is_empty() => Answer::Is(false),
                Some(test) => {
                    let path = path.clone();
                    Answer::from(self.file(test, &path))
                }
                None => Answer::Unknown,
            },
            _ => Answer::Unknown,
        }
    }

    /// Returns whether a variable is set; `None` if that is unknown.
    fn is_set(&self, name: &str) -> Option<bool> {
        if name.contains('[') {
            return None;
        }
        match self
            .state
            .variables
            .get(name)
            .map(|variable| &variable.data)
        {
            None | Some(Data::Unset) => Some(false),
            Some(Data::Scalar(Value::Known(_))) => Some(true),
            Some(Data::Array(Some(values))) => Some(!values.is_empty()),
            _ => None,
        }
    }

    fn binary(&mut self, left: &Word, operator: &Word, right: &Word) -> Answer {
        let Word::Known(operator) = operator else {
            return Answer::Unknown;
        };
        if operator == "==" && self.dialect == Dialect::Dash {
            return Answer::Error;
        }
        let (Word::Known(left), Word::Known(right)) = (left, right) else {
            return Answer::Unknown;
        };
        match operator.as_str() {
            "=" | "==" => Answer::Is(left == right),
            "!=" => Answer::Is(left != right),
            "<" => Answer::Is(left < right),
            ">" => Answer::Is(left > right),
            "-ef" | "-nt" | "-ot" | "=~" => Answer::Unknown,
            _ => match (integer(left), integer(right)) {
                (Some(left), Some(right)) => Answer::from(compare(operator, left, right)),
                _ => Answer::Error,
            },
        }
    }

    /// Evaluates `[[ ... ]]`. Returns `None` if the result is unknown.
    pub(super) fn extended_test(&mut self, test: &ExtendedTestExpr) -> Expanded<Option<bool>> {
        if !self.spend(1) || !self.dialect.is_bash() {
            self.extended_words(test)?;
            return Ok(None);
        }
        Ok(match test {
            ExtendedTestExpr::And(left, right) => match self.extended_test(left)? {
                Some(false) => Some(false),
                Some(true) => self.extended_test(right)?,
                None => self.extended_test(right)?.filter(|right| !right),
            },
            ExtendedTestExpr::Or(left, right) => match self.extended_test(left)? {
                Some(true) => Some(true),
                Some(false) => self.extended_test(right)?,
                None => self.extended_test(right)?.filter(|right| *right),
            },
            ExtendedTestExpr::Not(inner) => self.extended_test(inner)?.map(|answer| !answer),
            ExtendedTestExpr::Parenthesized(inner) => self.extended_test(inner)?,
            ExtendedTestExpr::UnaryTest(predicate, word) => {
                let Value::Known(text) = self.expand_string(&word.value)? else {
                    return Ok(None);
                };
                self.predicate(predicate, &text)
            }
            ExtendedTestExpr::BinaryTest(predicate, left, right) => {
                let left = self.expand_string(&left.value)?;
                self.comparison(predicate, left, &right.value)?
            }
        })
    }

    /// Expands the words of an unsupported test, to run the commands in them.
    fn extended_words(&mut self, test: &ExtendedTestExpr) -> Expanded<()> {
        match test {
            ExtendedTestExpr::And(left, right) | ExtendedTestExpr::Or(left, right) => {
                self.extended_words(left)?;
                self.extended_words(right)
            }
            ExtendedTestExpr::Not(inner) | ExtendedTestExpr::Parenthesized(inner) => {
                self.extended_words(inner)
            }
            ExtendedTestExpr::UnaryTest(_, word) => self.expand_string(&word.value).map(drop),
            ExtendedTestExpr::BinaryTest(_, left, right) => {
                self.expand_string(&left.value)?;
                self.expand_string(&right.value).map(drop)
            }
        }
    }

    fn predicate(&mut self, predicate: &UnaryPredicate, text: &str) -> Option<bool> {
        let test = match predicate {
            UnaryPredicate::StringHasNonZeroLength => return Some(!text.is_empty()),
            UnaryPredicate::StringHasZeroLength => return Some(text.is_empty()),
            UnaryPredicate::ShellVariableIsSetAndAssigned => return self.is_set(text),
            UnaryPredicate::FileExists => FileTest::Exists,
            UnaryPredicate::FileExistsAndIsDir => FileTest::Directory,
            UnaryPredicate::FileExistsAndIsRegularFile => FileTest::Regular,
            UnaryPredicate::FileExistsAndIsSymlink => FileTest::Link,
            UnaryPredicate::FileExistsAndIsNotZeroLength => FileTest::NotEmpty,
            UnaryPredicate::FileExistsAndIsReadable => FileTest::Readable,
            UnaryPredicate::FileExistsAndIsWritable => FileTest::Writable,
            UnaryPredicate::FileExistsAndIsExecutable => FileTest::Executable,
            _ => return None,
        };
        if text.is_empty() {
            return Some(false);
        }
        self.file(test, text)
    }

    fn comparison(
        &mut self,
        predicate: &BinaryPredicate,
        left: Value,
        right: &str,
    ) -> Expanded<Option<bool>> {
        let arithmetic = match predicate {
            BinaryPredicate::ArithmeticEqualTo => Some("-eq"),
            BinaryPredicate::ArithmeticNotEqualTo => Some("-ne"),
            BinaryPredicate::ArithmeticLessThan => Some("-lt"),
            BinaryPredicate::ArithmeticLessThanOrEqualTo => Some("-le"),
            BinaryPredicate::ArithmeticGreaterThan => Some("-gt"),
            BinaryPredicate::ArithmeticGreaterThanOrEqualTo => Some("-ge"),
            _ => None,
        };
        if let Some(operator) = arithmetic {
            let right = self.expand_string(right)?;
            let (Value::Known(left), Value::Known(right)) = (left, right) else {
                return Ok(None);
            };
            let left = self.arithmetic(&left)?;
            let right = self.arithmetic(&right)?;
            return Ok(left
                .zip(right)
                .and_then(|(left, right)| compare(operator, left, right)));
        }
        let equal = match predicate {
            BinaryPredicate::StringExactlyMatchesPattern
            | BinaryPredicate::StringExactlyMatchesString => true,
            BinaryPredicate::StringDoesNotExactlyMatchPattern
            | BinaryPredicate::StringDoesNotExactlyMatchString => false,
            BinaryPredicate::LeftSortsBeforeRight | BinaryPredicate::LeftSortsAfterRight => {
                self.expand_string(right)?;
                return Ok(None);
            }
            _ => {
                self.expand_string(right)?;
                self.state.set("BASH_REMATCH", Data::Array(None));
                return Ok(None);
            }
        };
        let pattern = self.expand_pattern(right)?;
        let (Value::Known(left), Some(pattern)) = (left, pattern) else {
            return Ok(None);
        };
        let matches = pattern.matches(&left).map(|matches| matches == equal);
        // `nocasematch` may be set.
        Ok(matches.filter(|_| self.state.options.shopt == Switch::Off))
    }
}

fn is(word: &Word, text: &str) -> bool {
    matches!(word, Word::Known(known) if known == text)
}

fn not_empty(word: &Word) -> Answer {
    match word {
        Word::Known(text) => Answer::Is(!text.is_empty()),
        _ => Answer::Unknown,
    }
}

fn is_binary(word: &Word) -> bool {
    let Word::Known(text) = word else {
        return false;
    };
    matches!(
        text.as_str(),
        "=" | "=="
            | "!="
            | "<"
            | ">"
            | "-eq"
            | "-ne"
            | "-lt"
            | "-le"
            | "-gt"
            | "-ge"
            | "-ef"
            | "-nt"
            | "-ot"
            | "=~"
    )
}

fn unary_operator(word: &Word) -> Option<char> {
    let Word::Known(text) = word else {
        return None;
    };
    let mut letters = text.strip_prefix('-')?.chars();
    let letter = letters
        .next()
        .filter(|c| "abcdefghknoprstuvwxzGLNORS".contains(*c))?;
    letters.next().is_none().then_some(letter)
}

fn file_test(letter: char) -> Option<FileTest> {
    Some(match letter {
        'e' | 'a' => FileTest::Exists,
        'f' => FileTest::Regular,
        'd' => FileTest::Directory,
        'h' | 'L' => FileTest::Link,
        's' => FileTest::NotEmpty,
        'r' => FileTest::Readable,
        'w' => FileTest::Writable,
        'x' => FileTest::Executable,
        'S' | 'p' | 'b' | 'c' => FileTest::Special,
        _ => return None,
    })
}

/// Parses a decimal integer as `test` does.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn compare(operator: &str, left: i64, right: i64) -> Option<bool> {
    Some(match operator {
        "-eq" => left == right,
        "-ne" => left != right,
        "-lt" => left < right,
        "-le" => left <= right,
        "-gt" => left > right,
        "-ge" => left >= right,
        _ => return None,
    })
}
