//! Numbers in tar headers, read by the rules of Go's `archive/tar` (`strconv.go`, `parseNumeric` and
//! `parseOctal`).

/// Parses a numeric field: base 256 if the top bit of the first byte is set, otherwise octal digits. An
/// empty field is 0. Returns `None` if the field is malformed or does not fit in 64 bits.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => base256(field),
        _ => octal(field),
    }
}

/// Parses octal digits. Spaces and NULs around them are ignored; a NUL after the first digit ends the
/// number. Returns `None` if there is any other byte.
pub(crate) fn octal(field: &[u8]) -> Option<i64> {
    let is_blank = |&b: &u8| b == b' ' || b == 0;
    let start = field
        .iter()
        .position(|b| !is_blank(b))
        .unwrap_or(field.len());
    let end = field
        .iter()
        .rposition(|b| !is_blank(b))
        .map_or(start, |last| last + 1);
    let mut value = 0_i64;
    for &byte in field.get(start..end).unwrap_or_default() {
        match byte {
            b'0'..=b'7' => value = value.checked_mul(8)?.checked_add(i64::from(byte - b'0'))?,
            0 => break,
            _ => return None,
        }
    }
    Some(value)
}

/// Returns whether an octal field has NULs before its digits. Some readers interpret such a field as 0.
pub(crate) fn begins_with_nuls(field: &[u8]) -> bool {
    field.first() == Some(&0) && octal(field) != Some(0)
}

/// Parses a big-endian two's complement number, without the marker bit (GNU tar manual, "Extensions").
fn base256(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    let negative = first & 0x40 != 0;
    let top = if negative { first | 0x80 } else { first & 0x7f };
    let mut value = i128::from(top as i8);
    for &byte in rest {
        value = value.checked_mul(256)?.checked_add(i128::from(byte))?;
    }
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_tars_write_them() {
        assert_eq!(number(b"0000755\0"), Some(0o755));
        assert_eq!(number(b"   755 \0"), Some(0o755));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"77777777777 "), Some(0o77777777777));
        assert_eq!(number(b"0000008\0"), None, "8 is no octal digit");
        assert_eq!(number(b"\x80\0\0\x01\0\0\0\0"), Some(1 << 32));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        let mut huge = [0xff; 12];
        huge[0] = 0x80;
        assert_eq!(number(&huge), None, "88 bits do not fit");
    }

    /// The results of `parseOctal` in Go 1.19 for these fields.
    #[test]
    fn blanks_in_octal_fields() {
        assert_eq!(number(b"\0\0\x30755 \0"), Some(0o755));
        assert_eq!(number(b" \0 755\0 "), Some(0o755));
        assert_eq!(number(b"75\x005\0\0\0\0"), Some(0o75));
        assert_eq!(number(b"75 5\0\0\0\0"), None);
        assert_eq!(number(b"75 \x005\0\0\0"), None);
        assert_eq!(number(b"+755\0\0\0\0"), None);
        assert!(begins_with_nuls(b"\0\x30755\0\0"));
        assert!(!begins_with_nuls(b"\0\0\0\0"));
        assert!(!begins_with_nuls(b"\0\x300 \0"));
    }
}
