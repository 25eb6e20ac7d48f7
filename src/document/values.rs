//! The values in the text of a checked document, found without a tree: each is the text that it has in the
//! document, and its first byte tells its type.
//!
//! The document is checked, so each bracket, comma and colon is where it belongs.

use memchr::memchr2;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// What the value of a checked document is.
pub(super) fn kind(text: &[u8]) -> Kind {
    match text.first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        // `n`: the document is checked.
        _ => Kind::Null,
    }
}

/// Whether a byte is white space between tokens.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The text of a checked document without the white space around it.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&byte| !is_space(byte));
    let rest = bytes.get(start.unwrap_or_default()..).unwrap_or_default();
    let end = rest.iter().rposition(|&byte| !is_space(byte));
    rest.get(..end.map_or(0, |end| end + 1)).unwrap_or_default()
}

/// The elements of an array of a checked document: the text of each.
#[derive(Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// `array` begins with its bracket.
    pub(super) fn new(array: &'a [u8]) -> Self {
        Self {
            rest: array.get(1..).unwrap_or_default(),
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        skip_separators(&mut self.rest);
        take_value(&mut self.rest)
    }
}

/// The members of an object of a checked document: the text of each name, in quotes, and of each value.
#[derive(Debug)]
pub(super) struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Members<'a> {
    /// `object` begins with its bracket.
    pub(super) fn new(object: &'a [u8]) -> Self {
        Self {
            rest: object.get(1..).unwrap_or_default(),
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        skip_separators(&mut self.rest);
        let name = take_value(&mut self.rest)?;
        skip_separators(&mut self.rest);
        let value = take_value(&mut self.rest)?;
        Some((name, value))
    }
}

/// Skips white space, commas and colons.
fn skip_separators(rest: &mut &[u8]) {
    while let [byte, after @ ..] = *rest
        && (is_space(*byte) || matches!(byte, b',' | b':'))
    {
        *rest = after;
    }
}

/// Takes the value that `rest` begins with; `None` at a closing bracket.
fn take_value<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = match rest.first()? {
        b'}' | b']' => return None,
        b'"' => string_len(rest),
        b'{' | b'[' => nested_len(rest),
        _ => {
            let ends = |byte: &u8| is_space(*byte) || matches!(byte, b',' | b'}' | b']');
            rest.iter().position(ends).unwrap_or(rest.len())
        }
    };
    let (value, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(value)
}

/// The length of the string that `bytes` begins with, quotes included.
fn string_len(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(next) = memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += next;
        if bytes.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// The length of the array or object that `bytes` begins with.
fn nested_len(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += string_len(bytes.get(at..).unwrap_or_default());
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Whether two values of checked documents are the same but for white space and, in plain strings,
/// escapes.
pub(super) fn same_value(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    if one.first() == Some(&b'"') && other.first() == Some(&b'"') {
        return super::text::decode(one).text == super::text::decode(other).text;
    }
    without_space(one).eq(without_space(other))
}

/// The bytes of a value without the white space between its tokens.
fn without_space(value: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let (mut in_string, mut escaped) = (false, false);
    value.iter().copied().filter(move |&byte| {
        if !in_string {
            in_string = byte == b'"';
            return !is_space(byte);
        }
        in_string = escaped || byte != b'"';
        escaped = !escaped && byte == b'\\';
        true
    })
}
