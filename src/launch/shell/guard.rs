//! Refuses text that would make the parser recurse too deeply or take too long.
//!
//! The parser is a recursive descent parser without memory: where it tries two alternatives for a
//! construct, nesting that construct doubles the time with each level. What a text nests is
//! therefore counted before it is parsed. The limits are beyond what scripts of images contain, and
//! low enough for a parse within a fraction of a second.

/// How deep parentheses, braces and substitutions may be nested.
const MAX_DEPTH: u32 = 14;

/// How deep reserved words such as `if` and `case` may be nested.
const MAX_WORDS: u32 = 24;

/// How many `case` may be open at once.
const MAX_CASES: u32 = 8;

/// The most words in one `[[`.
const MAX_TEST: u32 = 200;

/// Whether a text may be given to the parser.
pub(super) fn is_harmless(text: &str) -> bool {
    nests_little(text) && opens_little(text) && has_small_numbers(text) && tests_little(text)
}

/// Counts brackets. Quotes and comments are not looked at: a closing bracket is only believed if the
/// line that it is on has no quote, backslash or `#` that could make it a plain character.
fn nests_little(text: &str) -> bool {
    let mut depth = 0_u32;
    for line in text.lines() {
        let plain = !line.contains(['\'', '"', '\\', '`', '#']);
        let mut in_line = 0_u32;
        let mut before = None;
        for c in line.chars() {
            match c {
                '(' | '{' => in_line += 1,
                ')' | '}' => {
                    if in_line > 0 {
                        in_line -= 1;
                    } else if plain || before.is_none_or(|b: char| b.is_whitespace()) {
                        depth = depth.saturating_sub(1);
                    }
                }
                _ => {}
            }
            if depth + in_line > MAX_DEPTH {
                return false;
            }
            before = Some(c);
        }
        depth += in_line;
    }
    true
}

fn opens_little(text: &str) -> bool {
    let (mut words, mut cases) = (0_u32, 0_u32);
    for word in
        text.split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '`'))
    {
        match word {
            "if" | "while" | "until" | "for" => words += 1,
            "case" => {
                words += 1;
                cases += 1;
            }
            "fi" | "done" => words = words.saturating_sub(1),
            "esac" => {
                words = words.saturating_sub(1);
                cases = cases.saturating_sub(1);
            }
            _ => {}
        }
        if words > MAX_WORDS || cases > MAX_CASES {
            return false;
        }
    }
    true
}

/// The parser unwraps numbers of file descriptors (32 bits), of `~N` and of `{1..9}` (64 bits).
fn has_small_numbers(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let digits = bytes
            .iter()
            .skip(start)
            .take_while(|b| b.is_ascii_digit())
            .count();
        let after = bytes.get(start + digits);
        if digits > 18 || (digits > 9 && matches!(after, Some(b'<' | b'>'))) {
            return false;
        }
        start += digits.max(1);
    }
    true
}

/// The expression of `[[` is a tree as deep as it has operators.
fn tests_little(text: &str) -> bool {
    let mut words: Option<u32> = None;
    for word in text.split_whitespace() {
        if word.ends_with("[[") {
            words.get_or_insert(0);
        } else if word.starts_with("]]") {
            words = None;
        } else if let Some(count) = &mut words {
            *count += 1;
            if *count > MAX_TEST {
                return false;
            }
        }
    }
    true
}
