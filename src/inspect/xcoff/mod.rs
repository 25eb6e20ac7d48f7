//! XCOFF: the executables of AIX (IBM: XCOFF Object File Format).
//!
//! The format is always big-endian. The magic number has only two bytes, so the headers are checked
//! too. The loader section lists what is loaded at run time: a search path, then for each library a
//! file and a member of it.

mod loader;

use object::endian::BigEndian as BE;
use object::pod::from_bytes;
use object::xcoff::{
    F_EXEC, F_SHROBJ, FileHeader32, FileHeader64, MAGIC_32, MAGIC_64, STYP_DATA, STYP_LOADER,
    STYP_TEXT, SectionHeader32, SectionHeader64, Symbol64,
};

use self::loader::imports;
use super::binary::{
    Binary, BinaryKind, Endian, FactSource, Format, GoBuild, Libc, Linkage, Sourced,
};
use super::go::{self, Region, injected::Names};
use super::read;
use super::source::Source;

/// The maximum number of sections. No linker creates more than some dozens.
const SECTIONS_LIMIT: u16 = 4096;

/// The maximum length of the optional header in bytes. The largest has 120.
const OPTIONAL_LIMIT: u16 = 256;

/// The relevant fields of the header.
struct XcoffHeader {
    wide: bool,
    sections: u16,
    optional_len: u16,
    flags: u16,
    symbols_at: u64,
    symbols: u32,
}

impl XcoffHeader {
    fn read(head: &[u8]) -> Option<Self> {
        let magic = u16::from_be_bytes(*head.first_chunk()?);
        macro_rules! read_as {
            ($header:ty, $wide:expr) => {{
                let (raw, _) = from_bytes::<$header>(head).ok()?;
                Self {
                    wide: $wide,
                    sections: raw.f_nscns.get(BE),
                    optional_len: raw.f_opthdr.get(BE),
                    flags: raw.f_flags.get(BE).0,
                    symbols_at: raw.f_symptr.get(BE).into(),
                    symbols: raw.f_nsyms.get(BE),
                }
            }};
        }
        let header = match magic {
            MAGIC_32 => read_as!(FileHeader32, false),
            MAGIC_64 => read_as!(FileHeader64, true),
            _ => return None,
        };
        let fits = (1..=SECTIONS_LIMIT).contains(&header.sections)
            && header.optional_len <= OPTIONAL_LIMIT;
        fits.then_some(header)
    }

    /// The offset of the section headers.
    fn sections_at(&self) -> u64 {
        let len = if self.wide {
            size_of::<FileHeader64>()
        } else {
            size_of::<FileHeader32>()
        };
        len as u64 + u64::from(self.optional_len)
    }
}

/// The relevant fields of a section header.
struct XcoffSection {
    region: Region,
    flags: u32,
}

/// Whether these are the first bytes of an XCOFF file, whose first section must have a name.
pub(super) fn is_xcoff(head: &[u8]) -> bool {
    let first = XcoffHeader::read(head).and_then(|header| {
        let at = usize::try_from(header.sections_at()).ok()?;
        head.get(at..)?.first_chunk::<8>()
    });
    first.is_some_and(|name| {
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        name.starts_with(b".") && name.iter().all(u8::is_ascii_graphic)
    })
}

/// Decodes an XCOFF file.
pub(super) fn inspect(source: &dyn Source, head: &[u8]) -> Option<Binary> {
    let header = XcoffHeader::read(head)?;
    let sections = if header.wide {
        sections::<SectionHeader64>(source, &header, |s| XcoffSection {
            region: Region {
                address: s.s_vaddr.get(BE),
                offset: s.s_scnptr.get(BE),
                len: s.s_size.get(BE),
            },
            flags: s.s_flags.get(BE).0,
        })
    } else {
        sections::<SectionHeader32>(source, &header, |s| XcoffSection {
            region: Region {
                address: s.s_vaddr.get(BE).into(),
                offset: s.s_scnptr.get(BE).into(),
                len: s.s_size.get(BE).into(),
            },
            flags: s.s_flags.get(BE).0,
        })
    };
    let kind = match header.flags {
        flags if flags & F_SHROBJ.0 != 0 => BinaryKind::SharedLibrary,
        flags if flags & F_EXEC.0 != 0 => BinaryKind::Executable,
        _ => BinaryKind::Object,
    };
    let loader = of_type(&sections, STYP_LOADER.0).next();
    let (needed, path) = loader
        .and_then(|region| imports(source, region, header.wide))
        .unwrap_or_default();
    let go = go_build(source, &header, &sections);
    let runs = kind != BinaryKind::Object;
    Some(Binary {
        format: Format::Xcoff,
        kind,
        os: Some(Sourced {
            value: "aix".into(),
            source: FactSource::Header,
        }),
        arch: Some(Sourced {
            value: if header.wide { "ppc64" } else { "ppc" }.into(),
            source: FactSource::Header,
        }),
        variants: go
            .as_ref()
            .filter(|_| header.wide)
            .and_then(|go| go.variant("ppc64"))
            .into_iter()
            .collect(),
        bits: Some(if header.wide { 64 } else { 32 }),
        endian: Some(Endian::Big),
        linkage: runs.then_some(if needed.is_empty() {
            Linkage::Static
        } else {
            Linkage::Dynamic
        }),
        // AIX has its own C library, for which there is no value.
        libc: runs.then_some(Libc::Unknown),
        runpath: path,
        needed,
        stripped: Some(header.symbols == 0 || header.symbols_at == 0),
        go,
        ..Binary::default()
    })
}

fn sections<T: object::pod::Pod>(
    source: &dyn Source,
    header: &XcoffHeader,
    section: impl Fn(&T) -> XcoffSection,
) -> Vec<XcoffSection> {
    let size = size_of::<T>() as u64;
    let len = u64::from(header.sections) * size;
    let limit = u64::from(SECTIONS_LIMIT) * size;
    let bytes = read::prefix(source, header.sections_at(), len, limit).unwrap_or_default();
    let mut rest = &bytes[..];
    let mut sections = Vec::new();
    while let Ok((raw, after)) = from_bytes::<T>(rest) {
        sections.push(section(raw));
        rest = after;
    }
    sections
}

/// Returns the sections of a type. The upper half of the flags is for DWARF subtypes.
fn of_type(sections: &[XcoffSection], kind: u16) -> impl Iterator<Item = Region> + '_ {
    let found = sections.iter();
    found
        .filter(move |s| s.flags & 0xffff == u32::from(kind))
        .map(|s| s.region)
}

fn go_build(
    source: &dyn Source,
    header: &XcoffHeader,
    sections: &[XcoffSection],
) -> Option<GoBuild> {
    let mapped: Vec<_> = sections.iter().map(|s| s.region).collect();
    let mut places = of_type(sections, STYP_DATA.0).take(4);
    let mut build = places
        .find_map(|place| go::read(source, place, &mapped))
        .or_else(|| {
            let code = of_type(sections, STYP_TEXT.0).chain(of_type(sections, STYP_DATA.0));
            let ranges = code.map(|r| (r.offset, r.offset.saturating_add(r.len)));
            let ranges = read::merged(ranges.collect());
            go::has_tables(source, &ranges).then(|| go::read_bare(source, &ranges))
        })?;
    build.inject(|| {
        if !header.wide {
            return Vec::new();
        }
        let size = size_of::<Symbol64>() as u64;
        let len = u64::from(header.symbols) * size;
        // The names follow the symbols, after their length.
        let names_at = header.symbols_at.saturating_add(len);
        let length = read::record::<object::endian::U32<BE>>(source, names_at);
        let length = length.map_or(0, |length| length.get(BE).into());
        Names::find(source, names_at, length).values(
            source,
            (header.symbols_at, len),
            &mapped,
            |s: &Symbol64| (s.n_offset.get(BE).into(), s.n_value.get(BE)),
        )
    });
    Some(build)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bytes_are_not_enough() {
        let mut head = vec![0x01, 0xf7, 0, 1];
        head.resize(24, 0);
        assert!(!is_xcoff(&head));
        head.extend(b".text\0\0\0");
        assert!(is_xcoff(&head));
        head[2..4].fill(0xff);
        assert!(!is_xcoff(&head));
        assert!(!is_xcoff(b"\x01\xf7"));
    }
}
