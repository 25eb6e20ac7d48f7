//! Facts: pairs of a key and a value. Sidecars, extended attributes, tables and JSON are different formats
//! of the same list of facts. The keys are declared in [`keys`].

use super::keys::{self, Known};
use crate::inspect::Binary;

/// A fact: a key and its value, not yet escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The key, in upper case.
    pub key: &'static str,
    /// The value.
    pub value: Value,
}

/// A fact's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One value.
    One(Vec<u8>),
    /// A list of values.
    List(Vec<Vec<u8>>),
}

impl Value {
    /// The value as written: bytes below 0x20 and `\`, and in lists also spaces, become `\xNN`. The
    /// members of a list are separated by single spaces.
    pub fn escaped(&self) -> Vec<u8> {
        let mut text = Vec::new();
        match self {
            Self::One(value) => escape(value, false, &mut text),
            Self::List(values) => {
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        text.push(b' ');
                    }
                    escape(value, true, &mut text);
                }
            }
        }
        text
    }

    /// Returns the length of [`Value::escaped`] in bytes, without building the text.
    pub fn escaped_len(&self) -> usize {
        match self {
            Self::One(value) => escaped_len(value, false),
            Self::List(values) => {
                let texts: usize = values.iter().map(|value| escaped_len(value, true)).sum();
                texts + values.len().saturating_sub(1)
            }
        }
    }
}

/// Returns whether a byte is written as `\xNN`: bytes below 0x20 and `\`, and in lists also spaces.
fn is_escaped(byte: u8, in_list: bool) -> bool {
    byte < 0x20 || byte == b'\\' || (in_list && byte == b' ')
}

/// Writes a value: bytes below 0x20 and `\`, and in lists also spaces, become `\xNN`.
pub(crate) fn escape(value: &[u8], in_list: bool, text: &mut Vec<u8>) {
    for &byte in value {
        if is_escaped(byte, in_list) {
            text.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        } else {
            text.push(byte);
        }
    }
}

/// Returns the number of bytes that [`escape`] writes for a value.
fn escaped_len(value: &[u8], in_list: bool) -> usize {
    let escaped = value.iter().filter(|byte| is_escaped(**byte, in_list));
    value.len() + escaped.count() * (r"\x00".len() - 1)
}

/// The path and attributes of a file.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its path in the image, or the path that was given.
    pub path: &'a [u8],
    /// Length in bytes.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Returns the facts of an executable, in the order of the format, without those of its layer and of its
/// image.
pub fn of_binary(subject: Subject<'_>, binary: &Binary) -> Vec<Fact> {
    keys::facts(&Known {
        file: Some(subject),
        binary: Some(binary),
        ..Known::default()
    })
}

/// Returns the facts that follow from the bytes of an executable, in the order of the format.
pub(crate) fn of_bytes(binary: &Binary) -> Vec<Fact> {
    keys::facts(&Known {
        binary: Some(binary),
        ..Known::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_never_break_a_line_or_a_list() {
        let one = Value::One(b"a b\n\\\x7f\xff".to_vec());
        assert_eq!(one.escaped(), b"a b\\x0a\\x5c\x7f\xff");
        let list = Value::List(vec![b"lib a.so".to_vec(), b"b".to_vec()]);
        assert_eq!(list.escaped(), b"lib\\x20a.so b");
    }
}
