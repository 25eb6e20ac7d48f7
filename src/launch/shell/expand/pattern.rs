//! Shell patterns (POSIX 2.13): `*`, `?` and bracket expressions.

use super::Chunk;

/// The maximum number of steps of one match. Beyond it the result is unknown.
const MAX_STEPS: usize = 1 << 20;

/// An element of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Char(char),
    Any,
    Star,
    Set(Vec<(char, char)>, bool),
}

/// A pattern after expansion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Pattern(Vec<Element>);

impl Pattern {
    /// Returns the pattern for an expanded word. `None` if part of it is unknown, or if it contains
    /// bracket expressions or extended patterns that are not supported.
    pub(super) fn from_chunks(chunks: &[Chunk]) -> Option<Self> {
        let mut characters = Vec::new();
        for chunk in chunks {
            match chunk {
                Chunk::Text { text, quoted, .. } => {
                    characters.extend(text.chars().map(|c| (c, *quoted)));
                }
                Chunk::Break => characters.push((' ', true)),
                Chunk::Unknown { .. } | Chunk::Many => return None,
            }
        }
        Self::from_characters(characters)
    }

    /// Returns the pattern for characters, each with whether it was quoted.
    pub(super) fn from_characters(characters: Vec<(char, bool)>) -> Option<Self> {
        let mut elements = Vec::new();
        let mut place = 0;
        while let Some(&(c, quoted)) = characters.get(place) {
            let next = characters.get(place + 1).copied();
            place += 1;
            if !quoted && matches!(c, '?' | '*' | '+' | '@' | '!') && next == Some(('(', false)) {
                return None;
            }
            let element = match c {
                _ if quoted => Element::Char(c),
                '*' => Element::Star,
                '?' => Element::Any,
                '[' => match set(&characters, place)? {
                    Some((element, end)) => {
                        place = end;
                        element
                    }
                    None => Element::Char('['),
                },
                // A backslash from an expansion quotes in some shells only.
                '\\' => return None,
                _ => Element::Char(c),
            };
            if element != Element::Star || elements.last() != Some(&Element::Star) {
                elements.push(element);
            }
        }
        Some(Self(elements))
    }

    /// Returns whether the pattern matches a whole text; `None` if that takes too many steps.
    pub(crate) fn matches(&self, text: &str) -> Option<bool> {
        let characters: Vec<char> = text.chars().collect();
        let mut steps = MAX_STEPS;
        self.match_at(&characters, &mut steps)
    }

    /// Matches with backtracking to the last star only.
    pub(super) fn match_at(&self, text: &[char], steps: &mut usize) -> Option<bool> {
        let (mut element, mut place) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            *steps = steps.checked_sub(1)?;
            let matched = match self.0.get(element) {
                None if place == text.len() => return Some(true),
                Some(Element::Star) => {
                    element += 1;
                    star = Some((element, place));
                    continue;
                }
                Some(one) => text.get(place).is_some_and(|c| one.is(*c)),
                None => false,
            };
            if matched {
                element += 1;
                place += 1;
            } else {
                match &mut star {
                    Some((after, from)) if *from < text.len() => {
                        *from += 1;
                        (element, place) = (*after, *from);
                    }
                    _ => return Some(false),
                }
            }
        }
    }
}

impl Element {
    fn is(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::Any => true,
            Self::Set(ranges, negated) => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated
            }
            Self::Star => false,
        }
    }
}

/// Parses a bracket expression after its `[`, and returns it with its end. Returns `Some(None)` if the
/// bracket is a plain character, and `None` if the expression is not supported.
#[allow(clippy::option_option)]
fn set(characters: &[(char, bool)], start: usize) -> Option<Option<(Element, usize)>> {
    let mut place = start;
    let negated = matches!(characters.get(place), Some(('!' | '^', false)));
    place += usize::from(negated);
    let first = place;
    let mut ranges = Vec::new();
    loop {
        let Some(&(c, quoted)) = characters.get(place) else {
            return Some(None);
        };
        place += 1;
        match (c, quoted) {
            (']', false) if place > first + 1 => {
                return Some(Some((Element::Set(ranges, negated), place)));
            }
            ('/', _) => return None,
            ('[', false) => match characters.get(place) {
                Some((':', false)) => {
                    let (class, end) = class(characters, place + 1)?;
                    ranges.extend_from_slice(class);
                    place = end;
                }
                Some(('.' | '=', false)) => return None,
                _ => ranges.push(('[', '[')),
            },
            ('\\', false) => return None,
            _ => {
                let range = matches!(characters.get(place), Some(('-', false)));
                match characters.get(place + 1) {
                    Some(&(to, to_quoted)) if range && (to != ']' || to_quoted) => {
                        ranges.push((c, to));
                        place += 2;
                    }
                    _ => ranges.push((c, c)),
                }
            }
        }
    }
}

/// Returns the characters of a class such as `[:digit:]` in the C locale, and its end.
fn class(characters: &[(char, bool)], start: usize) -> Option<(&'static [(char, char)], usize)> {
    let rest = characters.get(start..)?;
    let length = rest.iter().take(8).position(|(c, _)| *c == ':')?;
    if rest.get(length + 1)?.0 != ']' {
        return None;
    }
    let name: String = rest.iter().take(length).map(|(c, _)| c).collect();
    let ranges: &[(char, char)] = match name.as_str() {
        "alpha" => &[('a', 'z'), ('A', 'Z')],
        "digit" => &[('0', '9')],
        "alnum" => &[('a', 'z'), ('A', 'Z'), ('0', '9')],
        "upper" => &[('A', 'Z')],
        "lower" => &[('a', 'z')],
        "space" => &[(' ', ' '), ('\t', '\r')],
        "blank" => &[(' ', ' '), ('\t', '\t')],
        "xdigit" => &[('0', '9'), ('a', 'f'), ('A', 'F')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        _ => return None,
    };
    Some((ranges, start + length + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> Option<bool> {
        let characters = pattern.chars().map(|c| (c, false)).collect();
        Pattern::from_characters(characters)?.matches(text)
    }

    #[test]
    fn stars_and_sets_match_as_in_case() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b", "ab\n", false),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("-*", "-x", true),
            ("[[:digit:]]*", "7z", true),
            ("*.sh", "a.sh", true),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(pattern, text), Some(expected), "{pattern} {text}");
        }
    }

    #[test]
    fn extended_patterns_are_unknown() {
        assert_eq!(matches("@(a|b)", "a"), None);
    }
}
