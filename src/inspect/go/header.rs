//! The header of the build information, in both of its formats.
//!
//! It has 32 bytes, aligned to 16 in memory: a magic number of 14 bytes, the size of a pointer, and
//! flags. Since Go 1.18 (flag 2) the two strings follow it, each after its length. Before, the
//! header contained two pointers to Go strings, each of which is a pointer and a length. Those are
//! resolved through the segments. In a position-independent executable the words in the file are
//! the values that the loader would write, minus the load address.

use memchr::memmem;

use super::{Mapped, Region};
use crate::inspect::read;
use crate::inspect::source::Source;

const MAGIC: &[u8; 14] = b"\xff Go buildinf:";
const ALIGN: u64 = 16;
const LEN: u64 = 32;

/// The flags, at offset 15.
const BIG_ENDIAN: u8 = 1;
const INLINE: u8 = 2;

/// The maximum length of a version: `go1.27.1 X:nocoverageredesign`, or a development version with
/// its commit and date.
const VERSION_LIMIT: u64 = 1024;

/// The maximum length of the text. The largest known one has 22 KB (terraform).
const MODINFO_LIMIT: u64 = 4 << 20;

/// The mark before the text of modules (`cmd/go/internal/modload/build.go`, `ModInfoProg`).
pub(super) const START: [u8; 16] =
    *b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
/// The mark after the text.
pub(super) const END: [u8; 16] =
    *b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";

/// The maximum number of invalid headers. Any program may contain the magic number as data.
const ATTEMPTS: usize = 64;

/// The maximum number of occurrences of the magic number, aligned or not.
const HITS: usize = 1 << 14;

/// The two strings that the header refers to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Strings {
    pub version: String,
    pub modinfo: Vec<u8>,
}

/// Searches every aligned address of `place` for a header, and returns the strings of the first
/// valid one.
pub(super) fn find(source: &dyn Source, place: Region, mapped: &[Mapped]) -> Option<Strings> {
    let finder = memmem::Finder::new(MAGIC);
    let mut left = ATTEMPTS;
    let mut hits = HITS;
    let found = read::scan(source, place.offset, place.len, LEN, |base, window| {
        for index in finder.find_iter(window).take(hits) {
            hits -= 1;
            let at = base.checked_add(index as u64)?;
            let address = place.address.wrapping_add(at.wrapping_sub(place.offset));
            if address % ALIGN != 0 {
                continue;
            }
            if left == 0 || hits == 0 {
                // Ends the scan.
                return Some(None);
            }
            left -= 1;
            if let Some(strings) = decode(source, at, mapped) {
                return Some(Some(strings));
            }
        }
        None
    });
    found.flatten()
}

fn decode(source: &dyn Source, at: u64, mapped: &[Mapped]) -> Option<Strings> {
    let bytes = source.piece(at, LEN, LEN).ok()?;
    let (pointer_size, flags) = (*bytes.get(14)?, *bytes.get(15)?);
    let (version, modinfo) = if flags & INLINE != 0 {
        inline(source, at.checked_add(LEN)?)?
    } else {
        let pointers = Pointers {
            source,
            mapped,
            wide: pointer_size == 8,
            big: flags & BIG_ENDIAN != 0,
        };
        if !matches!(pointer_size, 4 | 8) {
            return None;
        }
        let word = pointers.words(at.checked_add(16)?)?;
        // The second pointer is null in programs that were built without modules.
        let modinfo = pointers.string(word.1, MODINFO_LIMIT).unwrap_or_default();
        (pointers.string(word.0, VERSION_LIMIT)?, modinfo)
    };
    let version = String::from_utf8(version).ok()?;
    let is_version = version.starts_with("go1") || version.starts_with("devel");
    is_version.then(|| Strings {
        version,
        modinfo: unframed(modinfo),
    })
}

/// Reads the strings of Go 1.18 and later, each after its length.
fn inline(source: &dyn Source, at: u64) -> Option<(Vec<u8>, Vec<u8>)> {
    let (version_at, len) = length(source, at)?;
    let version = source.piece(version_at, len, VERSION_LIMIT).ok()?;
    let modinfo = || {
        let (modinfo_at, len) = length(source, version_at.checked_add(len)?)?;
        source.piece(modinfo_at, len, MODINFO_LIMIT).ok()
    };
    Some((version, modinfo().unwrap_or_default()))
}

/// Reads a length. Returns the offset of the data after it, and the length.
fn length(source: &dyn Source, at: u64) -> Option<(u64, u64)> {
    let bytes = read::prefix(source, at, 10, 10)?;
    let (len, rest) = read::uvarint(&bytes)?;
    let used = bytes.len().checked_sub(rest.len())?;
    Some((at.checked_add(used as u64)?, len))
}

/// Reads the strings of Go 1.13 to 1.17, which the header points to.
struct Pointers<'a> {
    source: &'a dyn Source,
    mapped: &'a [Mapped],
    wide: bool,
    big: bool,
}

impl Pointers<'_> {
    /// Reads the string whose pointer and length are at an address.
    fn string(&self, address: u64, limit: u64) -> Option<Vec<u8>> {
        let (data, len) = self.words(self.offset_of(address)?)?;
        self.source.piece(self.offset_of(data)?, len, limit).ok()
    }

    fn offset_of(&self, address: u64) -> Option<u64> {
        self.mapped.iter().find_map(|m| {
            let into = address
                .checked_sub(m.address)
                .filter(|&into| into < m.len)?;
            m.offset.checked_add(into)
        })
    }

    /// Reads two words.
    fn words(&self, offset: u64) -> Option<(u64, u64)> {
        let size = if self.wide { 8 } else { 4 };
        let bytes = self.source.piece(offset, 2 * size, 16).ok()?;
        let word = |bytes: &[u8]| {
            let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
            if self.big {
                bytes.iter().fold(0, push)
            } else {
                bytes.iter().rev().fold(0, push)
            }
        };
        let (first, second) = bytes.split_at_checked(bytes.len() / 2)?;
        Some((word(first), word(second)))
    }
}

/// Removes the 16 bytes at both ends of the text, by which the runtime finds it. As in Go, their
/// presence is detected by the newline before the last 16 bytes. Without them, returns an empty
/// text.
fn unframed(modinfo: Vec<u8>) -> Vec<u8> {
    let framed = modinfo.len() >= 33 && modinfo.get(modinfo.len() - 17) == Some(&b'\n');
    let text = framed
        .then(|| modinfo.get(16..modinfo.len() - 16))
        .flatten();
    text.map_or_else(Vec::new, <[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(text: &[u8]) -> Vec<u8> {
        [&START[..], text, &END].concat()
    }

    fn header(pointer_size: u8, flags: u8) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([pointer_size, flags]);
        bytes
    }

    fn inline(version: &[u8], modinfo: &[u8]) -> Vec<u8> {
        let mut bytes = header(8, INLINE);
        bytes.resize(32, 0);
        bytes.push(version.len() as u8);
        bytes.extend(version);
        bytes.push(modinfo.len() as u8);
        bytes.extend(modinfo);
        bytes
    }

    fn everywhere(address: u64) -> Region {
        Region {
            address,
            offset: 0,
            len: u64::MAX,
        }
    }

    #[test]
    fn strings_follow_the_header() {
        let file = inline(b"go1.22.1", &framed(b"path\tx\n"));
        let found = find(&file, everywhere(0x40_0000), &[]).unwrap();
        assert_eq!(
            found,
            Strings {
                version: "go1.22.1".into(),
                modinfo: b"path\tx\n".to_vec()
            }
        );
    }

    #[test]
    fn a_header_is_aligned_in_memory() {
        let file = [vec![0; 8], inline(b"go1.22.1", b"")].concat();
        assert_eq!(find(&file, everywhere(0x40_0000), &[]), None);
        assert!(find(&file, everywhere(0x40_0008), &[]).is_some());
    }

    #[test]
    fn what_only_looks_like_one_is_passed_over() {
        let mut file = inline(b"not Go at all", b"");
        file.resize(file.len().next_multiple_of(16), 0);
        file.extend(inline(b"devel +abc", b""));
        assert_eq!(
            find(&file, everywhere(0), &[]).unwrap().version,
            "devel +abc"
        );
        let fakes = MAGIC
            .iter()
            .chain(b"\x08\x02")
            .copied()
            .cycle()
            .take(16 << 12);
        assert_eq!(find(&fakes.collect::<Vec<_>>(), everywhere(0), &[]), None);
    }

    #[test]
    fn a_text_without_its_frame_is_none() {
        let version = |modinfo: &[u8]| {
            find(&inline(b"go1.18", modinfo), everywhere(0), &[]).map(|strings| strings.modinfo)
        };
        assert_eq!(version(b"path\tx\n"), Some(vec![]));
        assert_eq!(version(&framed(b"path\tx")), Some(vec![]));
        assert_eq!(version(&framed(b"\n")), Some(b"\n".to_vec()));
    }

    #[test]
    fn pointers_lead_to_strings() {
        for (wide, big) in [(true, true), (true, false), (false, true), (false, false)] {
            let word = |value: u64| match (wide, big) {
                (true, true) => value.to_be_bytes().to_vec(),
                (true, false) => value.to_le_bytes().to_vec(),
                (false, true) => (value as u32).to_be_bytes().to_vec(),
                (false, false) => (value as u32).to_le_bytes().to_vec(),
            };
            // The header is at 0, the string headers at 32 and 48, and the bytes at 64. All are
            // loaded at 0x1000.
            let text = framed(b"path\tx\n");
            let mut file = header(if wide { 8 } else { 4 }, u8::from(big));
            for (at, words) in [
                (16, [0x1020, 0x1030]),
                (32, [0x1040, 7]),
                (48, [0x1047, text.len() as u64]),
            ] {
                file.resize(at, 0);
                words.iter().for_each(|&value| file.extend(word(value)));
            }
            file.resize(64, 0);
            file.extend(b"go1.15.");
            file.extend(&text);
            let mapped = [Region {
                address: 0x1000,
                offset: 0,
                len: file.len() as u64,
            }];
            let found = find(&file, everywhere(0x1000), &mapped).unwrap();
            assert_eq!(found.version, "go1.15.");
            assert_eq!(found.modinfo, b"path\tx\n");
            assert_eq!(find(&file, everywhere(0x1000), &[]), None);
        }
    }
}
