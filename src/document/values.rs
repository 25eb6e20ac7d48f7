//! Access to the values in the text of a checked document, without building a tree. A value is
//! represented by its text in the document; the first byte determines its type.
//!
//! Because the document was checked, brackets, commas and colons need no further checks.

use memchr::memchr2;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonType {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// Returns the type of a value in a checked document.
pub(super) fn json_type(text: &[u8]) -> JsonType {
    match text.first() {
        Some(b'{') => JsonType::Object,
        Some(b'[') => JsonType::Array,
        Some(b'"') => JsonType::String,
        Some(b't' | b'f') => JsonType::Bool,
        Some(b'-' | b'0'..=b'9') => JsonType::Number,
        // This must be `n`, because the document was checked.
        _ => JsonType::Null,
    }
}

/// Returns whether a byte is white space between tokens.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Returns the text of a checked document without surrounding white space.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&byte| !is_space(byte));
    let rest = bytes.get(start.unwrap_or_default()..).unwrap_or_default();
    let end = rest.iter().rposition(|&byte| !is_space(byte));
    rest.get(..end.map_or(0, |end| end + 1)).unwrap_or_default()
}

/// Iterates over the elements of an array in a checked document, and yields the text of each.
#[derive(Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// `array` starts with the opening bracket.
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

/// Iterates over the members of an object in a checked document, and yields the texts of each name (in
/// quotes) and value.
#[derive(Debug)]
pub(super) struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Members<'a> {
    /// `object` starts with the opening bracket.
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

/// Takes the value at the start of `rest`. Returns `None` at a closing bracket.
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

/// Returns the length of the string at the start of `bytes`, including quotes.
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

/// Returns the length of the array or object at the start of `bytes`.
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

/// Returns whether two values of checked documents are equal, apart from white space and, in plain
/// strings, escapes.
pub(super) fn same_value(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    if one.first() == Some(&b'"') && other.first() == Some(&b'"') {
        return super::text::decode(one).text == super::text::decode(other).text;
    }
    without_space(one).eq(without_space(other))
}

/// Returns the bytes of a value without white space between its tokens.
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
