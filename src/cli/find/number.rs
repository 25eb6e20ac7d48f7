//! Numeric arguments of tests: `N`, `+N` for more, `-N` for less; and sizes, which have a unit.

use std::cmp::Ordering;

use crate::query::find::{NumberTest, SizeTest};

/// Parses `N`, `+N` or `-N`.
pub(super) fn number(text: &str) -> Option<NumberTest> {
    let (wanted, digits) = match text.as_bytes().first()? {
        b'+' => (Ordering::Greater, text.get(1..)?),
        b'-' => (Ordering::Less, text.get(1..)?),
        _ => (Ordering::Equal, text),
    };
    let number = whole(digits)?;
    Some(NumberTest { wanted, number })
}

/// Parses a number without a sign.
pub(super) fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    // `parse` would accept a sign too.
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Parses a number with the suffix `c`, `w`, `b`, `k`, `M` or `G`. Without one, the unit is 512 bytes.
pub(super) fn size(text: &str) -> Option<SizeTest> {
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
    let count = number(digits)?;
    Some(SizeTest { count, unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let matches = |text: &str, found| number(text).map(|n| n.matches(found));
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
        let matches = |text: &str, bytes| size(text).map(|size| size.matches(bytes));
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
