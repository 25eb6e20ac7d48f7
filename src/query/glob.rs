//! The patterns of find(1): fnmatch(3) without flags, on bytes, as in the locale C.
//!
//! `*` matches any bytes, `?` one byte, `[…]` a byte of a set (`[!…]` and `[^…]` a byte outside the set)
//! with ranges, classes like `[:digit:]` and a character as `[=x=]` or `[.x.]`. `\` removes the special
//! meaning of the next byte. A slash and a leading dot are ordinary bytes.
//!
//! A pattern is parsed once into pieces. All but `*` match exactly one byte, so only the last `*` has to
//! be tried again. The cost of a match is at most the length of the pattern times the length of the
//! name.
//!
//! This does not use the globset crate, which `imgfs check --ignore` uses, because that cannot express
//! these patterns: it has no classes like `[:digit:]`, folds case by the rules of Unicode, and refuses
//! patterns that fnmatch(3) takes literally, such as an unclosed `[` or the range `[z-a]`.

/// A set of bytes as a bitmap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set([u128; 2]);

impl Set {
    fn insert(&mut self, byte: u8) {
        let [low, high] = &mut self.0;
        match byte {
            0..=127 => *low |= 1 << byte,
            128.. => *high |= 1 << (byte - 128),
        }
    }

    fn has(self, byte: u8) -> bool {
        let [low, high] = self.0;
        match byte {
            0..=127 => low >> byte & 1 == 1,
            128.. => high >> (byte - 128) & 1 == 1,
        }
    }

    fn of(has: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::default();
        (0..=u8::MAX)
            .filter(|&byte| has(byte))
            .for_each(|byte| set.insert(byte));
        set
    }
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Any number of bytes.
    Any,
    /// One of these bytes.
    One(Box<Set>),
    /// This byte.
    Byte(u8),
}

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// `None` if nothing matches, because the pattern ends with a `\` or contains an unknown class.
    pieces: Option<Vec<Piece>>,
    fold: bool,
}

impl Glob {
    /// Parses a pattern. With `fold`, matching ignores the case of ASCII letters (FNM_CASEFOLD).
    pub fn new(pattern: &[u8], fold: bool) -> Self {
        Self {
            pieces: pieces(pattern, fold),
            fold,
        }
    }

    /// Returns whether the whole name matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        let Some(pieces) = &self.pieces else {
            return false;
        };
        let takes = |piece: &Piece, byte: u8| match piece {
            Piece::Any => true,
            Piece::One(set) => set.has(byte),
            Piece::Byte(wanted) => *wanted == fold(byte, self.fold),
        };
        let (mut at, mut taken) = (0, 0);
        // After the last `*`: the next piece, and where in the name it is tried.
        let mut again: Option<(usize, usize)> = None;
        loop {
            match (pieces.get(at), name.get(taken)) {
                (Some(Piece::Any), _) => {
                    at += 1;
                    again = Some((at, taken));
                }
                (None, None) => return true,
                (Some(piece), Some(&byte)) if takes(piece, byte) => {
                    at += 1;
                    taken += 1;
                }
                _ => match again {
                    Some((behind, left)) if left < name.len() => {
                        again = Some((behind, left + 1));
                        (at, taken) = (behind, left + 1);
                    }
                    _ => return false,
                },
            }
        }
    }
}

fn fold(byte: u8, fold: bool) -> u8 {
    match fold {
        true => byte.to_ascii_lowercase(),
        false => byte,
    }
}

fn pieces(pattern: &[u8], casefold: bool) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let piece = match first {
            b'*' => Piece::Any,
            b'?' => Piece::One(Box::new(Set::of(|_| true))),
            b'\\' => {
                let (byte, tail) = rest.split_first()?;
                rest = tail;
                Piece::Byte(fold(*byte, casefold))
            }
            b'[' => match bracket(rest, casefold) {
                Bracket::Set(set, tail) => {
                    rest = tail;
                    Piece::One(Box::new(set))
                }
                Bracket::Open => Piece::Byte(b'['),
                Bracket::Wrong => return None,
            },
            byte => Piece::Byte(fold(*byte, casefold)),
        };
        pieces.push(piece);
    }
    Some(pieces)
}

/// The result of parsing what follows a `[`.
enum Bracket<'a> {
    /// A set, and the rest after its `]`.
    Set(Set, &'a [u8]),
    /// There is no `]`, so the `[` stands for itself.
    Open,
    /// An invalid set. The pattern matches nothing.
    Wrong,
}

/// A member of a set.
enum Member<'a> {
    /// These bytes, without case folding, and the rest.
    All(Set, &'a [u8]),
    /// This byte, which may start a range, and the rest.
    Byte(Byte, &'a [u8]),
    /// An invalid member. The pattern matches nothing.
    Wrong,
}

#[derive(Clone, Copy)]
struct Byte {
    byte: u8,
    /// The byte is not folded, even if case is ignored.
    exact: bool,
}

fn bracket(pattern: &[u8], casefold: bool) -> Bracket<'_> {
    let (negated, mut rest) = match pattern {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // `folded` is tested with the folded byte, `exact` with the byte itself.
    let (mut folded, mut exact) = (Set::default(), Set::default());
    let mut first = true;
    loop {
        match rest {
            [] => return Bracket::Open,
            [b']', tail @ ..] if !first => {
                let has = |byte| folded.has(fold(byte, casefold)) || exact.has(byte);
                return Bracket::Set(Set::of(|byte| has(byte) != negated), tail);
            }
            _ => first = false,
        }
        let low = match member(rest) {
            Member::All(set, tail) => {
                exact = Set::of(|byte| exact.has(byte) || set.has(byte));
                rest = tail;
                continue;
            }
            Member::Byte(low, tail) => {
                rest = tail;
                low
            }
            Member::Wrong => return Bracket::Wrong,
        };
        let byte = fold(low.byte, casefold && !low.exact);
        match rest {
            [b'-', tail @ ..] if !matches!(tail, [] | [b']', ..]) => {
                let Member::Byte(high, tail) = one(tail) else {
                    return Bracket::Wrong;
                };
                rest = tail;
                let high = fold(high.byte, casefold && !high.exact);
                (byte..=high).for_each(|byte| folded.insert(byte));
            }
            _ if low.exact => exact.insert(byte),
            _ => folded.insert(byte),
        }
    }
}

/// Parses a member of a set.
fn member(rest: &[u8]) -> Member<'_> {
    match rest {
        [b'[', b':', tail @ ..] => {
            let end = tail.iter().position(|byte| !byte.is_ascii_lowercase());
            match tail.split_at(end.unwrap_or(tail.len())) {
                (name, [b':', b']', tail @ ..]) => match class(name) {
                    Some(class) => Member::All(Set::of(|byte| class(&byte)), tail),
                    None => Member::Wrong,
                },
                _ => one(rest),
            }
        }
        [b'[', b'=', byte, b'=', b']', tail @ ..] => {
            Member::All(Set::of(|other| other == *byte), tail)
        }
        _ => one(rest),
    }
}

/// Parses a member that may be an end of a range.
fn one(rest: &[u8]) -> Member<'_> {
    let (byte, exact, rest) = match rest {
        [b'\\', byte, tail @ ..] => (byte, false, tail),
        [b'[', b'.', byte, b'.', b']', tail @ ..] => (byte, true, tail),
        [] | [b'\\'] | [b'[', b'.', ..] => return Member::Wrong,
        [byte, tail @ ..] => (byte, false, tail),
    };
    Member::Byte(Byte { byte: *byte, exact }, rest)
}

/// The test for a character class of the locale C.
fn class(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| matches!(byte, b' ' | 9..=13),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;

    #[track_caller]
    fn agrees(pattern: &[u8], name: &[u8], casefold: bool) {
        let ours = Glob::new(pattern, casefold).matches(name);
        let flags = if casefold { libc::FNM_CASEFOLD } else { 0 };
        let [p, n] = [pattern, name].map(|text| CString::new(text).unwrap());
        // SAFETY: both are C strings that live until the call returns.
        #[allow(unsafe_code)]
        let theirs = unsafe { libc::fnmatch(p.as_ptr(), n.as_ptr(), flags) } == 0;
        let show = |text: &[u8]| text.escape_ascii().to_string();
        assert_eq!(ours, theirs, "{} {} {casefold}", show(pattern), show(name));
    }

    #[test]
    fn matches_what_fnmatch_matches() {
        for (pattern, name) in [
            ("", ""),
            ("", "a"),
            ("*", ""),
            ("*", "a/b"),
            ("*", ".a"),
            ("?", ""),
            ("?", "/"),
            ("a*b*c", "abbbc"),
            ("a*b*c", "abbbd"),
            ("*a", "aaab"),
            ("**a**", "a"),
            ("*?*?", "a"),
            ("*?*?", "ab"),
            ("[a-c]", "b"),
            ("[!a-c]", "b"),
            ("[^a-c]", "d"),
            ("[]a]", "]"),
            ("[!]a]", "b"),
            ("[a-]", "-"),
            ("[--0]", "."),
            ("[z-a]", "m"),
            ("[a-c-e]", "d"),
            ("[a-c-e]", "-"),
            ("[\\]]", "]"),
            ("[\\a-c]", "b"),
            ("[a-\\c]", "b"),
            ("[[:digit:]x]", "7"),
            ("[[:digit:]x]", "x"),
            ("[[:digit:]-z]", "-"),
            ("[[:nonsense:]]", "a"),
            ("[[:digit]", ":"),
            ("[[=a=]b]", "a"),
            ("[[.a.]-c]", "b"),
            ("[[.-.]]", "-"),
            ("[", "["),
            ("[a", "[a"),
            ("[a", "a"),
            ("[!", "[!"),
            ("a[", "a["),
            ("\\", "\\"),
            ("\\*", "*"),
            ("\\a", "a"),
            ("a\\", "a"),
            ("*\\", "a"),
            ("[A-C]", "b"),
            ("[a-c]", "B"),
            ("[Z-a]", "Z"),
            ("[Z-a]", "_"),
            ("[A-z]", "_"),
            ("[[.A.]-[.C.]]", "b"),
            ("[[.A.]-[.C.]]", "B"),
            ("[[.A.]]", "a"),
            ("[[.A.]]", "A"),
            ("A*", "abc"),
            ("[[:upper:]]", "a"),
            ("[[:lower:]]", "A"),
            ("*.SO.[0-9]", "libc.so.6"),
            ("\u{e4}", "\u{e4}"),
            ("?", "\u{e4}"),
        ] {
            agrees(pattern.as_bytes(), name.as_bytes(), false);
            agrees(pattern.as_bytes(), name.as_bytes(), true);
        }
    }

    #[test]
    fn no_pattern_is_dear() {
        let glob = Glob::new("*a".repeat(2000).as_bytes(), false);
        assert!(!glob.matches(format!("{}b", "a".repeat(4000)).as_bytes()));
    }

    fn pattern() -> impl Strategy<Value = Vec<u8>> {
        let set = "\\[[!^]?(a|b|[A-C]|-|[a-c]-[b-d]|[A-Ca-c]-[A-Da-d]|\\\\[A-C]-\\\\[A-C]|\\[\\.[A-C]\\.\\]-\\[\\.[B-D]\\.\\]|\\[:alpha:\\]|\\[:upper:\\]|\\[=a=\\]|\\]|\\\\\\]|/|\\.){1,4}\\]";
        let piece = prop_oneof![
            4 => "[abAB./]",
            3 => Just("*".to_owned()),
            1 => Just("?".to_owned()),
            1 => "\\\\[ab*?\\[\\\\]",
            2 => set,
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn random_patterns(p in pattern(), name in "[abcABC./\\]\\-]{0,8}", casefold: bool) {
            agrees(&p, name.as_bytes(), casefold);
        }
    }
}
