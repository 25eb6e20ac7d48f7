//! The variable-length integers of an xz file (The .xz File Format, 1.2): seven bits a byte, the
//! lowest first, in at most nine bytes.

/// What a byte says of a number.
pub(super) enum Digit {
    /// More bytes follow.
    More,
    /// The number is whole.
    Whole(u64),
    /// No number is written like that.
    Invalid,
}

/// A number whose bytes arrive one by one.
#[derive(Default)]
pub(super) struct Number {
    value: u64,
    bits: u32,
}

impl Number {
    /// Takes in the next byte. After a whole number the next one begins.
    pub(super) fn push(&mut self, byte: u8) -> Digit {
        // A last byte of zero would be another way to write the same number.
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

/// Takes a number from the front of `bytes`. `None` if there is none.
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
