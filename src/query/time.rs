//! Formats times as RFC 3339, and parses the times that find(1) accepts for `-newermt`. Times are in UTC
//! unless they have a zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use crate::layer::Mtime;

/// 1970-01-01T00:00:00.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// The seconds in 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097 * 24 * 60 * 60;

/// Returns a time in the format of RFC 3339, in UTC with nanoseconds: `2001-09-09T01:46:40.000000000Z`.
/// Years with more than four digits have a sign, as in ISO 8601.
pub(crate) fn rfc3339(time: Mtime) -> String {
    // An image can have any seconds, but jiff only has the years up to 9999. So this takes the time at
    // the same place in the cycle that starts in 1970.
    let (cycle, second) = (time.sec.div_euclid(CYCLE), time.sec.rem_euclid(CYCLE));
    let at = Timestamp::from_second(second).unwrap_or_default();
    let at = Offset::UTC.to_datetime(at);
    let year = match i64::from(at.year()) + cycle * 400 {
        year @ 0..=9999 => format!("{year:04}"),
        year => format!("{year:+05}"),
    };
    let (month, day) = (at.month(), at.day());
    let (hour, minute, second, nsec) = (at.hour(), at.minute(), at.second(), time.nsec);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nsec:09}Z")
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
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let clock = rest
        .strip_prefix(['T', 't'])
        .unwrap_or(rest)
        .trim_start_matches(' ');
    let has_clock = clock.starts_with(|c: char| c.is_ascii_digit());
    let (time, zone) = match (has_clock, rest.is_empty()) {
        (true, false) if !rest.starts_with(|c: char| c.is_ascii_digit()) => time_of_day(clock)?,
        (true, _) => return None,
        (false, _) => (Time::midnight(), rest),
    };
    let since = date.to_datetime(time).duration_since(EPOCH);
    let sec = since.as_secs() - offset(zone.trim_start_matches(' '))?;
    // Before 1970 the fraction of a negative duration is negative. The fraction of a time is not.
    let sec = sec - i64::from(since.subsec_nanos() < 0);
    let nsec = time.subsec_nanosecond().try_into().ok()?;
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

/// Parses a time of day. Returns it and the rest of the text.
fn time_of_day(text: &str) -> Option<(Time, &str)> {
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
    let [hour, minute, second] = [hour, minute, second].map(i8::try_from);
    let time = Time::new(
        hour.ok()?,
        minute.ok()?,
        second.ok()?,
        nsec.try_into().ok()?,
    );
    Some((time.ok()?, rest))
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
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60;
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
fn digits(text: &str, count: usize) -> Option<(i16, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let is_number = number.bytes().all(|b| b.is_ascii_digit());
    Some((number.parse().ok().filter(|_| is_number)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const DAY: i64 = 24 * 60 * 60;

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
