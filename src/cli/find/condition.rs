//! The argument of `--where`: a condition on the facts of a file, in terms of the keys of its sidecar.
//!
//! `KEY` tests whether the sidecar has such a line. `=` and `!=` compare with the value as written
//! there, `~` and `!~` match it against a pattern, `<`, `<=`, `>` and `>=` compare numbers and versions.
//! For a list, one matching member is enough; for `!=` and `!~`, no member may match. If the key is
//! missing, every comparison is false; use `not` to test for that. Tests are joined by `and`, `or`,
//! `not` and parentheses.

use std::cmp::Ordering;

use crate::layer::printable;
use crate::query::Glob;
use crate::query::find::{
    Condition, ExpressionBuilder, KeyTest, KeyTestError, Operator, OrderError,
};

/// Why a condition is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConditionError {
    /// Words in an invalid order.
    #[error("{0}; write KEY=VALUE, and, or, not, ( )")]
    Order(#[from] OrderError),
    /// An unknown key, or a value that the key never has.
    #[error(transparent)]
    Key(#[from] KeyTestError),
    /// A comparison without a value.
    #[error("{0} has no value; write {0}VALUE, or {0}'' for an empty one")]
    NoValue(String),
    /// An unknown operator.
    #[error("{0:?} is not an operator; choose one of: = != ~ !~ < <= > >=")]
    NoOperator(String),
    /// A quote that is not closed.
    #[error("a {0} is not closed")]
    OpenQuote(char),
}

/// Parses a condition.
///
/// # Errors
/// Returns an error if the condition is invalid, or uses a key that no sidecar has.
pub(super) fn condition(text: &[u8]) -> Result<Condition, ConditionError> {
    let mut builder = ExpressionBuilder::default();
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
                let (test, tail) = key_test(word, rest)?;
                builder.test(test)?;
                rest = tail;
            }
        }
    }
    if builder.is_empty() {
        return Err(OrderError::NoTest.into());
    }
    Ok(Condition::new(builder.finish()?))
}

/// The part of an invalid condition that an error message shows.
fn word_of(rest: &[u8]) -> String {
    let end = rest.iter().position(u8::is_ascii_whitespace);
    let word = rest.get(..end.unwrap_or(rest.len()).min(20));
    printable(word.unwrap_or_default())
}

/// Parses the test of a key. Returns it and the rest of the text.
fn key_test<'a>(word: &[u8], rest: &'a [u8]) -> Result<(KeyTest, &'a [u8]), ConditionError> {
    let name = String::from_utf8_lossy(word).to_ascii_uppercase();
    let present = KeyTest::present(&name)?;
    let operator = rest.trim_ascii_start();
    let end = operator.iter().position(|b| !b"=!~<>".contains(b));
    let (operator, tail) = operator.split_at(end.unwrap_or(operator.len()));
    let negated = operator.starts_with(b"!");
    let read = || value(tail, &name, operator);
    let (test, rest) = match operator {
        b"" => (Operator::Present, rest),
        b"=" | b"==" | b"!=" => {
            let (value, rest) = read()?;
            (Operator::Equal(value), rest)
        }
        b"~" | b"!~" => {
            let (value, rest) = read()?;
            (Operator::Like(Glob::new(&value, false)), rest)
        }
        _ => {
            let orders: &'static [Ordering] = match operator {
                b"<" => &[Ordering::Less],
                b"<=" => &[Ordering::Less, Ordering::Equal],
                b">" => &[Ordering::Greater],
                b">=" => &[Ordering::Greater, Ordering::Equal],
                _ => return Err(ConditionError::NoOperator(word_of(operator))),
            };
            let (value, rest) = read()?;
            (Operator::Ordered(orders, value), rest)
        }
    };
    Ok((present.compare(test, negated)?, rest))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::keys::Key;
    use crate::view::{Fact, Value};

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
            let condition = condition(text.as_bytes());
            let condition = condition.unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(condition.holds(&facts), expected, "{text}");
            assert!(!condition.keys().any(Key::needs_findings));
        }
    }

    #[test]
    fn what_needs_findings() {
        for key in ["INTERPRETER_STATUS", "MISSING", "VERDICT", "FINDINGS"] {
            let text = format!("GOARCH=arm64 or not {key}~x*");
            let condition = condition(text.as_bytes()).unwrap();
            assert!(condition.keys().any(Key::needs_findings));
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
            let error = condition(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
