//! Sizes and durations, as written on the command line.

use std::str::FromStr;
use std::time::Duration;

/// A number of bytes: `67108864`, `64M`, `64MiB`. The units are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub u64);

/// A duration: `30d`, `12h`. The unit is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age(pub Duration);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitError {
    #[error("expected a number of bytes, or a whole number of K, M, G or T, such as 64M")]
    NoSize,
    #[error("expected a whole number of s, m, h, d or w, such as 12h or 30d")]
    NoAge,
    #[error("the number is too large")]
    TooMuch,
}

/// Splits a text into a whole number and the unit after it.
fn split(text: &str, error: UnitError) -> Result<(u64, &str), UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    // Digits are ASCII, so the text can be cut after them.
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(error);
    }
    // Parsing digits can fail only by overflow.
    let number = number.parse().map_err(|_| UnitError::TooMuch)?;
    Ok((number, unit))
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text, UnitError::NoSize)?;
        let unit = unit.to_ascii_lowercase();
        let shift = match unit.strip_suffix("ib").unwrap_or(&unit) {
            "" if unit.is_empty() => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            "t" => 40,
            // MB is refused too, because disk vendors mean powers of 1000 by it.
            _ => return Err(UnitError::NoSize),
        };
        let bytes = number.checked_mul(1 << shift).ok_or(UnitError::TooMuch)?;
        Ok(Self(bytes))
    }
}

impl FromStr for Age {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text, UnitError::NoAge)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            "w" => 7 * 24 * 60 * 60,
            _ => return Err(UnitError::NoAge),
        };
        let seconds = number.checked_mul(seconds).ok_or(UnitError::TooMuch)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", Ok(0)),
            ("1", Ok(1)),
            ("0G", Ok(0)),
            ("64M", Ok(64 << 20)),
            ("64m", Ok(64 << 20)),
            ("64MiB", Ok(64 << 20)),
            ("4K", Ok(4 << 10)),
            ("4G", Ok(4 << 30)),
            ("2T", Ok(2 << 40)),
            ("18446744073709551615", Ok(u64::MAX)),
            ("18446744073709551616", Err(UnitError::TooMuch)),
            ("16777216T", Err(UnitError::TooMuch)),
            ("16777215T", Ok(16_777_215 << 40)),
            ("", Err(UnitError::NoSize)),
            ("M", Err(UnitError::NoSize)),
            ("iB", Err(UnitError::NoSize)),
            ("1iB", Err(UnitError::NoSize)),
            ("-1", Err(UnitError::NoSize)),
            ("+1", Err(UnitError::NoSize)),
            ("1.5G", Err(UnitError::NoSize)),
            ("12x", Err(UnitError::NoSize)),
            ("64 M", Err(UnitError::NoSize)),
            ("64MB", Err(UnitError::NoSize)),
            ("64Mb", Err(UnitError::NoSize)),
            ("6\u{664}M", Err(UnitError::NoSize)),
            ("0x10", Err(UnitError::NoSize)),
        ] {
            assert_eq!(text.parse(), bytes.map(Size), "{text:?}");
        }
    }

    #[test]
    fn ages() {
        for (text, seconds) in [
            ("0s", Ok(0)),
            ("90s", Ok(90)),
            ("5m", Ok(300)),
            ("12h", Ok(43_200)),
            ("30d", Ok(2_592_000)),
            ("2w", Ok(1_209_600)),
            ("30", Err(UnitError::NoAge)),
            ("d", Err(UnitError::NoAge)),
            ("1.5d", Err(UnitError::NoAge)),
            ("-1d", Err(UnitError::NoAge)),
            ("1y", Err(UnitError::NoAge)),
            ("99999999999999999999d", Err(UnitError::TooMuch)),
            ("9999999999999999999d", Err(UnitError::TooMuch)),
        ] {
            let age = seconds.map(|s| Age(Duration::from_secs(s)));
            assert_eq!(text.parse(), age, "{text:?}");
        }
    }
}
