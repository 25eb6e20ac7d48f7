//! A condition on the facts of a file, in terms of the keys of its sidecar.
//!
//! A value is compared as it is written in a sidecar. For a list, one matching member is enough; for a
//! negated test, no member may match. If the key is missing, every test is false; negate the expression
//! to test for that.

use std::cmp::Ordering;

use super::expression::Expression;
use crate::layer::printable;
use crate::query::glob::Glob;
use crate::view::keys::{self, Key};
use crate::view::{Fact, KEYS, Value};

/// How the value of a key is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The key has a value.
    Present,
    /// The value is equal to these bytes.
    Equal(Vec<u8>),
    /// The value matches a pattern.
    Like(Glob),
    /// The value compares to these bytes in one of these ways. Digits are compared as numbers.
    Ordered(&'static [Ordering], Vec<u8>),
}

/// A test of a key's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTest {
    key: &'static Key,
    operator: Operator,
    /// Whether no value may match.
    negated: bool,
}

/// Why a test of a key makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTestError {
    /// Sidecars have no such key.
    #[error("sidecars have no key {0}; choose one of: {all}", all = KEYS.join(" "))]
    NoKey(String),
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
}

impl KeyTest {
    /// Creates the test whether a file has a value for the key.
    ///
    /// # Errors
    /// Returns an error if no sidecar has the key.
    pub fn present(key: &str) -> Result<Self, KeyTestError> {
        let column = keys::column(key).ok_or_else(|| KeyTestError::NoKey(key.to_owned()))?;
        Ok(Self {
            key: column,
            operator: Operator::Present,
            negated: false,
        })
    }

    /// Changes the test to a comparison. With `negated`, no value may match.
    ///
    /// # Errors
    /// Returns an error if the operator compares with a value that the key never has.
    pub fn compare(self, operator: Operator, negated: bool) -> Result<Self, KeyTestError> {
        if let Operator::Equal(value) | Operator::Ordered(_, value) = &operator
            && let Some(expected) = self.key.mismatch(value)
        {
            return Err(KeyTestError::WrongType {
                key: self.key.name,
                expected,
                value: match value.as_slice() {
                    [] => "empty".to_owned(),
                    value => printable(value),
                },
            });
        }
        Ok(Self {
            operator,
            negated,
            ..self
        })
    }
}

/// A condition on the facts of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(Expression<KeyTest>);

impl Condition {
    /// Creates a condition from tests of keys.
    pub fn new(expression: Expression<KeyTest>) -> Self {
        Self(expression)
    }

    /// Returns the keys that the condition tests. No other facts are needed to evaluate it.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.0.tests().map(|test| test.key)
    }

    /// Returns whether facts satisfy the condition.
    pub fn holds(&self, facts: &[Fact]) -> bool {
        let holds = |test: &KeyTest| Ok::<_, std::convert::Infallible>(test.holds(facts));
        match self.0.evaluate(holds) {
            Ok(holds) => holds,
        }
    }
}

impl KeyTest {
    fn holds(&self, facts: &[Fact]) -> bool {
        let Some(fact) = facts.iter().find(|fact| fact.key == self.key.name) else {
            return false;
        };
        let fits = match &fact.value {
            one @ Value::One(_) => self.operator.matches(&one.escaped()),
            Value::List(members) => members.iter().any(|member| {
                // Compare with the escaped form of a member, in which spaces are escaped too.
                self.operator
                    .matches(&Value::List(vec![member.clone()]).escaped())
            }),
        };
        fits != self.negated
    }
}

impl Operator {
    fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Present => true,
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
            let equal = |value: &str| {
                let operator = Operator::Equal(value.into());
                KeyTest::present(name).unwrap().compare(operator, false)
            };
            let test = equal(value).unwrap();
            assert!(test.holds(&facts) && !test.holds(&[]), "{name}");
            if let Some(wrong) = wrong {
                let error = equal(wrong).unwrap_err();
                assert!(
                    matches!(error, KeyTestError::WrongType { .. }),
                    "{name}: {error}"
                );
            }
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
