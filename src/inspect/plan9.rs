//! Plan 9 executables (a.out(6) of its manual): a header of 32 bytes, big-endian on every
//! architecture, then text, data, symbols and line numbers, whose sizes are in the header.
//!
//! The magic number is weak (other files also begin with `00 00 01 eb`), so the sizes must add up
//! to no more than the length of the file.

use object::endian::{BigEndian as BE, U32};
use object::pod::from_bytes;

use super::binary::{
    Binary, BinaryKind, Endian, FactSource, Format, GoBuild, Libc, Linkage, Sourced,
};
use super::go::{self, Region};
use super::source::Source;

/// The bit for 64-bit architectures. Their header has 8 more bytes, the full entry point.
const WIDE: u32 = 0x8000;

/// magic, text, data, bss, syms, entry, spsz, pcsz
type Raw = [U32<BE>; 8];

struct Plan9Header {
    arch: &'static str,
    wide: bool,
    text: u64,
    data: u64,
    symbols: u64,
    lines: u64,
    entry: u64,
}

impl Plan9Header {
    fn read(head: &[u8]) -> Option<Self> {
        let (raw, _) = from_bytes::<Raw>(head).ok()?;
        let [magic, text, data, _, symbols, entry, _, lines] = raw.map(|word| word.get(BE));
        // `_MAGIC(f, b)` is `((((4*b)+0)*b)+7)`, with `b` = 26, 11, 20.
        let arch = match magic {
            0x8a97 => "amd64",
            0x01eb => "386",
            0x0647 => "arm",
            _ => return None,
        };
        let header = Self {
            arch,
            wide: magic & WIDE != 0,
            text: text.into(),
            data: data.into(),
            symbols: symbols.into(),
            lines: lines.into(),
            entry: entry.into(),
        };
        (text > 0 && entry > 0).then_some(header)
    }

    fn len(&self) -> u64 {
        size_of::<Raw>() as u64 + if self.wide { 8 } else { 0 }
    }

    /// Returns the ranges of text and data in the file and in memory. The text is loaded after the
    /// first page, together with the header, and the data at the next page. The page size of amd64
    /// is 2 MiB.
    fn segments(&self) -> [Region; 2] {
        let page: u64 = if self.wide { 2 << 20 } else { 4096 };
        let address = page + self.len();
        let text = Region {
            address,
            offset: self.len(),
            len: self.text,
        };
        let data = Region {
            address: (address + self.text).next_multiple_of(page),
            offset: self.len() + self.text,
            len: self.data,
        };
        [text, data]
    }
}

/// Whether the bytes can be the start of a Plan 9 executable.
pub(super) fn is_plan9(head: &[u8]) -> bool {
    Plan9Header::read(head).is_some()
}

/// Decodes a file. Returns `None` if the sizes exceed the file.
pub(super) fn inspect(source: &dyn Source, head: &[u8]) -> Option<Binary> {
    let header = Plan9Header::read(head)?;
    let segments = header.segments();
    let [text, data] = segments;
    // No overflow: all sizes are 32-bit numbers.
    let len = data.offset + header.data + header.symbols + header.lines;
    let starts = (text.address..text.address + text.len).contains(&header.entry);
    if len > source.len() || !starts {
        return None;
    }
    let go = go_build(source, &segments);
    Some(Binary {
        format: Format::Plan9,
        kind: BinaryKind::Executable,
        os: Some(Sourced {
            value: "plan9".into(),
            source: FactSource::Header,
        }),
        arch: Some(Sourced {
            value: header.arch.into(),
            source: FactSource::Header,
        }),
        variants: go
            .as_ref()
            .and_then(|go| go.variant(header.arch))
            .into_iter()
            .collect(),
        bits: Some(if header.wide { 64 } else { 32 }),
        endian: Some(Endian::Little),
        linkage: Some(Linkage::Static),
        libc: Some(if go.is_some() {
            Libc::None
        } else {
            Libc::Unknown
        }),
        stripped: Some(header.symbols == 0),
        pie: Some(false),
        go,
        ..Binary::default()
    })
}

fn go_build(source: &dyn Source, segments: &[Region; 2]) -> Option<GoBuild> {
    let [text, data] = *segments;
    let build = go::read(source, data, segments).or_else(|| {
        // All read-only data is part of the text, and text and data are contiguous.
        let all = [(text.offset, data.offset.saturating_add(data.len))];
        go::has_tables(source, &all).then(|| go::read_bare(source, &all))
    });
    build.map(|mut build| {
        build.inject(Vec::new);
        build
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(magic: u32, sizes: [u32; 7], len: usize) -> Vec<u8> {
        let mut bytes = magic.to_be_bytes().to_vec();
        for size in sizes {
            bytes.extend(size.to_be_bytes());
        }
        bytes.resize(len, 0);
        bytes
    }

    #[test]
    fn sizes_must_add_up() {
        let sizes = [100, 20, 5000, 0, 0x1020, 0, 8];
        let of = |magic, sizes, len| inspect(&file(magic, sizes, len), &file(magic, sizes, len));
        let found = of(0x1eb, sizes, 160).unwrap();
        assert_eq!(found.arch.unwrap().value, "386");
        assert_eq!(
            (found.stripped, found.libc),
            (Some(true), Some(Libc::Unknown))
        );
        assert!(of(0x1eb, sizes, 159).is_none());
        assert!(of(0x647, sizes, 160).is_some());
        assert!(of(0x107, sizes, 160).is_none());
        // The entry point is outside the text.
        assert!(of(0x1eb, [100, 20, 0, 0, 0x20, 0, 8], 160).is_none());
        assert!(of(0x1eb, [u32::MAX; 7], 160).is_none());
    }
}
