//! Quoted strings, parsed as by `strconv.Unquote`: the inverse of how the linker wrote them.
//!
//! A string is enclosed in `"` with escapes, or in backquotes without any. Strings that Go rejects
//! are rejected here.

/// Returns the length of the quoted string at the start of `text`.
pub(super) fn quoted_prefix_len(text: &[u8]) -> Option<usize> {
    let (&quote, rest) = text.split_first()?;
    let mut escaped = false;
    for (index, &byte) in rest.iter().enumerate() {
        if escaped {
            escaped = false;
        } else if byte == quote {
            // Plus two for the quotes.
            return Some(index + 2);
        } else {
            escaped = byte == b'\\' && quote == b'"';
        }
    }
    None
}

/// Returns the contents of a quoted string. These are bytes, because `\xff` is one.
pub(super) fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    match text {
        [b'`', inner @ .., b'`'] if !inner.contains(&b'`') => {
            // Raw strings drop carriage returns.
            Some(
                inner
                    .iter()
                    .copied()
                    .filter(|&byte| byte != b'\r')
                    .collect(),
            )
        }
        [b'"', inner @ .., b'"'] => interpret(inner),
        _ => None,
    }
}

fn interpret(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((&byte, rest)) = text.split_first() {
        text = rest;
        match byte {
            b'"' | b'\n' => return None,
            b'\\' => text = escape(rest, &mut bytes)?,
            _ => bytes.push(byte),
        }
    }
    Some(bytes)
}

/// Parses one escape sequence after its backslash. Returns the rest of the text.
fn escape<'a>(text: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&letter, rest) = text.split_first()?;
    let byte = match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'"' => letter,
        b'x' => {
            let (value, rest) = number(rest, 2, 16)?;
            bytes.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        b'0'..=b'7' => {
            let (value, rest) = number(text, 3, 8)?;
            bytes.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        b'u' | b'U' => {
            let (value, rest) = number(rest, if letter == b'u' { 4 } else { 8 }, 16)?;
            let character = char::from_u32(value)?;
            bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    bytes.push(byte);
    Some(rest)
}

/// Parses a number of exactly `digits` digits.
fn number(text: &[u8], digits: usize, radix: u32) -> Option<(u32, &[u8])> {
    let (number, rest) = text.split_at_checked(digits)?;
    let mut value = 0u32;
    for &digit in number {
        value = value
            .checked_mul(radix)?
            .checked_add(char::from(digit).to_digit(radix)?)?;
    }
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tables of `strconv/quote_test.go`.
    #[test]
    fn what_go_reads() {
        for (quoted, expected) in [
            (r#""""#, ""),
            (r#""a\a\b\f\n\r\t\vz""#, "a\x07\x08\x0c\n\r\t\x0bz"),
            (r#""abc\"def\\""#, "abc\"def\\"),
            (r#""\u1234""#, "\u{1234}"),
            (r#""\U00101111""#, "\u{101111}"),
            (r#""\x41\101""#, "AA"),
            ("``", ""),
            ("`\\n\"`", "\\n\""),
            ("`a\r\nb`", "a\nb"),
            ("\"☺\"", "☺"),
        ] {
            assert_eq!(
                unquote(quoted.as_bytes()).as_deref(),
                Some(expected.as_bytes()),
                "{quoted}"
            );
        }
        assert_eq!(
            unquote(br#""\xff\377""#).as_deref(),
            Some(&[0xff, 0xff][..])
        );
    }

    #[test]
    fn what_go_refuses() {
        for quoted in [
            "",
            "\"",
            "\"a",
            "\"'",
            "b\"",
            r#""\""#,
            r#""\9""#,
            r#""\19""#,
            r#""\129""#,
            r#""\'""#,
            r#""\x1!""#,
            r#""\U12345678""#,
            r#""\z""#,
            "`",
            "`xxx",
            "`a`b`",
            "\"\n\"",
            r#""\777""#,
            r#""\ud800""#,
            "'a'",
        ] {
            assert_eq!(unquote(quoted.as_bytes()), None, "{quoted}");
        }
    }

    #[test]
    fn where_a_quoted_string_ends() {
        assert_eq!(quoted_prefix_len(br#""a\"b"=c"#), Some(6));
        assert_eq!(quoted_prefix_len(b"`a\\`=c"), Some(4));
        assert_eq!(quoted_prefix_len(b"\"a"), None);
        assert_eq!(quoted_prefix_len(b""), None);
    }
}
