//! One 512-byte tar header block, its fields as they are written
//! (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format").

/// Size of a block, the unit of tar.
pub(crate) const BLOCK: usize = 512;

/// A header block whose checksum is right.
pub(crate) struct Header([u8; BLOCK]);

/// Which family a header belongs to; it decides what the bytes after offset 257 mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    V7,
    Ustar,
    Gnu,
    /// Jörg Schilling's star: a shorter prefix, then times.
    Star,
}

impl Header {
    /// Takes a block as a header if its checksum says that it is one.
    pub(crate) fn new(block: [u8; BLOCK]) -> Option<Self> {
        let header = Self(block);
        let want = header.number(148, 8)?;
        let (mut unsigned, mut signed) = (0_i64, 0_i64);
        for (i, &byte) in header.0.iter().enumerate() {
            // The checksum is taken with its own field as spaces. Some old tars added signed bytes.
            let byte = if (148..156).contains(&i) { b' ' } else { byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte as i8);
        }
        (want == unsigned || want == signed).then_some(header)
    }

    fn field(&self, at: usize, len: usize) -> &[u8] {
        // Every caller names a field inside the block.
        self.0.get(at..at + len).unwrap_or_default()
    }

    fn flavour(&self) -> Flavour {
        match self.field(257, 8) {
            b"ustar  \0" => Flavour::Gnu,
            [b'u', b's', b't', b'a', b'r', 0, ..] if self.field(508, 4) == b"tar\0" => {
                Flavour::Star
            }
            [b'u', b's', b't', b'a', b'r', 0, ..] => Flavour::Ustar,
            _ => Flavour::V7,
        }
    }

    /// A numeric field: octal digits between blanks and NULs, or base 256 with the top bit set.
    /// `None` if it is neither, or does not fit.
    pub(crate) fn number(&self, at: usize, len: usize) -> Option<i64> {
        number(self.field(at, len))
    }

    pub(crate) fn type_flag(&self) -> u8 {
        self.field(156, 1).first().copied().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> Vec<u8> {
        let prefix = match self.flavour() {
            Flavour::Ustar => text(self.field(345, 155)),
            Flavour::Star => text(self.field(345, 131)),
            Flavour::Gnu | Flavour::V7 => b"",
        };
        let name = text(self.field(0, 100));
        if prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    pub(crate) fn link_name(&self) -> &[u8] {
        text(self.field(157, 100))
    }

    pub(crate) fn mode(&self) -> Option<i64> {
        self.number(100, 8)
    }

    pub(crate) fn uid(&self) -> Option<i64> {
        self.number(108, 8)
    }

    pub(crate) fn gid(&self) -> Option<i64> {
        self.number(116, 8)
    }

    pub(crate) fn size(&self) -> Option<i64> {
        self.number(124, 12)
    }

    pub(crate) fn mtime(&self) -> Option<i64> {
        self.number(136, 12)
    }

    /// Major and minor of a device. V7 headers have none.
    pub(crate) fn device(&self) -> Option<(i64, i64)> {
        match self.flavour() {
            Flavour::V7 => Some((0, 0)),
            _ => Some((self.number(329, 8)?, self.number(337, 8)?)),
        }
    }

    /// GNU sparse: the four pieces of the map in the header, whether more follow, the real size.
    pub(crate) fn sparse(&self) -> (&[u8], bool, Option<i64>) {
        let more = self.field(482, 1) != [0];
        (self.field(386, 4 * 24), more, self.number(483, 12))
    }
}

/// A text field ends at its first NUL or where it is full.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

/// A numeric field, see [`Header::number`].
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        return base256(field);
    }
    let trimmed = field.trim_ascii_start();
    let mut value = 0_i64;
    for &byte in trimmed {
        match byte {
            b'0'..=b'7' => value = value.checked_mul(8)?.checked_add(i64::from(byte - b'0'))?,
            b' ' | 0 => break,
            _ => return None,
        }
    }
    Some(value)
}

/// Big-endian two's complement, without the marker bit (GNU tar manual, "Extensions").
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

    #[test]
    fn a_checksum_that_is_wrong_is_no_header() {
        let mut header = tar::Header::new_ustar();
        header.set_path("a/b").unwrap();
        header.set_size(3);
        header.set_cksum();
        let mut block = *header.as_bytes();
        assert_eq!(Header::new(block).unwrap().name(), b"a/b");
        block[0] = b'x';
        assert!(Header::new(block).is_none());
    }

    #[test]
    fn the_prefix_belongs_to_ustar_alone() {
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(60));
        let mut header = tar::Header::new_ustar();
        header.set_path(&long).unwrap();
        header.set_size(0);
        header.set_cksum();
        assert_eq!(
            Header::new(*header.as_bytes()).unwrap().name(),
            long.as_bytes()
        );
        // GNU keeps atime where ustar has its prefix.
        let mut header = tar::Header::new_gnu();
        header.set_path("f").unwrap();
        header.as_gnu_mut().unwrap().set_atime(1_700_000_000);
        header.set_cksum();
        assert_eq!(Header::new(*header.as_bytes()).unwrap().name(), b"f");
    }
}
