//! Formats times as RFC 3339, and parses the times that find(1) accepts for `-newermt`. Times are in UTC
//! unless they have a zone.

use crate::layer::Mtime;

const DAY: i64 = 24 * 60 * 60;
/// Days from the first of March of the year 0 to 1970-01-01.
const EPOCH: i64 = 719_468;
/// Days in 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097;

/// Returns a time in the format of RFC 3339, in UTC with nanoseconds: `2001-09-09T01:46:40.000000000Z`.
/// Years with more than four digits have a sign, as in ISO 8601.
pub fn rfc3339(time: Mtime) -> String {
    let (days, second) = (time.sec.div_euclid(DAY), time.sec.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+05}"),
    };
    let nsec = time.nsec;
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nsec:09}Z")
}

/// The year, month and day of a number of days since 1970-01-01. The calculation uses years that start
/// in March, so that a leap day is the last day of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    // Derived from 64-bit seconds, so far from overflow.
    let days = days + EPOCH;
    let (cycle, of_cycle) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let of_cycle_year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * of_cycle_year + of_cycle_year / 4 - of_cycle_year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = of_cycle_year + cycle * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The number of days from 1970-01-01 to a date, or `None` if the date does not exist.
fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let march_year = if month <= 2 { year - 1 } else { year };
    let march_month = if month <= 2 { month + 9 } else { month - 3 };
    let (cycle, of_cycle) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let of_year = (153 * march_month + 2) / 5 + day - 1;
    let days = cycle * CYCLE + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - EPOCH;
    // The 31st of a shorter month would be a day of the next month.
    (civil(days) == (year, month, day)).then_some(days)
}

/// Parses a time: `2024-01-31`, optionally followed by a space or `T` and `12:30`, `12:30:59` or
/// `12:30:59.5`, then optionally by `Z`, `UTC`, `+02`, `+0200` or `+02:00`. Also parses seconds since
/// 1970, as in `@1700000000.5`.
pub fn parse(text: &str) -> Option<Mtime> {
    let text = text.trim_matches(' ');
    if let Some(seconds) = text.strip_prefix('@') {
        return since_epoch(seconds);
    }
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let midnight = day_of(year, month, day)?.checked_mul(DAY)?;
    let clock = rest
        .strip_prefix(['T', 't'])
        .unwrap_or(rest)
        .trim_start_matches(' ');
    let has_clock = clock.starts_with(|c: char| c.is_ascii_digit());
    let (second, nsec, zone) = match (has_clock, rest.is_empty()) {
        (true, false) if !rest.starts_with(|c: char| c.is_ascii_digit()) => time_of_day(clock)?,
        (true, _) => return None,
        (false, _) => (0, 0, rest),
    };
    let sec = midnight + second - offset(zone.trim_start_matches(' '))?;
    Some(Mtime { sec, nsec })
}

fn since_epoch(text: &str) -> Option<Mtime> {
    let (whole, nsec) = match text.split_once(['.', ',']) {
        Some((whole, part)) => (whole, nanoseconds(part)?),
        None => (text, 0),
    };
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let sec: i64 = whole.parse().ok()?;
    match (whole.starts_with('-'), nsec) {
        (false, _) | (true, 0) => Some(Mtime { sec, nsec }),
        // The fraction of a negative number is negative too.
        (true, _) => Some(Mtime {
            sec: sec.checked_sub(1)?,
            nsec: 1_000_000_000 - nsec,
        }),
    }
}

/// Parses a time of day. Returns its seconds and nanoseconds, and the rest of the text.
fn time_of_day(text: &str) -> Option<(i64, u32, &str)> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => digits(rest, 2)?,
        None => (0, rest),
    };
    let (nsec, rest) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => {
            let end = rest.bytes().take_while(u8::is_ascii_digit).count();
            (nanoseconds(rest.get(..end)?)?, rest.get(end..)?)
        }
        None => (0, rest),
    };
    let is_time = hour < 24 && minute < 60 && second < 60;
    is_time.then_some((hour * 3600 + minute * 60 + second, nsec, rest))
}

/// The offset of a time zone from UTC in seconds, positive if it is ahead.
fn offset(zone: &str) -> Option<i64> {
    if ["", "z", "utc", "gmt"].contains(&zone.to_ascii_lowercase().as_str()) {
        return Some(0);
    }
    let rest = zone.strip_prefix(['+', '-'])?;
    let (hours, rest) = digits(rest, 2)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        rest => digits(rest, 2).filter(|(_, rest)| rest.is_empty())?.0,
    };
    let seconds = hours * 3600 + minutes * 60;
    let is_offset = hours <= 24 && minutes < 60;
    is_offset.then_some(if zone.starts_with('-') {
        -seconds
    } else {
        seconds
    })
}

/// Converts the digits of a fraction to nanoseconds. Further digits are cut off.
fn nanoseconds(digits: &str) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
    nine.parse().ok()
}

/// Parses a number of exactly `count` digits. Returns it and the rest of the text.
fn digits(text: &str, count: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let is_number = number.bytes().all(|b| b.is_ascii_digit());
    Some((number.parse().ok().filter(|_| is_number)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn at(sec: i64, nsec: u32) -> Option<Mtime> {
        Some(Mtime { sec, nsec })
    }

    #[test]
    fn what_is_read() {
        for (text, expected) in [
            ("1970-01-01", at(0, 0)),
            ("2001-09-09 01:46:40", at(1_000_000_000, 0)),
            ("2001-09-09T01:46:40Z", at(1_000_000_000, 0)),
            ("2001-09-09 03:46:40 +0200", at(1_000_000_000, 0)),
            ("2001-09-09T03:46:40+02:00", at(1_000_000_000, 0)),
            ("2001-09-08T20:46:40-05", at(1_000_000_000, 0)),
            ("2001-09-09 01:46", at(999_999_960, 0)),
            ("2001-09-09 UTC", at(999_993_600, 0)),
            ("2001-09-09T01:46:40.25Z", at(1_000_000_000, 250_000_000)),
            ("2024-02-29", at(1_709_164_800, 0)),
            ("1960-02-03 04:05:06", at(-312_753_294, 0)),
            ("@5", at(5, 0)),
            ("@-5", at(-5, 0)),
            ("@5.5", at(5, 500_000_000)),
            ("@-1.5", at(-2, 500_000_000)),
            ("@1.0000000019", at(1, 1)),
            ("2023-02-29", None),
            ("2024-04-31", None),
            ("2024-13-01", None),
            ("2024-1-1", None),
            ("2024-01-01 24:00", None),
            ("2024-01-0112:00", None),
            ("2024-01-01 12", None),
            ("2024-01-01 12:00 CET", None),
            ("yesterday", None),
            ("@", None),
            ("@5x", None),
            ("@99999999999999999999", None),
            ("", None),
            ("2024-01-01T", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written() {
        for (sec, nsec, text) in [
            (0, 0, "1970-01-01T00:00:00.000000000Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (1_709_164_800, 1, "2024-02-29T00:00:00.000000001Z"),
            (-62_167_219_200, 0, "0000-01-01T00:00:00.000000000Z"),
            (-62_167_219_201, 0, "-0001-12-31T23:59:59.000000000Z"),
            (253_402_300_800, 0, "+10000-01-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(rfc3339(Mtime { sec, nsec }), text);
        }
        // Even the most extreme seconds can be formatted.
        for sec in [i64::MIN, i64::MAX] {
            assert!(rfc3339(Mtime { sec, nsec: 0 }).len() > 30);
        }
    }

    /// Compares dates in many months and years with those of date(1).
    #[test]
    fn days_are_those_of_date() {
        let days: Vec<i64> = (-300_000..400_000).step_by(9973).collect();
        let list: String = days.iter().map(|day| format!("@{}\n", day * DAY)).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), list).unwrap();
        let mut date = Command::new("date");
        date.args(["-u", "+%Y-%m-%dT%H:%M:%S.%NZ", "-f"])
            .arg(file.path());
        let theirs = String::from_utf8(date.output().unwrap().stdout).unwrap();
        let ours: Vec<String> = days
            .iter()
            .map(|day| {
                rfc3339(Mtime {
                    sec: day * DAY,
                    nsec: 0,
                })
            })
            .collect();
        assert_eq!(ours, theirs.lines().collect::<Vec<_>>());
        for (day, text) in days.iter().zip(&ours) {
            assert_eq!(parse(text), at(day * DAY, 0), "{text}");
        }
    }
}
