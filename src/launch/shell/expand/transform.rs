//! Expansions that change a value: `${x#pattern}`, `${x/a/b}`, `${x:1:2}`, `${x^^}`; and the escapes of
//! `$'...'` and of backquotes.

use brush_parser::word::{Parameter, ParameterExpr, ParameterTransformOp, SubstringMatchKind};

use super::pattern::Pattern;
use super::{Expanded, MAX_VALUE, parameter};
use crate::launch::environment::Value;
use crate::launch::shell::run::Shell;
use crate::launch::shell::world::Word;

/// The maximum length of values that are matched against patterns at every position.
const MAX_MATCHED: usize = 16 << 10;

/// The maximum number of steps of all matches of one expansion.
const MAX_STEPS: usize = 1 << 22;

/// Returns the parameter that an expansion changes, and whether it is indirect.
pub(super) fn parameter_of(expression: &ParameterExpr) -> Option<(&Parameter, bool)> {
    match expression {
        ParameterExpr::RemoveSmallestSuffixPattern {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::RemoveLargestSuffixPattern {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::RemoveSmallestPrefixPattern {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::RemoveLargestPrefixPattern {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::Substring {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::Transform {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::UppercaseFirstChar {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::UppercasePattern {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::LowercaseFirstChar {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::LowercasePattern {
            parameter,
            indirect,
            ..
        }
        | ParameterExpr::ReplaceSubstring {
            parameter,
            indirect,
            ..
        } => Some((parameter, *indirect)),
        _ => None,
    }
}

/// Returns `${#x}`. Shells differ in whether they count bytes or characters.
pub(super) fn length(value: &Value) -> Value {
    match value {
        Value::Known(text) if text.is_ascii() => Value::Known(text.len().to_string()),
        _ => Value::Unknown,
    }
}

impl Shell<'_> {
    /// Changes one value.
    pub(super) fn transform(
        &mut self,
        expression: &ParameterExpr,
        value: Value,
    ) -> Expanded<Value> {
        let Value::Known(text) = value else {
            return Ok(Value::Unknown);
        };
        let plain = |pattern: &Option<String>| pattern.as_ref().is_none_or(String::is_empty);
        let changed = match expression {
            ParameterExpr::RemoveSmallestSuffixPattern { pattern, .. } => {
                self.removed(pattern.as_deref(), &text, false, false)?
            }
            ParameterExpr::RemoveLargestSuffixPattern { pattern, .. } => {
                self.removed(pattern.as_deref(), &text, false, true)?
            }
            ParameterExpr::RemoveSmallestPrefixPattern { pattern, .. } => {
                self.removed(pattern.as_deref(), &text, true, false)?
            }
            ParameterExpr::RemoveLargestPrefixPattern { pattern, .. } => {
                self.removed(pattern.as_deref(), &text, true, true)?
            }
            ParameterExpr::Substring { offset, length, .. } => {
                let offset = self.arithmetic(&offset.value)?;
                let length = match length {
                    Some(length) => match self.arithmetic(&length.value)? {
                        Some(length) => Some(length),
                        None => return Ok(Value::Unknown),
                    },
                    None => None,
                };
                offset.and_then(|offset| substring(&text, offset, length))
            }
            ParameterExpr::UppercasePattern { pattern, .. } if plain(pattern) => {
                Some(text.to_uppercase())
            }
            ParameterExpr::LowercasePattern { pattern, .. } if plain(pattern) => {
                Some(text.to_lowercase())
            }
            ParameterExpr::Transform {
                op: ParameterTransformOp::ToUpperCase,
                ..
            } => Some(text.to_uppercase()),
            ParameterExpr::Transform {
                op: ParameterTransformOp::ToLowerCase,
                ..
            } => Some(text.to_lowercase()),
            ParameterExpr::UppercaseFirstChar { pattern, .. } if plain(pattern) => {
                let mut characters = text.chars();
                let first = characters.next().map(|c| c.to_uppercase().to_string());
                Some(first.unwrap_or_default() + characters.as_str())
            }
            ParameterExpr::LowercaseFirstChar { pattern, .. } if plain(pattern) => {
                let mut characters = text.chars();
                let first = characters.next().map(|c| c.to_lowercase().to_string());
                Some(first.unwrap_or_default() + characters.as_str())
            }
            ParameterExpr::ReplaceSubstring {
                pattern,
                replacement,
                match_kind,
                ..
            } => self.replaced(pattern, replacement.as_deref(), match_kind, &text)?,
            _ => None,
        };
        Ok(changed.map_or(Value::Unknown, Value::Known))
    }

    /// Changes each word of a list. A substring selects words of the list itself.
    pub(super) fn transform_list(
        &mut self,
        expression: &ParameterExpr,
        words: Vec<Word>,
    ) -> Expanded<Vec<Word>> {
        if let ParameterExpr::Substring {
            parameter,
            offset,
            length,
            ..
        } = expression
        {
            let offset = self.arithmetic(&offset.value)?;
            let length = match length {
                Some(length) => self.arithmetic(&length.value)?,
                None => Some(i64::MAX),
            };
            let (Some(offset), Some(length)) = (offset, length) else {
                return Ok(vec![Word::UnknownMany]);
            };
            // `${@:0}` starts with the name of the script.
            let mut all = words;
            if matches!(parameter, Parameter::Special(_)) {
                all.insert(0, parameter::word_of(self.name.clone()));
            }
            let (Ok(offset), Ok(length)) = (usize::try_from(offset), usize::try_from(length))
            else {
                return Ok(vec![Word::UnknownMany]);
            };
            if let Some(unknown) = all.iter().position(|word| *word == Word::UnknownMany)
                && (unknown < offset || length != usize::MAX >> 1)
            {
                return Ok(vec![Word::UnknownMany]);
            }
            return Ok(all.into_iter().skip(offset).take(length).collect());
        }
        let mut changed = Vec::with_capacity(words.len());
        for word in words {
            changed.push(match word {
                Word::UnknownMany => Word::UnknownMany,
                word => parameter::word_of(self.transform(expression, parameter::value_of(&word))?),
            });
        }
        Ok(changed)
    }

    fn removed(
        &mut self,
        pattern: Option<&str>,
        text: &str,
        prefix: bool,
        largest: bool,
    ) -> Expanded<Option<String>> {
        let Some(pattern) = pattern else {
            return Ok(Some(text.to_owned()));
        };
        let Some(pattern) = self.expand_pattern(pattern)? else {
            return Ok(None);
        };
        Ok(remove(&pattern, text, prefix, largest))
    }

    fn replaced(
        &mut self,
        pattern: &str,
        replacement: Option<&str>,
        kind: &SubstringMatchKind,
        text: &str,
    ) -> Expanded<Option<String>> {
        let pattern = self.expand_pattern(pattern)?;
        let replacement = match replacement {
            Some(replacement) => self.expand_string(replacement)?,
            None => Value::Known(String::new()),
        };
        let (Some(pattern), Value::Known(replacement)) = (pattern, replacement) else {
            return Ok(None);
        };
        // `&` in the replacement stands for the matched text in bash 5.2 and later only.
        if replacement.contains(['&', '\\']) {
            return Ok(None);
        }
        Ok(replace(&pattern, &replacement, kind, text))
    }
}

fn remove(pattern: &Pattern, text: &str, prefix: bool, largest: bool) -> Option<String> {
    if text.len() > MAX_MATCHED {
        return None;
    }
    let characters: Vec<char> = text.chars().collect();
    let mut steps = MAX_STEPS;
    let count = characters.len();
    for tried in 0..=count {
        let length = if largest { count - tried } else { tried };
        let (removed, kept) = if prefix {
            characters.split_at_checked(length)?
        } else {
            let (kept, removed) = characters.split_at_checked(count - length)?;
            (removed, kept)
        };
        if pattern.match_at(removed, &mut steps)? {
            return Some(kept.iter().collect());
        }
    }
    Some(text.to_owned())
}

fn replace(
    pattern: &Pattern,
    replacement: &str,
    kind: &SubstringMatchKind,
    text: &str,
) -> Option<String> {
    if text.len() > MAX_MATCHED {
        return None;
    }
    let characters: Vec<char> = text.chars().collect();
    let mut steps = MAX_STEPS;
    let mut changed = String::new();
    let mut place = 0;
    let mut replaced = false;
    while place < characters.len() {
        let rest = characters.get(place..)?;
        let once = !matches!(kind, SubstringMatchKind::Anywhere);
        let here = match kind {
            SubstringMatchKind::Prefix => place == 0,
            _ => !(once && replaced),
        };
        let mut found = None;
        if here {
            let shortest = if matches!(kind, SubstringMatchKind::Suffix) {
                rest.len()
            } else {
                1
            };
            for length in (shortest..=rest.len()).rev() {
                if pattern.match_at(rest.get(..length)?, &mut steps)? {
                    found = Some(length);
                    break;
                }
            }
        }
        match found {
            Some(length) => {
                changed.push_str(replacement);
                replaced = true;
                place += length;
            }
            None => {
                changed.push(*characters.get(place)?);
                place += 1;
            }
        }
        if changed.len() > MAX_VALUE {
            return None;
        }
    }
    Some(changed)
}

/// Returns `${x:offset:length}`. A negative offset counts from the end. A negative length is a position
/// relative to the end.
fn substring(text: &str, offset: i64, length: Option<i64>) -> Option<String> {
    if !text.is_ascii() {
        return None;
    }
    let count = i64::try_from(text.len()).ok()?;
    let start = if offset < 0 {
        count.checked_add(offset)?
    } else {
        offset
    };
    if start < 0 || start > count {
        return Some(String::new());
    }
    let end = match length {
        None => count,
        Some(length) if length < 0 => count.checked_add(length)?,
        Some(length) => start.checked_add(length)?.min(count),
    };
    if end < start {
        // bash reports an error, busybox returns nothing.
        return None;
    }
    let range = usize::try_from(start).ok()?..usize::try_from(end).ok()?;
    text.get(range).map(str::to_owned)
}

/// Returns the text of `$'...'`; `None` for escapes that are not supported.
pub(super) fn ansi_c(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        plain.push(match characters.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'e' | 'E' => '\u{1b}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            same @ ('\\' | '\'' | '"' | '?') => same,
            _ => return None,
        });
    }
    Some(plain)
}

/// Returns the command between backquotes. A backslash quotes `$`, `` ` `` and itself, and in double
/// quotes also `"` (POSIX 2.6.3). The parser has already removed the backslash before a backquote.
pub(super) fn backquoted(text: &str, quoted: bool) -> String {
    let mut command = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '\\'
            && let Some(&next) = characters.peek()
            && (matches!(next, '$' | '\\') || (quoted && next == '"'))
        {
            command.push(next);
            characters.next();
        } else {
            command.push(c);
        }
    }
    command
}
