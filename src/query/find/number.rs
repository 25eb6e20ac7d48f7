//! Numeric arguments of tests: `N`, `+N` for more, `-N` for less; and sizes, which have a unit.

use std::cmp::Ordering;

/// A number, and how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    wanted: Ordering,
    number: u64,
}

impl Number {
    /// Parses `N`, `+N` or `-N`.
    pub fn parse(text: &str) -> Option<Self> {
        let (wanted, digits) = match text.as_bytes().first()? {
            b'+' => (Ordering::Greater, text.get(1..)?),
            b'-' => (Ordering::Less, text.get(1..)?),
            _ => (Ordering::Equal, text),
        };
        // `parse` would accept a sign too.
        let is_number = digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_number)?;
        Some(Self { wanted, number })
    }

    pub fn matches(self, found: u64) -> bool {
        found.cmp(&self.number) == self.wanted
    }
}

/// A size in a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    count: Number,
    unit: u64,
}

impl Size {
    /// Parses a number with the suffix `c`, `w`, `b`, `k`, `M` or `G`. Without one, the unit is 512
    /// bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let units = [
            ('c', 1),
            ('w', 2),
            ('b', 512),
            ('k', 1 << 10),
            ('M', 1 << 20),
            ('G', 1 << 30),
        ];
        let unit = units.iter().find(|(name, _)| text.ends_with(*name));
        let (digits, unit) = match unit {
            Some((name, unit)) => (text.strip_suffix(*name)?, *unit),
            None => (text, 512),
        };
        let count = Number::parse(digits)?;
        Some(Self { count, unit })
    }

    /// Compares in whole units, rounded up, as find(1) does. So `-1M` matches only empty files.
    pub fn matches(self, bytes: u64) -> bool {
        self.count.matches(bytes.div_ceil(self.unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let matches = |text: &str, found| Number::parse(text).map(|n| n.matches(found));
        assert_eq!(matches("5", 5), Some(true));
        assert_eq!(matches("5", 6), Some(false));
        assert_eq!(matches("+5", 6), Some(true));
        assert_eq!(matches("+5", 5), Some(false));
        assert_eq!(matches("-5", 4), Some(true));
        assert_eq!(matches("-5", 5), Some(false));
        for bad in [
            "",
            "+",
            "-",
            "++5",
            "+-5",
            "5x",
            "0x5",
            "99999999999999999999",
        ] {
            assert_eq!(matches(bad, 5), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_rounded_up() {
        let matches = |text: &str, bytes| Size::parse(text).map(|size| size.matches(bytes));
        assert_eq!(matches("1", 1), Some(true));
        assert_eq!(matches("1b", 512), Some(true));
        assert_eq!(matches("1", 513), Some(false));
        assert_eq!(matches("-1M", 0), Some(true));
        assert_eq!(matches("-1M", 1), Some(false));
        assert_eq!(matches("+1k", 1024), Some(false));
        assert_eq!(matches("+1k", 1025), Some(true));
        assert_eq!(matches("3w", 5), Some(true));
        assert_eq!(matches("17179869183G", u64::MAX), Some(false));
        assert_eq!(matches("17179869184G", u64::MAX), Some(true));
        for bad in ["", "k", "1K", "1T", "1kk", "+k", "1.5M"] {
            assert_eq!(matches(bad, 1), None, "{bad}");
        }
    }
}
