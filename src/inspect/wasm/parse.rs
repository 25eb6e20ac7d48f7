//! The few parts of the binary format that are needed: numbers, names, and the lengths of data to
//! skip.

use crate::inspect::read;

/// Reads a number.
pub(super) fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (value, rest) = read::uvarint(bytes)?;
    *bytes = rest;
    Some(value)
}

/// Reads one byte.
pub(super) fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(byte)
}

/// Reads a name: its length, then its bytes.
pub(super) fn name<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(number(bytes)?).ok()?;
    let (name, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(name)
}

/// Reads the limits of a memory or a table. Returns whether its addresses are 64-bit.
pub(super) fn limits(bytes: &mut &[u8]) -> Option<bool> {
    let flags = byte(bytes)?;
    number(bytes)?;
    if flags & 1 != 0 {
        number(bytes)?;
    }
    // The custom-page-sizes proposal.
    if flags & 8 != 0 {
        number(bytes)?;
    }
    Some(flags & 4 != 0)
}

/// Reads an import: a module and a name, which is skipped like its type. Returns the module, and
/// whether the import is a 64-bit memory.
pub(super) fn import<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], bool)> {
    let module = name(bytes)?;
    name(bytes)?;
    let mut wide = false;
    match byte(bytes)? {
        0 => drop(number(bytes)?),
        1 => {
            value_type(bytes)?;
            limits(bytes)?;
        }
        2 => wide = limits(bytes)?,
        3 => {
            value_type(bytes)?;
            byte(bytes)?;
        }
        4 => {
            byte(bytes)?;
            number(bytes)?;
        }
        _ => return None,
    }
    Some((module, wide))
}

/// Skips a value type: one byte, or a reference to a type.
fn value_type(bytes: &mut &[u8]) -> Option<()> {
    if matches!(byte(bytes)?, 0x63 | 0x64) {
        number(bytes)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_passed_over_whole() {
        // func 3; table funcref 1..2; memory64 1; global i32 mut; tag 0 1; then junk.
        let mut bytes = &b"\x02go\x01a\0\x03\x01b\x01c\x01\x70\x01\x01\x02\x01d\x01e\x02\x04\x01\
            \x01f\x01g\x03\x7f\x01\x01h\x01i\x04\0\x01\x01j"[..];
        let mut found = Vec::new();
        while let Some((module, wide)) = import(&mut bytes) {
            found.push((module, wide));
        }
        let expected: [(&[u8], bool); 5] = [
            (b"go", false),
            (b"b", false),
            (b"d", true),
            (b"f", false),
            (b"h", false),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn lengths_that_lie_are_none() {
        assert_eq!(name(&mut &b"\x05abc"[..]), None);
        assert_eq!(
            name(&mut &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..]),
            None
        );
        assert_eq!(import(&mut &b"\x01a\x01b\x09"[..]), None);
    }
}
