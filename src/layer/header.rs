//! One 512-byte tar header block (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual,
//! "Basic Tar Format").
//!
//! A block is read by the rules of Go's `archive/tar` (`reader.go`, `readHeader`): it is refused if
//! any number in it is malformed, also one that nobody needs.

use super::ambiguity::Ambiguity;
use super::number::{begins_with_nuls, number, octal};

/// Size of a block, the unit of tar.
pub(crate) const BLOCK: usize = 512;

/// A header block whose checksum is right, and its numbers.
pub(crate) struct Header {
    block: [u8; BLOCK],
    flavour: Flavour,
    pub mode: i64,
    pub uid: i64,
    pub gid: i64,
    pub size: i64,
    pub mtime: i64,
    /// Major and minor number. A V7 header has none: they are 0.
    pub device: (i64, i64),
    /// A GNU header whose times are a path: Go before 1.8 wrote the ustar prefix there.
    prefix_for_times: bool,
    /// The first numeric field in which NULs stand before the digits.
    leading_nuls: Option<&'static str>,
}

/// Why a block is no header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// Its checksum is wrong.
    Checksum,
    /// The field of this name is no number.
    Field(&'static str),
}

/// Which family a header belongs to; it decides what the bytes after offset 257 mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    V7,
    Ustar,
    Gnu,
    /// Jörg Schilling's star: a shorter prefix, then times.
    Star,
}

/// Name, offset and length of the numeric fields that every header has.
const NUMBERS: [(&str, usize, usize); 5] = [
    ("mode", 100, 8),
    ("uid", 108, 8),
    ("gid", 116, 8),
    ("size", 124, 12),
    ("mtime", 136, 12),
];

impl Header {
    /// Reads a block.
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
        // Every caller names a field inside the block.
        self.block.get(at..at + len).unwrap_or_default()
    }

    pub(crate) fn type_flag(&self) -> u8 {
        self.field(156, 1).first().copied().unwrap_or_default()
    }

    /// Whether it is a GNU header, the only kind that has a map of a sparse file.
    pub(crate) fn is_gnu(&self) -> bool {
        self.flavour == Flavour::Gnu
    }

    /// The name, with the prefix if there is one.
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

    /// The ustar prefix in a GNU header, as Go before 1.8 wrote it in rare cases. Go still reads it if
    /// the times that belong there are no numbers and it is ASCII (golang.org/issue/12594).
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

    /// GNU sparse: the four pieces of the map in the header, whether more follow, the real size.
    pub(crate) fn sparse(&self) -> (&[u8], bool, Option<i64>) {
        let more = self.field(482, 1) != [0];
        (self.field(386, 4 * 24), more, number(self.field(483, 12)))
    }

    /// What another reader understands differently.
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

/// Whether a block is a tar header by its checksum, the sum of its bytes with its own field as
/// spaces. Some old tars added signed bytes.
pub(crate) fn checksum_is_right(block: &[u8; BLOCK]) -> bool {
    let Some(want) = block.get(148..156).and_then(octal) else {
        return false;
    };
    let (mut unsigned, mut signed) = (0_i64, 0_i64);
    for (i, &byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&i) { b' ' } else { byte };
        unsigned += i64::from(byte);
        signed += i64::from(byte as i8);
    }
    want == unsigned || want == signed
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

/// A text field ends at its first NUL or where it is full.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_that_is_wrong_is_no_header() {
        let mut header = tar::Header::new_ustar();
        header.set_path("a/b").unwrap();
        header.set_size(3);
        header.set_cksum();
        let mut block = *header.as_bytes();
        assert_eq!(Header::new(block).unwrap().name(), b"a/b");
        block[0] = b'x';
        assert_eq!(Header::new(block).err(), Some(BadHeader::Checksum));
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
        let header = Header::new(*header.as_bytes()).unwrap();
        assert_eq!(header.name(), b"f");
        assert_eq!(header.ambiguity(), None);
    }

    /// golang.org/issue/12594: Go 1.7 and older wrote a prefix behind GNU's magic.
    #[test]
    fn a_prefix_in_a_gnu_header_counts_where_it_cannot_be_times() {
        let block = |prefix: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_path("f").unwrap();
            header.as_mut_bytes()[345..345 + prefix.len()].copy_from_slice(prefix);
            header.set_cksum();
            Header::new(*header.as_bytes()).unwrap()
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
