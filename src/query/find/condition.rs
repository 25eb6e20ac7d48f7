//! `--where`: a condition on the facts of a file, in terms of the keys of its sidecar.
//!
//! `KEY` tests whether the sidecar has such a line. `=` and `!=` compare with the value as written
//! there, `~` and `!~` match it against a pattern, `<`, `<=`, `>` and `>=` compare numbers and versions.
//! For a list, one matching member is enough; for `!=` and `!~`, no member may match. If the key is
//! missing, every comparison is false; use `not` to test for that. Tests are joined by `and`, `or`,
//! `not` and parentheses.

use std::cmp::Ordering;

use super::program::{Builder, OrderError, Program};
use crate::query::glob::Glob;
use crate::view::keys::{self, Key};
use crate::view::{Fact, KEYS, Value};

/// Why a condition is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Words in an invalid order.
    #[error("{0}; write KEY=VALUE, and, or, not, ( )")]
    Order(#[from] OrderError),
    /// Sidecars have no such key.
    #[error("sidecars have no key {0}; choose one of: {all}", all = KEYS.join(" "))]
    NoKey(String),
    /// A comparison without a value.
    #[error("{0} has no value; write {0}VALUE, or {0}'' for an empty one")]
    NoValue(String),
    /// A value that the key never has.
    #[error("{key} is {expected}, never {value}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What its values are.
        expected: &'static str,
        /// The value, as given.
        value: String,
    },
    /// An unknown operator.
    #[error("{0:?} is not an operator; choose one of: = != ~ !~ < <= > >=")]
    NoOperator(String),
    /// A quote that is not closed.
    #[error("a {0} is not closed")]
    OpenQuote(char),
}

/// A comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Is {
    /// The key has a value.
    There,
    Equal(Vec<u8>),
    Like(Glob),
    Ordered(&'static [Ordering], Vec<u8>),
}

/// A test of a key's value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    key: &'static Key,
    is: Is,
    /// The test is negated: no value may match.
    none: bool,
}

/// A condition on the facts of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    program: Program<Question>,
    needs_findings: bool,
}

impl Condition {
    /// Parses a condition.
    ///
    /// # Errors
    /// Returns an error if the condition is invalid, or uses a key that no sidecar has.
    pub fn parse(text: &[u8]) -> Result<Self, ConditionError> {
        let mut builder = Builder::default();
        let mut rest = text;
        loop {
            rest = rest.trim_ascii_start();
            match rest {
                [] => break,
                [b'(', tail @ ..] => {
                    builder.open()?;
                    rest = tail;
                    continue;
                }
                [b')', tail @ ..] => {
                    builder.close()?;
                    rest = tail;
                    continue;
                }
                _ => {}
            }
            let end = rest
                .iter()
                .position(|b| !b.is_ascii_alphanumeric() && *b != b'_');
            let (word, tail) = rest.split_at(end.unwrap_or(rest.len()));
            rest = tail;
            match word.to_ascii_lowercase().as_slice() {
                b"and" => builder.and()?,
                b"or" => builder.or()?,
                b"not" => builder.not()?,
                b"" => return Err(ConditionError::NoOperator(word_of(rest))),
                _ => {
                    let (question, tail) = question(word, rest)?;
                    builder.test(question)?;
                    rest = tail;
                }
            }
        }
        if builder.is_empty() {
            return Err(OrderError::NoTest.into());
        }
        let program = builder.finish()?;
        let needs_findings = program.tests().any(|test| test.key.needs_findings());
        Ok(Self {
            program,
            needs_findings,
        })
    }

    /// Returns whether the condition depends on findings, which require examining the whole image.
    pub fn needs_findings(&self) -> bool {
        self.needs_findings
    }

    /// Returns whether facts satisfy the condition.
    pub fn holds(&self, facts: &[Fact]) -> bool {
        let holds = |question: &Question| Ok::<_, std::convert::Infallible>(question.holds(facts));
        match self.program.evaluate(holds) {
            Ok(holds) => holds,
        }
    }
}

/// The part of an invalid condition that an error message shows.
fn word_of(rest: &[u8]) -> String {
    let end = rest.iter().position(u8::is_ascii_whitespace);
    let word = rest.get(..end.unwrap_or(rest.len()).min(20));
    crate::layer::printable(word.unwrap_or_default())
}

/// Parses the test of a key. Returns it and the rest of the text.
fn question<'a>(word: &[u8], rest: &'a [u8]) -> Result<(Question, &'a [u8]), ConditionError> {
    let name = String::from_utf8_lossy(word).to_ascii_uppercase();
    let key = keys::column(&name).ok_or_else(|| ConditionError::NoKey(name.clone()))?;
    let operator = rest.trim_ascii_start();
    let end = operator.iter().position(|b| !b"=!~<>".contains(b));
    let (operator, tail) = operator.split_at(end.unwrap_or(operator.len()));
    let none = operator.starts_with(b"!");
    let read = || value(tail, &name, operator);
    let read_typed = || {
        let (value, rest) = read()?;
        match key.mismatch(&value) {
            None => Ok((value, rest)),
            Some(expected) => Err(ConditionError::WrongType {
                key: key.name,
                expected,
                value: match value.as_slice() {
                    [] => "empty".to_owned(),
                    value => crate::layer::printable(value),
                },
            }),
        }
    };
    let (is, rest) = match operator {
        b"" => (Is::There, rest),
        b"=" | b"==" | b"!=" => {
            let (value, rest) = read_typed()?;
            (Is::Equal(value), rest)
        }
        b"~" | b"!~" => {
            let (value, rest) = read()?;
            (Is::Like(Glob::new(&value, false)), rest)
        }
        _ => {
            let orders: &'static [Ordering] = match operator {
                b"<" => &[Ordering::Less],
                b"<=" => &[Ordering::Less, Ordering::Equal],
                b">" => &[Ordering::Greater],
                b">=" => &[Ordering::Greater, Ordering::Equal],
                _ => return Err(ConditionError::NoOperator(word_of(operator))),
            };
            let (value, rest) = read_typed()?;
            (Is::Ordered(orders, value), rest)
        }
    };
    Ok((Question { key, is, none }, rest))
}

/// Parses a value: a word that ends at a space or a parenthesis. Quotes can include these.
fn value<'a>(
    rest: &'a [u8],
    key: &str,
    operator: &[u8],
) -> Result<(Vec<u8>, &'a [u8]), ConditionError> {
    let mut rest = rest.trim_ascii_start();
    let (mut value, mut is_there) = (Vec::new(), false);
    while let [byte, tail @ ..] = rest {
        match byte {
            b'(' | b')' => break,
            byte if byte.is_ascii_whitespace() => break,
            b'\'' | b'"' => {
                let end = tail.iter().position(|b| b == byte);
                let end = end.ok_or(ConditionError::OpenQuote(char::from(*byte)))?;
                value.extend(tail.iter().take(end));
                rest = tail.get(end + 1..).unwrap_or_default();
            }
            byte => {
                value.push(*byte);
                rest = tail;
            }
        }
        is_there = true;
    }
    let what = || format!("{key}{}", String::from_utf8_lossy(operator));
    match is_there {
        true => Ok((value, rest)),
        false => Err(ConditionError::NoValue(what())),
    }
}

impl Question {
    fn holds(&self, facts: &[Fact]) -> bool {
        let Some(fact) = facts.iter().find(|fact| fact.key == self.key.name) else {
            return false;
        };
        let fits = match &fact.value {
            one @ Value::One(_) => self.is.fits(&one.escaped()),
            Value::List(members) => members.iter().any(|member| {
                // Compare with the escaped form of a member, in which spaces are escaped too.
                self.is.fits(&Value::List(vec![member.clone()]).escaped())
            }),
        };
        fits != self.none
    }
}

impl Is {
    fn fits(&self, value: &[u8]) -> bool {
        match self {
            Self::There => true,
            Self::Equal(wanted) => value == wanted,
            Self::Like(glob) => glob.matches(value),
            Self::Ordered(orders, than) => orders.contains(&compare(value, than)),
        }
    }
}

/// Compares numbers as numbers, and the text between them byte by byte: `go1.9` is less than `go1.21`.
fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    fn run(text: &[u8], digits: bool) -> (&[u8], &[u8]) {
        let end = text.iter().position(|byte| byte.is_ascii_digit() != digits);
        text.split_at(end.unwrap_or(text.len()))
    }
    fn number(digits: &[u8]) -> (usize, &[u8]) {
        let zeros = digits.iter().take_while(|b| **b == b'0').count();
        let digits = digits.get(zeros..).unwrap_or_default();
        (digits.len(), digits)
    }
    let mut digits = false;
    // Each pass except the first consumes part of `a` or `b`.
    while !(a.is_empty() && b.is_empty()) {
        let ((of_a, rest_a), (of_b, rest_b)) = (run(a, digits), run(b, digits));
        let order = match digits {
            true => number(of_a).cmp(&number(of_b)),
            false => of_a.cmp(of_b),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
        digits = !digits;
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Vec<Fact> {
        let one = |key, value: &str| Fact {
            key,
            value: Value::One(value.into()),
        };
        let list = |key, values: &[&str]| Fact {
            key,
            value: Value::List(values.iter().map(|v| (*v).into()).collect()),
        };
        vec![
            one("FORMAT", "elf"),
            one("GOARCH", "arm64"),
            one("LINKAGE", "dynamic"),
            one("LIBC_REQUIRED", "GLIBC_2.34"),
            list("NEEDED", &["libc.so.6", "lib m.so"]),
            one("GO_VERSION", "go1.9.2"),
            one("GO_LDFLAGS", "-s -w\n"),
            one("SIZE", "1000"),
            one("CREATED_BY", "RUN it # all of it"),
        ]
    }

    #[test]
    fn conditions() {
        let facts = facts();
        for (text, expected) in [
            ("GOARCH=arm64", true),
            ("goarch = arm64", true),
            ("GOARCH==arm64", true),
            ("GOARCH=amd64", false),
            ("GOARCH!=amd64", true),
            ("GOARCH!=arm64", false),
            ("GOARCH", true),
            ("GOAMD64", false),
            ("not GOAMD64", true),
            // Comparisons with a missing key are false.
            ("GOAMD64=v1", false),
            ("GOAMD64!=v1", false),
            ("not GOAMD64=v1", true),
            ("GOAMD64<v1", false),
            ("GOARCH=arm64 and LINKAGE=dynamic", true),
            ("GOARCH=arm64 and LINKAGE=static", false),
            ("GOARCH=amd64 or LINKAGE=dynamic", true),
            ("GOARCH=arm64 or GOARCH=amd64 and LINKAGE=static", true),
            ("(GOARCH=arm64 or GOARCH=amd64) and LINKAGE=static", false),
            ("not (GOARCH=arm64 and LINKAGE=static)", true),
            ("NOT GOARCH=arm64 OR FORMAT=elf", true),
            ("(FORMAT=elf)and(GOARCH=arm64)", true),
            ("GOARCH~arm*", true),
            ("GOARCH ~ 'a*4'", true),
            ("GOARCH~arm", false),
            ("GOARCH!~arm*", false),
            ("GOARCH!~x*", true),
            ("NEEDED=libc.so.6", true),
            ("NEEDED=libc", false),
            (r"NEEDED='lib\x20m.so'", true),
            ("NEEDED='lib m.so'", false),
            ("NEEDED~libc.*", true),
            ("NEEDED!=libc.so.6", false),
            ("NEEDED!=libz.so.1", true),
            ("NEEDED!~lib*", false),
            (r"GO_LDFLAGS='-s -w\x0a'", true),
            ("GO_LDFLAGS~'-s *'", true),
            ("CREATED_BY=\"RUN it # all of it\"", true),
            ("CREATED_BY=RUN' 'it\" # \"all' of it'", true),
            ("SIZE>999", true),
            ("SIZE>1000", false),
            ("SIZE>=1000", true),
            ("SIZE<1001 and SIZE<=1000", true),
            ("SIZE<200", false),
            ("SIZE>0000999", true),
            ("LIBC_REQUIRED>GLIBC_2.4", true),
            ("LIBC_REQUIRED<GLIBC_2.40", true),
            ("GO_VERSION<go1.21", true),
            ("GO_VERSION>=go1.9", true),
            ("GO_LDFLAGS=''", false),
            ("SIZE~''", false),
            ("STATIC!=no", false),
        ] {
            let condition = Condition::parse(text.as_bytes());
            let condition = condition.unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(condition.holds(&facts), expected, "{text}");
            assert!(!condition.needs_findings());
        }
    }

    /// Every declared key can be used, with values of its type. `TEST_LIBRARIES` exists only in tests: its
    /// declaration is enough.
    #[test]
    fn every_declared_key_can_be_used_in_a_condition() {
        assert!(KEYS.contains(&"TEST_LIBRARIES"));
        for name in KEYS {
            let key = keys::column(name).unwrap();
            let (value, wrong) = match (key.mismatch(b"x"), key.mismatch(b"7")) {
                (None, _) => ("x", None),
                (Some("yes or no"), Some(_)) => ("yes", Some("7")),
                (Some("a number"), None) => ("7", Some("x")),
                other => panic!("{name}: {other:?}"),
            };
            let facts = [Fact {
                key: key.name,
                value: Value::One(value.into()),
            }];
            let parse = |value: &str| Condition::parse(format!("{name}={value}").as_bytes());
            let condition = parse(value).unwrap();
            assert!(condition.holds(&facts) && !condition.holds(&[]), "{name}");
            if let Some(wrong) = wrong {
                let error = parse(wrong).unwrap_err();
                assert!(
                    matches!(error, ConditionError::WrongType { .. }),
                    "{name}: {error}"
                );
            }
        }
    }

    #[test]
    fn what_needs_findings() {
        for key in ["INTERPRETER_STATUS", "MISSING", "VERDICT", "FINDINGS"] {
            let text = format!("GOARCH=arm64 or not {key}~x*");
            assert!(Condition::parse(text.as_bytes()).unwrap().needs_findings());
        }
    }

    #[test]
    fn what_makes_no_sense() {
        for (text, words) in [
            ("", "a test is missing"),
            ("and", "a test is missing"),
            ("GOARCH=arm64 and", "a test is missing"),
            ("GOARCH=arm64 LINKAGE=static", "an operator is missing"),
            ("(GOARCH", "there is a ( without"),
            ("GOARCH)", "there is a ) without"),
            ("GOARHC=arm64", "no key GOARHC; choose one of: "),
            ("GOARCH=", "write GOARCH=VALUE"),
            ("GOARCH= and LINKAGE", "an operator is missing"),
            ("GOARCH='arm64", "a ' is not closed"),
            ("GOARCH=<x", "\"=<\" is not an operator"),
            ("STATIC=true", "STATIC is yes or no, never true"),
            ("not NX!=1", "NX is yes or no, never 1"),
            ("SIZE>1M", "SIZE is a number, never 1M"),
            ("LAYER=''", "LAYER is a number, never empty"),
            ("BITS=-1", "BITS is a number, never -1"),
            ("GOARCH, LINKAGE", "\",\" is not an operator"),
            ("\u{1b}[31m", "\\x1b"),
        ] {
            let error = Condition::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn numbers_of_any_length() {
        for (a, b, order) in [
            ("9", "10", Ordering::Less),
            ("010", "10", Ordering::Equal),
            ("a", "1", Ordering::Greater),
            ("1a", "1", Ordering::Greater),
            ("", "", Ordering::Equal),
            ("", "0", Ordering::Equal),
            (
                "99999999999999999999998",
                "99999999999999999999999",
                Ordering::Less,
            ),
        ] {
            assert_eq!(compare(a.as_bytes(), b.as_bytes()), order, "{a} {b}");
        }
    }
}
