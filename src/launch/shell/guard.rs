//! Rejects text that would make the parser recurse too deeply or take too long.
//!
//! The parser is a recursive descent parser without memoization. If it tries two alternatives for a
//! construct, each level of nesting of that construct doubles the time. The nesting of a text is
//! therefore counted before it is parsed. The limits are higher than any nesting in real scripts of
//! images, and low enough for a parse within a fraction of a second.

/// The maximum nesting depth of parentheses, braces and substitutions.
const MAX_DEPTH: u32 = 14;

/// The maximum nesting depth of reserved words such as `if` and `case`.
const MAX_WORDS: u32 = 24;

/// The maximum number of `case` commands that are open at once.
const MAX_CASES: u32 = 8;

/// The maximum number of words in one `[[`.
const MAX_TEST: u32 = 200;

/// Returns true if a text is safe to parse.
pub(super) fn is_harmless(text: &str) -> bool {
    nests_little(text) && opens_little(text) && has_small_numbers(text) && tests_little(text)
}

/// Counts brackets. Quotes and comments are not parsed: a closing bracket only counts if its line
/// contains no quote, backslash or `#` that could make it a plain character.
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

/// Checks numbers, because the parser unwraps numbers of file descriptors (32 bits), of `~N` and of
/// `{1..9}` (64 bits).
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

/// Checks `[[`, whose expression tree is as deep as the number of its operators.
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
