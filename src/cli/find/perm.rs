//! The argument of `-perm`: permissions in octal, or in the notation of chmod(1), applied to the mode 0.

use crate::query::find::{ModeMatch, PermTest};

/// Parses `MODE`, `-MODE` or `/MODE`.
pub(super) fn perm(text: &str) -> Option<PermTest> {
    let (how, mode) = match text.as_bytes().first()? {
        b'-' => (ModeMatch::All, text.get(1..)?),
        b'/' => (ModeMatch::Any, text.get(1..)?),
        _ => (ModeMatch::Exactly, text),
    };
    let [mode, directory_mode] = match octal(mode) {
        Some(mode) => [mode; 2],
        None => [symbolic(mode, false)?, symbolic(mode, true)?],
    };
    Some(PermTest {
        how,
        mode,
        directory_mode,
    })
}

fn octal(text: &str) -> Option<u16> {
    let is_octal = text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = u16::from_str_radix(text, 8).ok().filter(|_| is_octal)?;
    (mode <= 0o7777).then_some(mode)
}

/// The bits of the user, the group and others, including the special bits.
const USER: u16 = 0o4700;
const GROUP: u16 = 0o2070;
const OTHER: u16 = 0o1007;

/// Applies clauses like `u+rwx,go=rX` to the mode 0.
fn symbolic(text: &str, directory: bool) -> Option<u16> {
    let mut mode = 0;
    for clause in text.split(',') {
        let who = clause.bytes().take_while(|b| b"ugoa".contains(b));
        let who = who.fold(0, |bits, byte| {
            bits | match byte {
                b'u' => USER,
                b'g' => GROUP,
                b'o' => OTHER,
                _ => 0o7777,
            }
        });
        let mut rest = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        if rest.is_empty() {
            return None;
        }
        while let Some(operator) = rest.chars().next() {
            // An invalid operator is refused below.
            rest = rest.get(operator.len_utf8()..)?;
            let end = rest.find(['+', '-', '=']).unwrap_or(rest.len());
            let (what, after) = rest.split_at_checked(end)?;
            rest = after;
            let (bits, is_octal) = match (octal(what), who) {
                // Octal numbers apply to all.
                (Some(bits), 0) => (bits, true),
                _ => (permissions(what, mode, directory)?, false),
            };
            let affected = if who == 0 || is_octal { 0o7777 } else { who };
            let bits = bits & affected;
            match operator {
                '+' => mode |= bits,
                '-' => mode &= !bits,
                '=' => mode = mode & !affected | bits,
                _ => return None,
            }
        }
    }
    Some(mode)
}

/// The bits that letters stand for, for user, group and others.
fn permissions(what: &str, mode: u16, directory: bool) -> Option<u16> {
    let copy = |bits: u16| (bits & 7) * 0o111;
    match what {
        "u" => return Some(copy(mode >> 6)),
        "g" => return Some(copy(mode >> 3)),
        "o" => return Some(copy(mode)),
        _ => {}
    }
    what.bytes().try_fold(0, |bits, byte| {
        let more = match byte {
            b'r' => 0o444,
            b'w' => 0o222,
            b'x' => 0o111,
            b'X' if directory || mode & 0o111 != 0 => 0o111,
            b'X' => 0,
            b's' => 0o6000,
            b't' => 0o1000,
            _ => return None,
        };
        Some(bits | more)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(text: &str) -> Option<(u16, u16)> {
        perm(text).map(|perm| (perm.mode, perm.directory_mode))
    }

    #[test]
    fn modes() {
        for (text, expected) in [
            ("755", 0o755),
            ("0755", 0o755),
            ("4755", 0o4755),
            ("0", 0),
            ("u=rwx,go=rx", 0o755),
            ("u+s", 0o4000),
            ("g+s", 0o2000),
            ("o+s", 0),
            ("+s", 0o6000),
            ("a+t", 0o1000),
            ("u+t", 0),
            ("a=rw", 0o666),
            ("=r", 0o444),
            ("u=rw,g=u", 0o660),
            ("u+rwx-w", 0o500),
            ("a=rwx,o-w", 0o775),
            ("=755", 0o755),
            ("u=", 0),
            ("u=x,a+X", 0o111),
        ] {
            assert_eq!(mode(text), Some((expected, expected)), "{text}");
        }
        assert_eq!(mode("a+X"), Some((0, 0o111)));
        for bad in [
            "", "-", "8", "17777", "u", "u+q", "x", "u+r,", "0x7", "u+7é", "é", "+é",
        ] {
            assert_eq!(mode(bad), None, "{bad}");
        }
    }
}
