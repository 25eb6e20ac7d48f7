//! Headers of a tar archive: ustar blocks, PAX records for values that do not fit in a block, and GNU's
//! entries for long names.
//!
//! Names are never written as PAX records. These are UTF-8 by definition, and readers convert them to
//! their locale or fail. Names in an image are arbitrary bytes. GNU tar, libarchive, Go, Python and
//! busybox all take the names in GNU's entries as bytes.

use std::io::{self, Write};

use crate::layer::Mtime;

pub(super) const BLOCK: usize = 512;

/// The length of the name and link name fields of a header, in bytes.
pub(super) const NAME: usize = 100;

const NANOS: i128 = 1_000_000_000;

/// The contents of a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct TarHeader<'a> {
    pub type_flag: u8,
    pub name: &'a [u8],
    pub link: &'a [u8],
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    /// The number of bytes that follow, without padding.
    pub size: u64,
    pub mtime: Mtime,
    pub device: (u32, u32),
}

impl TarHeader<'_> {
    /// The header of an entry that describes the next one.
    fn of_meta(type_flag: u8, name: &[u8], len: usize) -> TarHeader<'_> {
        TarHeader {
            type_flag,
            name,
            link: b"",
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: len as u64,
            mtime: Mtime::default(),
            device: (0, 0),
        }
    }

    /// Encodes the header block. A number that does not fit in octal is written in base 256, which all
    /// readers support. A name that is too long is truncated.
    fn block(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| {
            if let Some(field) = block.get_mut(at..at + bytes.len()) {
                field.copy_from_slice(bytes);
            }
        };
        put(0, cut(self.name));
        put(100, &number::<8>(self.mode.into()));
        put(108, &number::<8>(self.uid.into()));
        put(116, &number::<8>(self.gid.into()));
        put(124, &number::<12>(self.size.into()));
        put(136, &number::<12>(self.mtime.sec.into()));
        put(148, b"        ");
        put(156, &[self.type_flag]);
        put(157, cut(self.link));
        put(257, b"ustar\x0000");
        put(329, &number::<8>(self.device.0.into()));
        put(337, &number::<8>(self.device.1.into()));
        let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
        // The sum of 512 bytes has at most six octal digits.
        let sum = format!("{sum:06o}\0 ");
        if let Some(field) = block.get_mut(148..156) {
            field.copy_from_slice(sum.as_bytes());
        }
        block
    }

    /// Writes the header, preceded by entries for values that do not fit. `pax` contains additional
    /// records.
    pub(super) fn write(&self, pax: &Pax, out: &mut dyn Write) -> io::Result<()> {
        let mut records = Pax::default();
        records.number(b"uid", self.uid.into(), 8);
        records.number(b"gid", self.gid.into(), 8);
        records.number(b"size", self.size.into(), 12);
        if self.mtime.nsec != 0 || !has_room(self.mtime.sec.into(), 12) {
            records.add(b"mtime", decimal(self.mtime).as_bytes());
        }
        records.0.extend_from_slice(&pax.0);
        if !records.0.is_empty() {
            meta(b'x', b"././@PaxHeader", &records.0, out)?;
        }
        for (type_flag, text) in [(b'K', self.link), (b'L', self.name)] {
            if text.len() > NAME {
                meta(type_flag, b"././@LongLink", &[text, b"\0"].concat(), out)?;
            }
        }
        out.write_all(&self.block())
    }
}

/// Writes an entry that describes the next one.
fn meta(type_flag: u8, name: &[u8], data: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&TarHeader::of_meta(type_flag, name, data.len()).block())?;
    out.write_all(data)?;
    pad(out, data.len() as u64)
}

/// Truncates a name to the length of its field.
fn cut(name: &[u8]) -> &[u8] {
    name.get(..NAME).unwrap_or(name)
}

/// Whether a numeric field of `len` bytes, including a final NUL, can hold a number in octal.
fn has_room(number: i128, len: u32) -> bool {
    (0..1 << (3 * (len - 1))).contains(&number)
}

/// Encodes a numeric field.
fn number<const LEN: usize>(number: i128) -> [u8; LEN] {
    let mut field = [0; LEN];
    if has_room(number, LEN as u32) {
        let text = format!("{number:0width$o}", width = LEN - 1);
        for (to, from) in field.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        return field;
    }
    // Two's complement, with the highest bit set to distinguish it from octal.
    let bytes = number.to_be_bytes();
    for (to, from) in field.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    if let Some(first) = field.first_mut() {
        *first |= 0x80;
    }
    field
}

/// Returns the number of bytes that fill the last block of data of length `len`.
pub(super) fn padding(len: u64) -> u64 {
    len.wrapping_neg() % BLOCK as u64
}

/// Fills the last block of data of length `len`.
pub(super) fn pad(out: &mut dyn Write, len: u64) -> io::Result<()> {
    let zeros = [0; BLOCK];
    // Shorter than a block.
    out.write_all(zeros.get(..padding(len) as usize).unwrap_or_default())
}

/// A time as a decimal number, as PAX requires. The sign applies to the fraction too: 1.75 seconds
/// before the epoch is `-1.75`, although [`Mtime`] stores it as -2 s and 250,000,000 ns.
fn decimal(time: Mtime) -> String {
    let nanos = i128::from(time.sec) * NANOS + i128::from(time.nsec);
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let (sec, nsec) = (nanos / NANOS as u128, nanos % NANOS as u128);
    if nsec == 0 {
        return format!("{sign}{sec}");
    }
    let text = format!("{sign}{sec}.{nsec:09}");
    text.trim_end_matches('0').to_owned()
}

/// The records of a PAX header.
#[derive(Clone, Debug, Default)]
pub(super) struct Pax(Vec<u8>);

impl Pax {
    /// Adds `LENGTH KEY=VALUE\n`. The length includes its own digits.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while rest + digits(len) != len {
            len = rest + digits(len);
        }
        self.0.extend_from_slice(format!("{len} ").as_bytes());
        self.0.extend_from_slice(key);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// Adds a number if a field of `len` bytes cannot hold it.
    fn number(&mut self, key: &[u8], number: i128, len: u32) {
        if !has_room(number, len) {
            self.add(key, number.to_string().as_bytes());
        }
    }

    /// Adds an extended attribute. Escapes `%` and `=` in its name as GNU tar, star and libarchive do.
    pub(super) fn xattr(&mut self, name: &[u8], value: &[u8]) {
        let mut key = b"SCHILY.xattr.".to_vec();
        for &byte in name {
            match byte {
                b'%' => key.extend_from_slice(b"%25"),
                b'=' => key.extend_from_slice(b"%3D"),
                _ => key.push(byte),
            }
        }
        self.add(&key, value);
    }
}

fn digits(number: usize) -> usize {
    number.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_as_tars_write_them() {
        assert_eq!(&number::<8>(0o755), b"0000755\0");
        assert_eq!(&number::<8>(0o7777777), b"7777777\0");
        assert_eq!(&number::<8>(1 << 32), b"\x80\0\0\x01\0\0\0\0");
        assert_eq!(number::<12>(-1), [0xff; 12]);
        assert_eq!(&number::<12>((1 << 33) - 1), b"77777777777\0");
        assert_eq!(&number::<12>(1 << 33), b"\x80\0\0\0\0\0\0\x02\0\0\0\0");
    }

    #[test]
    fn times_are_decimal_numbers() {
        let text = |sec, nsec| decimal(Mtime { sec, nsec });
        assert_eq!(text(5, 0), "5");
        assert_eq!(text(5, 70), "5.00000007");
        assert_eq!(text(-1, 0), "-1");
        assert_eq!(text(-2, 250_000_000), "-1.75");
        assert_eq!(text(-1, 999_999_999), "-0.000000001");
        assert_eq!(text(i64::MIN, 0), "-9223372036854775808");
        assert_eq!(text(i64::MAX, 1), "9223372036854775807.000000001");
    }

    #[test]
    fn the_length_of_a_record_counts_itself() {
        for len in [0, 1, 80, 90, 91, 92, 93, 94, 95, 985, 990, 995, 9984, 9990] {
            let mut pax = Pax::default();
            pax.add(b"key", &vec![b'v'; len]);
            let text = String::from_utf8(pax.0.clone()).unwrap();
            let (said, _) = text.split_once(' ').unwrap();
            assert_eq!(said.parse(), Ok(text.len()));
        }
    }

    /// Compares with the headers that the `tar` crate makes of the same values.
    #[test]
    fn blocks_as_another_writer_makes_them() {
        let mut theirs = tar::Header::new_ustar();
        theirs.set_path("a/b").unwrap();
        theirs.set_entry_type(tar::EntryType::Char);
        theirs.set_mode(0o4711);
        theirs.set_uid(2_097_151);
        theirs.set_gid(4_294_967_294);
        theirs.set_size(0);
        theirs.set_mtime(1 << 34);
        theirs.set_device_major(5).unwrap();
        theirs.set_device_minor(1).unwrap();
        theirs.set_cksum();
        let ours = TarHeader {
            type_flag: b'3',
            name: b"a/b",
            link: b"",
            mode: 0o4711,
            uid: 2_097_151,
            gid: 4_294_967_294,
            size: 0,
            mtime: Mtime {
                sec: 1 << 34,
                nsec: 0,
            },
            device: (5, 1),
        };
        // Compare fields, not bytes: the two writers may terminate numbers differently.
        let block = ours.block();
        let ours = tar::Header::from_byte_slice(&block);
        assert_eq!(ours.path_bytes(), theirs.path_bytes());
        assert_eq!(ours.entry_type(), theirs.entry_type());
        assert_eq!(ours.mode().unwrap(), theirs.mode().unwrap());
        assert_eq!(ours.uid().unwrap(), theirs.uid().unwrap());
        assert_eq!(ours.gid().unwrap(), theirs.gid().unwrap());
        assert_eq!(ours.mtime().unwrap(), theirs.mtime().unwrap());
        assert_eq!(ours.device_major().unwrap(), theirs.device_major().unwrap());
        assert_eq!(ours.device_minor().unwrap(), theirs.device_minor().unwrap());
        let mut again = ours.clone();
        again.set_cksum();
        assert_eq!(ours.cksum().unwrap(), again.cksum().unwrap());
    }
}
