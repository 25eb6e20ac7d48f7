//! One 512-byte tar header block (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual,
//! "Basic Tar Format").
//!
//! Blocks are read by the rules of Go's `archive/tar` (`reader.go`, `readHeader`): a block is rejected
//! if any number in it is malformed, even one that is not used.

use super::ambiguity::Ambiguity;
use super::number::{begins_with_nuls, number, octal};

/// Size of a tar block, in bytes.
pub(crate) const BLOCK: usize = 512;

/// A header block with a valid checksum, and its decoded numbers.
pub(crate) struct TarHeader {
    block: [u8; BLOCK],
    flavour: Flavour,
    pub mode: i64,
    pub uid: i64,
    pub gid: i64,
    pub size: i64,
    pub mtime: i64,
    /// Major and minor number; both 0 in a V7 header, which has no such fields.
    pub device: (i64, i64),
    /// Set for a GNU header whose time fields are not numbers: Go before 1.8 wrote the ustar prefix
    /// there.
    prefix_for_times: bool,
    /// The name of the first numeric field that has NULs before its digits.
    leading_nuls: Option<&'static str>,
}

/// Why a block is not a header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// The checksum is wrong.
    Checksum,
    /// The field of this name is not a number.
    Field(&'static str),
}

/// The header format. It decides the meaning of the bytes from offset 257 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    V7,
    Ustar,
    Gnu,
    /// Jörg Schilling's star: a shorter prefix, followed by times.
    Star,
}

/// Name, offset and length of the numeric fields that all formats have.
const NUMBERS: [(&str, usize, usize); 5] = [
    ("mode", 100, 8),
    ("uid", 108, 8),
    ("gid", 116, 8),
    ("size", 124, 12),
    ("mtime", 136, 12),
];

impl TarHeader {
    /// Parses a header block.
    pub(crate) fn new(block: [u8; BLOCK]) -> Result<Self, BadHeader> {
        if !checksum_is_right(&block) {
            return Err(BadHeader::Checksum);
        }
        let mut header = Self {
            flavour: flavour(&block),
            block,
            mode: 0,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: 0,
            device: (0, 0),
            prefix_for_times: false,
            leading_nuls: None,
        };
        let mut numbers = [0; NUMBERS.len()];
        for ((name, at, len), value) in NUMBERS.into_iter().zip(&mut numbers) {
            *value = header.numeric(name, at, len)?;
        }
        [
            header.mode,
            header.uid,
            header.gid,
            header.size,
            header.mtime,
        ] = numbers;
        if header.flavour != Flavour::V7 {
            let major = header.numeric("device number", 329, 8)?;
            let minor = header.numeric("device number", 337, 8)?;
            header.device = (major, minor);
        }
        match header.flavour {
            Flavour::Star => {
                header.numeric("atime", 476, 12)?;
                header.numeric("ctime", 488, 12)?;
            }
            Flavour::Gnu => {
                let is_bad = |time: &[u8]| time.first() != Some(&0) && number(time).is_none();
                header.prefix_for_times =
                    is_bad(header.field(345, 12)) || is_bad(header.field(357, 12));
            }
            Flavour::V7 | Flavour::Ustar => {}
        }
        Ok(header)
    }

    fn numeric(&mut self, name: &'static str, at: usize, len: usize) -> Result<i64, BadHeader> {
        let field = self.field(at, len);
        let value = number(field).ok_or(BadHeader::Field(name))?;
        if self.leading_nuls.is_none() && begins_with_nuls(field) {
            self.leading_nuls = Some(name);
        }
        Ok(value)
    }

    fn field(&self, at: usize, len: usize) -> &[u8] {
        // All callers pass a range inside the block.
        self.block.get(at..at + len).unwrap_or_default()
    }

    pub(crate) fn type_flag(&self) -> u8 {
        self.field(156, 1).first().copied().unwrap_or_default()
    }

    /// Returns whether this is a GNU header, the only format with a sparse map in the header.
    pub(crate) fn is_gnu(&self) -> bool {
        self.flavour == Flavour::Gnu
    }

    /// Returns the name, preceded by the prefix if there is one.
    pub(crate) fn name(&self) -> Vec<u8> {
        let prefix = match self.flavour {
            Flavour::Ustar => text(self.field(345, 155)),
            Flavour::Star => text(self.field(345, 131)),
            Flavour::Gnu => self.misplaced_prefix(),
            Flavour::V7 => b"",
        };
        let name = text(self.field(0, 100));
        if prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    /// Returns the ustar prefix in a GNU header, which Go before 1.8 wrote in rare cases. Like Go, this
    /// reads it only if the time fields at that place are not numbers and the prefix is ASCII
    /// (golang.org/issue/12594).
    fn misplaced_prefix(&self) -> &[u8] {
        let prefix = text(self.field(345, 155));
        match self.prefix_for_times && prefix.is_ascii() {
            true => prefix,
            false => b"",
        }
    }

    pub(crate) fn link_name(&self) -> &[u8] {
        text(self.field(157, 100))
    }

    /// Returns the GNU sparse fields: the four pieces of the map in the header, whether extension blocks
    /// follow, and the real size of the file.
    pub(crate) fn sparse(&self) -> (&[u8], bool, Option<i64>) {
        let more = self.field(482, 1) != [0];
        (self.field(386, 4 * 24), more, number(self.field(483, 12)))
    }

    /// Returns a part of the header that other readers interpret differently, if there is one.
    pub(crate) fn ambiguity(&self) -> Option<Ambiguity> {
        if self.is_gnu() && !self.misplaced_prefix().is_empty() {
            return Some(Ambiguity::MisplacedPrefix);
        }
        if self.flavour == Flavour::V7 && self.field(257, 5) == b"ustar" {
            let is_device = matches!(self.type_flag(), b'3' | b'4');
            let has_device = is_device && self.field(329, 16).iter().any(|&b| b != 0);
            if has_device || self.field(345, 1) != [0] {
                return Some(Ambiguity::OddMagic);
            }
        }
        let field = self.leading_nuls?.to_owned();
        Some(Ambiguity::LeadingNuls { field })
    }
}

/// Returns whether the checksum of a block is that of a tar header: the sum of its bytes, with the
/// checksum field counted as spaces. Some old tar programs added signed bytes, so that sum is accepted
/// too.
pub(crate) fn checksum_is_right(block: &[u8; BLOCK]) -> bool {
    let field = block.get(148..156).unwrap_or_default();
    let Some(want) = octal(field) else {
        return false;
    };
    // One sum over the whole block, which the compiler vectorizes: this is done for every entry.
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| i64::from(byte)).sum::<i64>();
    let unsigned = sum(block) - sum(field) + 8 * i64::from(b' ');
    if want == unsigned {
        return true;
    }
    // As a signed number, a byte from 128 on is less by 256.
    let high = |bytes: &[u8]| bytes.iter().filter(|byte| !byte.is_ascii()).count() as i64;
    want == unsigned - 256 * (high(block) - high(field))
}

fn flavour(block: &[u8; BLOCK]) -> Flavour {
    let magic = block.get(257..265).unwrap_or_default();
    match magic {
        b"ustar  \0" => Flavour::Gnu,
        [b'u', b's', b't', b'a', b'r', 0, ..] if block.ends_with(b"tar\0") => Flavour::Star,
        [b'u', b's', b't', b'a', b'r', 0, ..] => Flavour::Ustar,
        _ => Flavour::V7,
    }
}

/// Returns the text of a field, which ends at its first NUL or at the end of the field.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_may_be_a_sum_of_signed_bytes() {
        let mut header = tar::Header::new_gnu();
        header.set_path("\u{e4}\u{f6}").unwrap();
        header.set_size(0);
        header.set_cksum();
        let mut block = *header.as_bytes();
        assert!(checksum_is_right(&block));
        // Four bytes of the name are over 127.
        let unsigned = header.cksum().unwrap();
        let signed = format!("{:06o}\0 ", unsigned - 4 * 256);
        block[148..156].copy_from_slice(signed.as_bytes());
        assert!(checksum_is_right(&block));
        block[0] ^= 1;
        assert!(!checksum_is_right(&block));
    }

    #[test]
    fn a_checksum_that_is_wrong_is_no_header() {
        let mut header = tar::Header::new_ustar();
        header.set_path("a/b").unwrap();
        header.set_size(3);
        header.set_cksum();
        let mut block = *header.as_bytes();
        assert_eq!(TarHeader::new(block).unwrap().name(), b"a/b");
        block[0] = b'x';
        assert_eq!(TarHeader::new(block).err(), Some(BadHeader::Checksum));
    }

    #[test]
    fn the_prefix_belongs_to_ustar_alone() {
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(60));
        let mut header = tar::Header::new_ustar();
        header.set_path(&long).unwrap();
        header.set_size(0);
        header.set_cksum();
        assert_eq!(
            TarHeader::new(*header.as_bytes()).unwrap().name(),
            long.as_bytes()
        );
        // GNU stores atime where ustar stores its prefix.
        let mut header = tar::Header::new_gnu();
        header.set_path("f").unwrap();
        header.as_gnu_mut().unwrap().set_atime(1_700_000_000);
        header.set_cksum();
        let header = TarHeader::new(*header.as_bytes()).unwrap();
        assert_eq!(header.name(), b"f");
        assert_eq!(header.ambiguity(), None);
    }

    /// golang.org/issue/12594: Go 1.7 and older wrote a prefix in headers with GNU's magic number.
    #[test]
    fn a_prefix_in_a_gnu_header_counts_where_it_cannot_be_times() {
        let block = |prefix: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_path("f").unwrap();
            header.as_mut_bytes()[345..345 + prefix.len()].copy_from_slice(prefix);
            header.set_cksum();
            TarHeader::new(*header.as_bytes()).unwrap()
        };
        assert_eq!(block(b"dir/sub").name(), b"dir/sub/f");
        assert_eq!(
            block(b"dir/sub").ambiguity(),
            Some(Ambiguity::MisplacedPrefix)
        );
        assert_eq!(block(b"0777").name(), b"f", "a time");
        assert_eq!(block("dür".as_bytes()).name(), b"f", "not ASCII");
    }
}
