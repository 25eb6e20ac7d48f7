//! Numbers that a test compares with: exactly, more or less; and sizes, which have a unit.

use std::cmp::Ordering;

/// A number, and how the number of a file compares to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberTest {
    /// How the number of the file must compare to `number`.
    pub wanted: Ordering,
    /// The number.
    pub number: u64,
}

impl NumberTest {
    /// Returns whether a number passes the test.
    pub fn matches(self, found: u64) -> bool {
        found.cmp(&self.number) == self.wanted
    }
}

/// A size in a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeTest {
    /// The number of units.
    pub count: NumberTest,
    /// The unit in bytes. Must not be 0.
    pub unit: u64,
}

impl SizeTest {
    /// Compares in whole units, rounded up, as find(1) does. So less than 1 MiB matches only empty
    /// files.
    pub fn matches(self, bytes: u64) -> bool {
        self.count.matches(bytes.div_ceil(self.unit.max(1)))
    }
}
