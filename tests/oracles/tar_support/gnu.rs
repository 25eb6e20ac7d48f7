//! GNU tar as a reader: its listing, and the contents that it extracts to standard output.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use imgfs::internals::blob::Hasher;

use super::facts::{Entry, Reading, id};

/// The maximum length of the contents that are read. A sparse file may claim any size.
const CONTENT_LIMIT: u64 = 4 << 20;

/// Reads an archive.
pub fn read(archive: &Path) -> Reading {
    let mut child = Command::new("tar")
        .args([
            "-x",
            "--to-stdout",
            "-vv",
            "--absolute-names",
            "--full-time",
        ])
        .args(["--numeric-owner", "--quoting-style=escape", "-f"])
        .arg(archive)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let listing = std::thread::spawn(move || {
        let mut listing = Vec::new();
        stderr.read_to_end(&mut listing).map(|_| listing)
    });
    let mut content = Vec::new();
    let stdout = child.stdout.take().unwrap();
    stdout
        .take(CONTENT_LIMIT)
        .read_to_end(&mut content)
        .unwrap();
    let status = child.wait().unwrap();
    let listing = listing.join().unwrap().unwrap();
    let listing = String::from_utf8_lossy(&listing);
    let too_large = content.len() as u64 == CONTENT_LIMIT;
    if !status.success() && !too_large {
        let message = listing.lines().find(|line| line.starts_with("tar: "));
        return Reading::Refused(message.unwrap_or_default().to_owned());
    }
    // A message that quotes the type of an entry may have two lines.
    let is_entry = |line: &&str| !line.starts_with("tar: ") && line.find(' ') == Some(10);
    let lines = listing.lines().filter(is_entry);
    let mut hasher = Hasher::sha256();
    hasher.update(&content);
    let digest = hasher.finish().to_string();
    Reading::Read(
        lines.map(entry).collect(),
        digest.trim_start_matches("sha256:").to_owned(),
    )
}

/// Parses a line of the listing.
fn entry(line: &str) -> Entry {
    let mut rest = line;
    let mut word = || {
        let (word, tail) = rest.trim_start().split_once(' ').unwrap_or((rest, ""));
        rest = tail;
        word
    };
    let mode = word();
    let (uid, gid) = word().split_once('/').unwrap();
    let size = word();
    let date = word();
    // A time that is too far away is printed as a number of seconds.
    let mtime = match date.get(1..).is_some_and(|date| date.contains('-')) {
        true => time(date, word()),
        false => seconds(date),
    };
    let flag = match mode.as_bytes()[0] {
        b'-' | b'C' => b'0',
        b'd' => b'5',
        b'l' => b'2',
        b'h' => b'1',
        b'c' => b'3',
        b'b' => b'4',
        b'p' => b'6',
        other => other,
    };
    let text = rest.trim_start();
    let text = text.split(" unknown file type").next().unwrap();
    let text = text.strip_suffix("--Volume Header--").unwrap_or(text);
    let separator = match flag {
        b'1' => " link to ",
        _ => " -> ",
    };
    let (name, link) = match flag {
        b'1' | b'2' => text.split_once(separator).unwrap_or((text, "")),
        _ => (text, ""),
    };
    let device = size.split_once(',');
    let number = |text: &str| text.parse::<i128>().unwrap() as i64;
    Entry {
        flag,
        name: unescape(name),
        link: unescape(link),
        size: if device.is_some() { 0 } else { number(size) },
        mode: permissions(&mode.as_bytes()[1..]),
        owner: (id(number(uid)), id(number(gid))),
        mtime,
        device: device.map_or((0, 0), |(a, b)| (number(a) as u32, number(b) as u32)),
        xattrs: None,
    }
    .clean()
}

/// Parses permissions like `rwsr-xr-t`.
fn permissions(text: &[u8]) -> u32 {
    let mut mode = 0;
    for (at, (&c, set)) in text.iter().zip(b"rwxrwxrwx").enumerate() {
        let bit = 1 << (8 - at);
        let special = [0, 0, 0o4000, 0, 0, 0o2000, 0, 0, 0o1000][at];
        mode |= match c {
            b'-' => 0,
            b's' | b't' => bit | special,
            b'S' | b'T' => special,
            c => {
                assert_eq!(c, *set);
                bit
            }
        };
    }
    mode
}

/// Parses seconds since 1970, with or without a fraction.
fn seconds(text: &str) -> (i64, u32) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nsec = format!("{fraction:0<9}").parse().unwrap();
    (whole.parse().unwrap(), nsec)
}

/// Parses a date and a time of day, in UTC.
fn time(date: &str, time: &str) -> (i64, u32) {
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let numbers = |text: &str, by: char| -> Vec<i64> {
        text.rsplitn(3, by).map(|n| n.parse().unwrap()).collect()
    };
    let [day, month, year] = numbers(date, '-')[..] else {
        panic!("{date}");
    };
    let [second, minute, hour] = numbers(time, ':')[..] else {
        panic!("{time}");
    };
    // Days since 1970 in the Gregorian calendar, with years that begin in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * m + 2) / 5 + day - 1;
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + day_of_year - 719_468;
    let sec = days * 86_400 + hour * 3600 + minute * 60 + second;
    (sec, format!("{fraction:0<9}").parse().unwrap())
}

/// Reverses `--quoting-style=escape`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let octal = tail
            .get(..3)
            .filter(|t| t.iter().all(|b| (b'0'..=b'7').contains(b)));
        if let Some(digits) = octal {
            bytes.push(
                digits
                    .iter()
                    .fold(0, |n: u32, d| n * 8 + u32::from(d - b'0')) as u8,
            );
            rest = &tail[3..];
        } else if let [c, after @ ..] = tail {
            bytes.push(match c {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'a' => 7,
                b'b' => 8,
                b'f' => 12,
                b'v' => 11,
                other => *other,
            });
            rest = after;
        }
    }
    bytes
}
