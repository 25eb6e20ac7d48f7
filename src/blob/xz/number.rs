//! The variable-length integers of an xz file (The .xz File Format, 1.2): seven bits in a byte, from
//! the lowest on, in at most nine bytes.

/// The result of one byte of a number.
pub(super) enum Digit {
    /// More bytes follow.
    More,
    /// The number is complete.
    Whole(u64),
    /// The bytes are not a valid number.
    Invalid,
}

/// A number that is read byte by byte.
#[derive(Default)]
pub(super) struct Number {
    value: u64,
    bits: u32,
}

impl Number {
    /// Takes in the next byte. After a complete number, the next number begins.
    pub(super) fn push(&mut self, byte: u8) -> Digit {
        // A last byte of zero would be a longer form of the same number.
        if self.bits > 56 || (byte == 0 && self.bits > 0) {
            return Digit::Invalid;
        }
        self.value |= u64::from(byte & 0x7f) << self.bits;
        self.bits += 7;
        if byte & 0x80 != 0 {
            return Digit::More;
        }
        let Self { value, .. } = std::mem::take(self);
        Digit::Whole(value)
    }
}

/// Takes a number from the front of `bytes`. Returns `None` if there is no valid one.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = Number::default();
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        match number.push(*byte) {
            Digit::More => {}
            Digit::Whole(value) => return Some(value),
            Digit::Invalid => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form_and_at_most_nine_bytes() {
        let whole = |mut bytes: &[u8]| take(&mut bytes).filter(|_| bytes.is_empty());
        assert_eq!(whole(&[0]), Some(0));
        assert_eq!(whole(&[0x7f]), Some(127));
        assert_eq!(whole(&[0x80, 1]), Some(128));
        let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(whole(&longest), Some(u64::MAX / 2));
        assert_eq!(whole(&[0x80, 0]), None);
        assert_eq!(whole(&[0xff; 9]), None);
        assert_eq!(whole(&[0x80; 10]), None);
        assert_eq!(whole(&[0x80]), None);
        assert_eq!(whole(&[]), None);
    }
}
