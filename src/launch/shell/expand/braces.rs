//! Brace expansion of bash: `{a,b}` and `{1..3}`. It precedes all other expansions.

/// The maximum number of words that braces may expand to.
const MAX_ALTERNATIVES: usize = 4096;

/// The maximum nesting depth of braces.
const MAX_DEPTH: u32 = 8;

/// Returns the words that a word expands to. `None` if there are too many, or if the syntax is not
/// supported.
pub(super) fn expand(word: &str) -> Option<Vec<String>> {
    if !word.contains('{') || !(word.contains(',') || word.contains("..")) {
        return Some(vec![word.to_owned()]);
    }
    expand_within(word, MAX_DEPTH)
}

fn expand_within(word: &str, depth: u32) -> Option<Vec<String>> {
    let Some((start, end, commas)) = first_group(word)? else {
        return Some(vec![word.to_owned()]);
    };
    let depth = depth.checked_sub(1)?;
    let inner = word.get(start + 1..end)?;
    let members = if commas.is_empty() {
        sequence(inner)?
    } else {
        let mut members = Vec::new();
        let mut from = start + 1;
        for to in commas.into_iter().chain([end]) {
            members.extend(expand_within(word.get(from..to)?, depth)?);
            from = to + 1;
        }
        members
    };
    let tails = expand_within(word.get(end + 1..)?, depth)?;
    let head = word.get(..start)?;
    let length = members.len().checked_mul(tails.len())?;
    if length > MAX_ALTERNATIVES || length.checked_mul(word.len())? > 1 << 20 {
        return None;
    }
    let mut words = Vec::with_capacity(length);
    for member in &members {
        words.extend(tails.iter().map(|tail| format!("{head}{member}{tail}")));
    }
    Some(words)
}

/// Returns the positions of the first group that is expanded, of its closing brace and of its commas.
/// The outer `None` means that the quotes of the word are not balanced.
#[allow(clippy::option_option)]
fn first_group(word: &str) -> Option<Option<(usize, usize, Vec<usize>)>> {
    let skipped = quoted(word)?;
    let special = |place: usize| !skipped.get(place).copied().unwrap_or(true);
    let bytes = word.as_bytes();
    let mut budget = 64_u32;
    for start in 0..bytes.len() {
        if bytes.get(start) != Some(&b'{') || !special(start) {
            continue;
        }
        budget = budget.checked_sub(1)?;
        let mut depth = 0_u32;
        let mut commas = Vec::new();
        for place in start..bytes.len() {
            match bytes.get(place) {
                _ if !special(place) => {}
                Some(b'{') => depth += 1,
                Some(b'}') => {
                    depth -= 1;
                    if depth == 0 {
                        let inner = word.get(start + 1..place)?;
                        if !commas.is_empty() || is_sequence(inner) {
                            return Some(Some((start, place, commas)));
                        }
                        break;
                    }
                }
                Some(b',') if depth == 1 => commas.push(place),
                _ => {}
            }
        }
    }
    Some(None)
}

/// Returns for each byte whether it is quoted or part of an expansion.
fn quoted(word: &str) -> Option<Vec<bool>> {
    let bytes = word.as_bytes();
    let mut skipped = vec![false; bytes.len()];
    let mut place = 0;
    // The expected closing characters.
    let mut open: Vec<u8> = Vec::new();
    while let Some(&byte) = bytes.get(place) {
        let before = open.len();
        let start = place;
        match (byte, open.last()) {
            (b'\'', Some(b'\'')) => {
                open.pop();
            }
            (_, Some(b'\'')) => {}
            (b'\\', _) => place += 1,
            (b'\'', last) if last != Some(&b'"') => open.push(b'\''),
            (close, Some(last)) if close == *last => {
                open.pop();
            }
            (b'"' | b'`', _) => open.push(byte),
            (b'$', _) if bytes.get(place + 1) == Some(&b'{') => {
                open.push(b'}');
                place += 1;
            }
            (b'$', _) if bytes.get(place + 1) == Some(&b'(') => {
                open.push(b')');
                place += 1;
            }
            (b'(', Some(b')')) => open.push(b')'),
            _ => {}
        }
        if before > 0 || !open.is_empty() || byte == b'\\' {
            for skip in skipped.iter_mut().take(place + 1).skip(start) {
                *skip = true;
            }
        }
        place += 1;
    }
    open.is_empty().then_some(skipped)
}

fn is_sequence(inner: &str) -> bool {
    inner.contains("..") && !inner.contains(['{', '}', ',', '$', '`', '\'', '"', '\\'])
}

/// Returns the members of `{1..3}`; `None` for sequences with letters or steps.
fn sequence(inner: &str) -> Option<Vec<String>> {
    let (from, to) = inner.split_once("..")?;
    let padded = |text: &str| text.len() > 1 && text.trim_start_matches('-').starts_with('0');
    if padded(from) || padded(to) {
        return None;
    }
    let (from, to): (i64, i64) = (from.parse().ok()?, to.parse().ok()?);
    let length = usize::try_from(from.checked_sub(to)?.checked_abs()?).ok()?;
    if length >= MAX_ALTERNATIVES {
        return None;
    }
    let numbers: Vec<i64> = if from <= to {
        (from..=to).collect()
    } else {
        (to..=from).rev().collect()
    };
    Some(
        numbers
            .into_iter()
            .map(|number| number.to_string())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // The expected words are the output of `echo` in bash 5.2.
    #[test]
    fn braces_give_words_as_in_bash() {
        for (word, expected) in [
            ("x{a,b}y", "xay xby"),
            ("{a,b{1,2}}", "a b1 b2"),
            ("{a}", "{a}"),
            ("{1..3}", "1 2 3"),
            ("'{a,b}'", "'{a,b}'"),
            ("${x:-a,b}", "${x:-a,b}"),
            ("{a,b}{c,d}", "ac ad bc bd"),
            ("{,x}", " x"),
            ("a{b,c", "a{b,c"),
        ] {
            assert_eq!(expand(word).unwrap().join(" "), expected, "{word}");
        }
    }

    #[test]
    fn a_bomb_is_unknown() {
        assert_eq!(expand(&"{a,b}".repeat(40)), None);
        assert_eq!(expand("{1..999999999}"), None);
    }
}
