//! Decoding of the strings in a checked document (`unquoteBytes` in Go's `encoding/json/decode.go`).

use std::borrow::Cow;
use std::str;

/// A decoded string.
#[derive(Debug)]
pub(super) struct Text<'a> {
    /// The characters.
    pub(super) text: Cow<'a, str>,
    /// Whether bytes that are not UTF-8, or unpaired surrogates, were replaced with U+FFFD.
    pub(super) replaced: bool,
}

/// Decodes a string, which includes its quotes.
pub(super) fn decode(quoted: &[u8]) -> Text<'_> {
    let inner = quoted.strip_prefix(b"\"").unwrap_or(quoted);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if memchr::memchr(b'\\', inner).is_none()
        && let Ok(text) = str::from_utf8(inner)
    {
        return Text {
            text: Cow::Borrowed(text),
            replaced: false,
        };
    }
    let mut decoder = Decoder {
        text: String::with_capacity(inner.len()),
        replaced: false,
    };
    let mut rest = inner;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at_checked(backslash).unwrap_or((rest, &[]));
        decoder.plain(plain);
        let len = decoder.escape(escape);
        rest = escape.get(len..).unwrap_or_default();
    }
    decoder.plain(rest);
    Text {
        text: Cow::Owned(decoder.text),
        replaced: decoder.replaced,
    }
}

struct Decoder {
    text: String,
    replaced: bool,
}

impl Decoder {
    /// Decodes bytes without escapes. Go replaces each byte that is not part of valid UTF-8, whereas
    /// Rust's lossy conversion replaces a truncated sequence as a whole.
    fn plain(&mut self, bytes: &[u8]) {
        for chunk in bytes.utf8_chunks() {
            self.text.push_str(chunk.valid());
            for _ in chunk.invalid() {
                self.replace();
            }
        }
    }

    /// Decodes the escape at the start of `bytes`. Returns its length.
    fn escape(&mut self, bytes: &[u8]) -> usize {
        let plain = match bytes.get(1) {
            Some(b'u') => return self.unicode(bytes),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(&byte) => char::from(byte),
            None => return bytes.len(),
        };
        self.text.push(plain);
        2
    }

    /// Decodes `\uXXXX`, or two of them that are a surrogate pair.
    fn unicode(&mut self, bytes: &[u8]) -> usize {
        let first = code_unit(bytes);
        if let Some(decoded) = first.and_then(char::from_u32) {
            self.text.push(decoded);
            return 6;
        }
        let second = bytes.get(6..).and_then(code_unit);
        let pair = first.zip(second).and_then(|(high, low)| {
            let halves = (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low);
            let character = || char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            halves.then(character).flatten()
        });
        if let Some(decoded) = pair {
            self.text.push(decoded);
            return 12;
        }
        self.replace();
        6
    }

    fn replace(&mut self) {
        self.text.push(char::REPLACEMENT_CHARACTER);
        self.replaced = true;
    }
}

/// Returns the code unit of the `\uXXXX` at the start of `bytes`.
fn code_unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}
