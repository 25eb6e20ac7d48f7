//! The program headers, which the kernel and the loader use.

use object::elf::{
    PF_W, PF_X, PN_XNUM, PT_INTERP, PT_LOAD, ProgramFlags, ProgramHeader32, ProgramHeader64,
    ProgramType, SectionHeader32, SectionHeader64,
};
use object::endian::Endianness;
use object::pod::slice_from_all_bytes;
use object::read::elf::{ProgramHeader, SectionHeader};

use super::header::{ElfHeader, Layout};
use crate::inspect::go::Mapped;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum length of the table. The kernel accepts 64 KiB of program headers, but a core dump
/// with many threads and mappings may have more.
const TABLE_LIMIT: u64 = 4 << 20;

/// PATH_MAX. The kernel refuses a longer PT_INTERP.
const INTERP_LIMIT: u64 = 4096;

/// One program header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub kind: ProgramType,
    pub flags: ProgramFlags,
    pub offset: u64,
    pub vaddr: u64,
    pub filesz: u64,
    pub memsz: u64,
    pub align: u64,
}

/// The program header table. Empty if the file has none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Segments(Vec<Segment>);

impl Segments {
    /// Reads the table. Returns `None` if it is not where the header says or has a wrong record
    /// size.
    pub(super) fn read(source: &dyn Source, header: &ElfHeader) -> Option<Self> {
        if header.layout.wide {
            Self::decode::<ProgramHeader64<Endianness>, SectionHeader64<Endianness>>(source, header)
        } else {
            Self::decode::<ProgramHeader32<Endianness>, SectionHeader32<Endianness>>(source, header)
        }
    }

    fn decode<P, S>(source: &dyn Source, header: &ElfHeader) -> Option<Self>
    where
        P: ProgramHeader<Endian = Endianness>,
        S: SectionHeader<Endian = Endianness>,
    {
        let count = match header.phnum {
            0 => return Some(Self::default()),
            // The number does not fit in the field, so it is in the first section header (gABI). A
            // smaller number would not be stored there.
            PN_XNUM => {
                let section =
                    read::record::<S>(source, header.shoff).filter(|_| header.shoff != 0)?;
                let count = section.sh_info(header.layout.endian);
                if count < u32::from(PN_XNUM) {
                    return None;
                }
                count
            }
            count => count.into(),
        };
        if usize::from(header.phentsize) != size_of::<P>() {
            return None;
        }
        let len = u64::from(count).checked_mul(header.phentsize.into())?;
        let table = source.piece(header.phoff, len, TABLE_LIMIT).ok()?;
        Self::parse_as::<P>(&table, header.layout.endian)
    }

    /// Parses a table. Returns `None` if the bytes are not a whole number of records.
    pub(super) fn parse(bytes: &[u8], layout: Layout) -> Option<Self> {
        if layout.wide {
            Self::parse_as::<ProgramHeader64<Endianness>>(bytes, layout.endian)
        } else {
            Self::parse_as::<ProgramHeader32<Endianness>>(bytes, layout.endian)
        }
    }

    fn parse_as<P: ProgramHeader<Endian = Endianness>>(
        bytes: &[u8],
        endian: Endianness,
    ) -> Option<Self> {
        let table = slice_from_all_bytes::<P>(bytes).ok()?;
        Some(Self(
            table
                .iter()
                .map(|p| Segment {
                    kind: p.p_type(endian),
                    flags: p.p_flags(endian),
                    offset: p.p_offset(endian).into(),
                    vaddr: p.p_vaddr(endian).into(),
                    filesz: p.p_filesz(endian).into(),
                    memsz: p.p_memsz(endian).into(),
                    align: p.p_align(endian).into(),
                })
                .collect(),
        ))
    }

    /// Returns all segments of one type, in table order.
    pub(super) fn of_kind(&self, kind: ProgramType) -> impl DoubleEndedIterator<Item = &Segment> {
        self.0.iter().filter(move |segment| segment.kind == kind)
    }

    /// Returns the first segment of one type. If a type should occur only once, the kernel uses the
    /// first.
    pub(super) fn first(&self, kind: ProgramType) -> Option<&Segment> {
        self.of_kind(kind).next()
    }

    /// Returns the file offset of the byte at a virtual address, and the file offset at which its
    /// segment ends, computed as tools do that only read the file. For the bytes that are mapped,
    /// see [`Memory`](super::memory::Memory).
    pub(super) fn offset_of(&self, vaddr: u64) -> Option<(u64, u64)> {
        self.of_kind(PT_LOAD).find_map(|load| {
            let into = vaddr
                .checked_sub(load.vaddr)
                .filter(|&into| into < load.filesz)?;
            Some((
                load.offset.checked_add(into)?,
                load.offset.checked_add(load.filesz)?,
            ))
        })
    }

    /// Returns the PT_LOAD segments in the form used for Go's build information.
    pub(super) fn mapped(&self) -> Vec<Mapped> {
        let loads = self.of_kind(PT_LOAD);
        loads
            .map(|s| Mapped {
                address: s.vaddr,
                offset: s.offset,
                len: s.filesz,
            })
            .collect()
    }

    /// Returns the first segment of initialized data: loaded, writable, not executable.
    pub(super) fn data(&self) -> Option<&Segment> {
        self.of_kind(PT_LOAD)
            .find(|s| s.flags.0 & (PF_W.0 | PF_X.0) == PF_W.0)
    }

    /// Returns the ranges `(offset, end)` of the file that are loaded and never written, sorted and
    /// without overlap, so that no byte is read twice, even if a file claims many segments.
    pub(super) fn read_only(&self) -> Vec<(u64, u64)> {
        let loads = self.of_kind(PT_LOAD).filter(|s| s.flags.0 & PF_W.0 == 0);
        let ranges = loads.filter_map(|s| Some((s.offset, s.offset.checked_add(s.filesz)?)));
        read::merged(ranges.collect())
    }

    /// Returns the ranges `(offset, end)` of everything that is loaded. The tables of a
    /// position-independent Go program are in data that the loader writes to and then makes
    /// read-only.
    pub(super) fn loaded(&self) -> Vec<(u64, u64)> {
        let loads = self.of_kind(PT_LOAD);
        let ranges = loads.filter_map(|s| Some((s.offset, s.offset.checked_add(s.filesz)?)));
        read::merged(ranges.collect())
    }

    /// Returns PT_INTERP as written, up to its NUL.
    pub(super) fn interpreter(&self, source: &dyn Source) -> Option<Vec<u8>> {
        let interp = self.first(PT_INTERP)?;
        let mut path = source
            .piece(interp.offset, interp.filesz, INTERP_LIMIT)
            .ok()?;
        if let Some(nul) = memchr::memchr(0, &path) {
            path.truncate(nul);
        }
        Some(path).filter(|path| !path.is_empty())
    }
}

#[cfg(test)]
impl From<Vec<Segment>> for Segments {
    fn from(table: Vec<Segment>) -> Self {
        Self(table)
    }
}

#[cfg(test)]
impl Segments {
    /// Creates a table of segments without contents.
    pub(super) fn of(kinds: &[(ProgramType, u32)]) -> Self {
        let segment = |&(kind, flags): &(ProgramType, u32)| Segment {
            kind,
            flags: ProgramFlags(flags),
            offset: 0,
            vaddr: 0,
            filesz: 0,
            memsz: 0,
            align: 0,
        };
        Self(kinds.iter().map(segment).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::elf::{PF_R, PT_NOTE};

    fn segment(kind: ProgramType, flags: u32, offset: u64, vaddr: u64, filesz: u64) -> Segment {
        Segment {
            kind,
            flags: ProgramFlags(flags),
            offset,
            vaddr,
            filesz,
            memsz: filesz,
            align: 0x1000,
        }
    }

    fn table() -> Segments {
        Segments(vec![
            segment(PT_NOTE, PF_R.0, 0x300, 0x300, 0x20),
            segment(PT_LOAD, PF_R.0, 0, 0x40_0000, 0x1000),
            segment(PT_LOAD, PF_R.0 | PF_X.0, 0x800, 0x40_1800, 0x1000),
            segment(PT_LOAD, PF_R.0 | PF_W.0, 0x3000, 0x60_3000, 0x100),
        ])
    }

    #[test]
    fn addresses_map_through_what_is_loaded() {
        let table = table();
        assert_eq!(table.offset_of(0x40_0000), Some((0, 0x1000)));
        assert_eq!(table.offset_of(0x40_1804), Some((0x804, 0x1800)));
        assert_eq!(table.offset_of(0x60_30ff), Some((0x30ff, 0x3100)));
        assert_eq!(table.offset_of(0x60_3100), None);
        assert_eq!(table.offset_of(0x300), None);
        let hostile = Segments(vec![segment(PT_LOAD, 4, u64::MAX, 0, u64::MAX)]);
        assert_eq!(hostile.offset_of(9), None);
    }

    #[test]
    fn what_is_read_only_is_looked_at_once() {
        assert_eq!(table().read_only(), [(0, 0x1800)]);
        assert_eq!(table().data().unwrap().offset, 0x3000);
    }

    #[test]
    fn an_interpreter_ends_at_its_nul() {
        let file = b"/lib/ld.so\0junk".to_vec();
        let interp = |len| Segments(vec![segment(PT_INTERP, 4, 0, 0, len)]).interpreter(&file);
        assert_eq!(interp(11).as_deref(), Some(&b"/lib/ld.so"[..]));
        assert_eq!(interp(15).as_deref(), Some(&b"/lib/ld.so"[..]));
        assert_eq!(interp(16), None);
        assert_eq!(interp(0), None);
        assert_eq!(interp(u64::MAX), None);
    }
}
