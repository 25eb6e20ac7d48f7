//! The members of an archive (ar(5), with the long names of System V and BSD).
//!
//! Each member has a header of 60 bytes of text at an even offset. A thin archive contains only the
//! tables; the members are in other files.

use crate::inspect::read;
use crate::inspect::source::{Source, Window};

/// The magic number of an archive.
pub(in crate::inspect) const MAGIC: &[u8] = b"!<arch>\n";
/// The magic number of a thin archive.
pub(in crate::inspect) const THIN_MAGIC: &[u8] = b"!<thin>\n";

const HEADER_LEN: u64 = 60;

/// The maximum number of members. The C library has two thousand.
const LIMIT: usize = 1 << 15;

/// The maximum length in bytes of all long names together.
const NAMES_LIMIT: u64 = 4 << 20;

/// A member: its name and the range of its content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub name: Vec<u8>,
    offset: u64,
    len: u64,
}

impl Member {
    /// Returns the content of the member.
    pub(super) fn content<'a>(&self, source: &'a dyn Source) -> Window<'a> {
        Window::new(source, self.offset, self.len)
    }
}

/// Iterates over the members up to the first invalid header.
pub(super) struct Members<'a> {
    source: &'a dyn Source,
    at: u64,
    left: usize,
    thin: bool,
    long_names: Vec<u8>,
}

impl<'a> Members<'a> {
    pub(super) fn new(source: &'a dyn Source) -> Self {
        let magic = read::prefix(source, 0, 8, 8).unwrap_or_default();
        Self {
            source,
            at: MAGIC.len() as u64,
            left: LIMIT,
            thin: magic == THIN_MAGIC,
            long_names: Vec::new(),
        }
    }
}

impl Iterator for Members<'_> {
    type Item = Member;

    fn next(&mut self) -> Option<Member> {
        self.left = self.left.checked_sub(1)?;
        let header = self.source.piece(self.at, HEADER_LEN, HEADER_LEN).ok()?;
        let name = header.get(..16)?.trim_ascii_end();
        let mut len = number(header.get(48..58)?)?;
        if header.get(58..) != Some(b"`\n") {
            return None;
        }
        let mut offset = self.at.checked_add(HEADER_LEN)?;
        // A thin archive also contains the tables of symbols and names.
        let table = matches!(name, b"/" | b"//" | b"/SYM64/");
        let stored = if self.thin && !table { 0 } else { len };
        self.at = offset.checked_add(stored)?.checked_next_multiple_of(2)?;
        if name == b"//" {
            self.long_names = read::prefix(self.source, offset, len, NAMES_LIMIT)?;
        }
        let name = if let Some(digits) = name.strip_prefix(b"#1/") {
            // BSD: the name is the first part of the content.
            let name_len = number(digits)?;
            let name = read::prefix(self.source, offset, name_len.min(len), 4096)?;
            offset = offset.checked_add(name_len)?;
            len = len.saturating_sub(name_len);
            name.split(|&b| b == 0).next().unwrap_or_default().to_vec()
        } else if let Some(index) = name.strip_prefix(b"/").and_then(number) {
            let index = usize::try_from(index).ok()?;
            let name = self.long_names.get(index..).unwrap_or_default();
            let end = memchr::memchr(b'\n', name).unwrap_or(name.len());
            without_slash(name.get(..end)?)
        } else if table {
            name.to_vec()
        } else {
            without_slash(name)
        };
        Some(Member { name, offset, len })
    }
}

/// Removes the slash with which System V ends names.
fn without_slash(name: &[u8]) -> Vec<u8> {
    name.strip_suffix(b"/").unwrap_or(name).to_vec()
}

/// Parses decimal digits followed by blanks.
fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.trim_ascii_end())
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, content: &[u8]) -> Vec<u8> {
        let len = content.len();
        let mut bytes =
            format!("{name:<16}0           0     0     644     {len:<10}`\n").into_bytes();
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        bytes
    }

    fn names(archive: &[u8]) -> Vec<(String, u64)> {
        let archive = archive.to_vec();
        let members = Members::new(&archive);
        members
            .map(|m| (String::from_utf8(m.name).unwrap(), m.len))
            .collect()
    }

    #[test]
    fn names_are_written_in_three_ways() {
        let archive = [
            MAGIC,
            &member("/", b"\0\0\0\0"),
            &member("//", b"a-long-file-name.o/\nanother-long-name.o/\n"),
            &member("short.o/", b"123"),
            &member("/20", b"12345"),
            &member("#1/12", b"bsd-name.o\0\0xyz"),
        ]
        .concat();
        let expected = [
            ("/", 4),
            ("//", 41),
            ("short.o", 3),
            ("another-long-name.o", 5),
            ("bsd-name.o", 3),
        ];
        assert_eq!(names(&archive), expected.map(|(n, l)| (n.to_owned(), l)));
    }

    #[test]
    fn a_thin_archive_has_no_contents() {
        let mut hollow = member("/0", &[]);
        hollow[48..52].copy_from_slice(b"1400");
        let archive = [THIN_MAGIC, &member("//", b"x.o/\n"), &hollow, &hollow].concat();
        let names = names(&archive);
        assert_eq!(names.len(), 3);
        assert_eq!(names[2], ("x.o".to_owned(), 1400));
    }

    #[test]
    fn what_makes_no_sense_ends_it() {
        let archive = [MAGIC, &member("a.o/", b"12"), b"junk"].concat();
        assert_eq!(names(&archive).len(), 1);
        assert!(names(MAGIC).is_empty());
        let mut broken = [MAGIC, &member("a.o/", b"12")].concat();
        broken[56..66].fill(b'9');
        assert!(names(&broken).len() <= 1);
    }
}
