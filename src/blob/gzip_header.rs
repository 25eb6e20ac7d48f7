//! The header of a gzip member (RFC 1952, 2.3.1).
//!
//! It is read byte by byte, since some of its fields can have any length. Their contents are not
//! used. What matters is whether it is a valid header, and where it ends.

use std::io;

use super::error::invalid;

/// The flags of a header (RFC 1952, 2.3.1).
pub(super) const FHCRC: u8 = 1 << 1;
pub(super) const FEXTRA: u8 = 1 << 2;
pub(super) const FNAME: u8 = 1 << 3;
pub(super) const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// A header that is being read.
#[derive(Default)]
pub(super) struct GzipHeaderParser {
    field: Field,
    flags: u8,
    /// The checksum of all bytes before the checksum field.
    crc: crc32fast::Hasher,
}

#[derive(Clone, Copy)]
enum Field {
    /// A byte of the fixed part, with its number.
    Fixed(u8),
    /// The length of the extra field: the lower byte, if it was read.
    ExtraLen(Option<u8>),
    /// The extra field: the number of bytes that are missing.
    Extra(u16),
    Name,
    Comment,
    /// The lower half of the checksum: the lower byte, if it was read.
    Crc(Option<u8>),
}

impl Default for Field {
    fn default() -> Self {
        Self::Fixed(0)
    }
}

impl GzipHeaderParser {
    /// Reads bytes of the header. Returns how many were used, and whether the header has ended.
    ///
    /// # Errors
    /// If the bytes are not a valid header.
    pub(super) fn step(&mut self, input: &[u8]) -> io::Result<(usize, bool)> {
        // The checksum covers all bytes before it, in this input and in earlier ones.
        for (n, &byte) in input.iter().enumerate() {
            if matches!(self.field, Field::Crc(None)) {
                self.crc.update(input.get(..n).unwrap_or_default());
            }
            match self.take(byte)? {
                Some(field) => self.field = field,
                None => return Ok((n + 1, true)),
            }
        }
        if !matches!(self.field, Field::Crc(Some(_))) {
            self.crc.update(input);
        }
        Ok((input.len(), false))
    }

    /// Reads a byte. Returns the field that the next byte belongs to, or `None` if the header has
    /// ended.
    fn take(&mut self, byte: u8) -> io::Result<Option<Field>> {
        Ok(match (self.field, byte) {
            (Field::Fixed(0), 0x1f) | (Field::Fixed(1), 0x8b) | (Field::Fixed(2), 8) => {
                self.following()
            }
            (Field::Fixed(0 | 1), _) => return Err(invalid("this is not a gzip header")),
            (Field::Fixed(2), _) => return Err(invalid("an unknown compression method")),
            (Field::Fixed(3), flags) => {
                if flags & RESERVED != 0 {
                    return Err(invalid("a gzip header with unknown flags"));
                }
                self.flags = flags;
                self.following()
            }
            (Field::ExtraLen(None), low) => Some(Field::ExtraLen(Some(low))),
            (Field::ExtraLen(Some(low)), high) => match u16::from_le_bytes([low, high]) {
                0 => self.following(),
                len => Some(Field::Extra(len)),
            },
            (Field::Extra(left @ 2..), _) => Some(Field::Extra(left - 1)),
            (Field::Name | Field::Comment, 1..) => Some(self.field),
            (Field::Crc(None), low) => Some(Field::Crc(Some(low))),
            (Field::Crc(Some(low)), high) => {
                let actual = self.crc.clone().finalize() as u16;
                if actual != u16::from_le_bytes([low, high]) {
                    return Err(invalid("the checksum of the gzip header does not match"));
                }
                None
            }
            (Field::Fixed(_) | Field::Extra(_) | Field::Name | Field::Comment, _) => {
                self.following()
            }
        })
    }

    /// Returns the field after this one, if there is another.
    fn following(&self) -> Option<Field> {
        let before = match self.field {
            Field::Fixed(n @ ..9) => return Some(Field::Fixed(n + 1)),
            Field::Fixed(_) => 0,
            Field::ExtraLen(_) | Field::Extra(_) => 1,
            Field::Name => 2,
            Field::Comment => 3,
            Field::Crc(_) => 4,
        };
        let optional = [
            (FEXTRA, Field::ExtraLen(None)),
            (FNAME, Field::Name),
            (FCOMMENT, Field::Comment),
            (FHCRC, Field::Crc(None)),
        ];
        let mut left = optional.into_iter().skip(before);
        left.find(|(flag, _)| self.flags & flag != 0)
            .map(|(_, field)| field)
    }
}
