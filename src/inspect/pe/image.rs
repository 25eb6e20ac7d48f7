//! The headers: DOS stub, COFF header, optional header, data directories, section headers.

use object::endian::LittleEndian as LE;
use object::pe::{
    DllFlags, FileFlags, IMAGE_NT_OPTIONAL_HDR32_MAGIC, IMAGE_NT_OPTIONAL_HDR64_MAGIC,
    IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_READ, IMAGE_SCN_MEM_WRITE,
    ImageDataDirectory, ImageFileHeader, ImageOptionalHeader32, ImageOptionalHeader64,
    ImageSectionHeader, Machine, Subsystem,
};
use object::pod::slice_from_bytes;

use crate::inspect::go::{Mapped, Region};
use crate::inspect::read;
use crate::inspect::source::Source;

/// The offset in a DOS executable of the offset of its PE header (`e_lfanew`).
const E_LFANEW: usize = 0x3c;

const SIGNATURE: &[u8; 4] = b"PE\0\0";

/// The maximum number of sections. Windows loads at most 96.
const SECTIONS_LIMIT: u64 = 4096;

/// IMAGE_NUMBEROF_DIRECTORY_ENTRIES.
const DIRECTORIES_LIMIT: u32 = 16;

/// Returns the offset of the PE header from the first bytes of a file.
pub(in crate::inspect) fn header_offset(head: &[u8]) -> Option<u32> {
    let field = head.strip_prefix(b"MZ").and(head.get(E_LFANEW..))?;
    field.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The relevant fields of the optional header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Optional {
    pub wide: bool,
    pub image_base: u64,
    pub size_of_headers: u32,
    pub subsystem: Subsystem,
    dll_flags: DllFlags,
}

/// The headers of a file.
pub(super) struct Image {
    pub machine: Machine,
    pub flags: FileFlags,
    /// The offset of the COFF symbol table, and the number of symbols.
    pub symbols: Option<(u32, u32)>,
    /// `None` if the file ends before it or its magic number is unknown.
    pub optional: Option<Optional>,
    directories: Vec<ImageDataDirectory>,
    sections: Vec<ImageSectionHeader>,
}

impl Image {
    pub(super) fn read(source: &dyn Source) -> Option<Self> {
        let head = read::prefix(source, 0, 64, 64)?;
        let at = u64::from(header_offset(&head)?);
        let signature = source.piece(at, 4, 4).ok()?;
        if signature != SIGNATURE {
            return None;
        }
        let file = read::record::<ImageFileHeader>(source, at.checked_add(4)?)?;
        let optional_at = at.checked_add(4 + size_of::<ImageFileHeader>() as u64)?;
        let optional_len = u64::from(file.size_of_optional_header.get(LE));
        let (optional, directories) = optional(source, optional_at, optional_len);
        let sections_at = optional_at.checked_add(optional_len)?;
        let sections = sections(source, sections_at, file.number_of_sections.get(LE));
        Some(Self {
            machine: file.machine.get(LE),
            flags: file.characteristics.get(LE),
            symbols: Some((
                file.pointer_to_symbol_table.get(LE),
                file.number_of_symbols.get(LE),
            ))
            .filter(|&(offset, count)| offset != 0 && count != 0),
            optional,
            directories,
            sections,
        })
    }

    /// Whether the format is PE32+ rather than PE32.
    pub(super) fn wide(&self) -> Option<bool> {
        self.optional.map(|optional| optional.wide)
    }

    /// Whether a bit of DllCharacteristics is set.
    pub(super) fn dll_flag(&self, flag: DllFlags) -> Option<bool> {
        self.optional
            .map(|optional| optional.dll_flags.0 & flag.0 != 0)
    }

    /// Returns the address, relative to the image base, and the size of a data directory. `None` if
    /// there is none.
    pub(super) fn directory(&self, index: usize) -> Option<(u32, u32)> {
        let directory = self.directories.get(index)?;
        let (address, size) = (directory.virtual_address.get(LE), directory.size.get(LE));
        (address != 0).then_some((address, size))
    }

    /// Returns the file offset of the byte at an address relative to the image base, and the file
    /// offset at which its section (or the headers) ends.
    pub(super) fn offset_of(&self, rva: u32) -> Option<(u64, u64)> {
        let section = self.sections.iter().find_map(|section| {
            let into = rva.checked_sub(section.virtual_address.get(LE))?;
            let raw = section.size_of_raw_data.get(LE);
            let start = u64::from(section.pointer_to_raw_data.get(LE));
            (into < raw).then(|| (start + u64::from(into), start + u64::from(raw)))
        });
        section.or_else(|| {
            let headers = self.optional?.size_of_headers;
            (rva < headers).then_some((rva.into(), headers.into()))
        })
    }

    /// Returns every section in the form used for Go's build information.
    pub(super) fn mapped(&self) -> Vec<Mapped> {
        self.sections.iter().map(|s| self.region(s)).collect()
    }

    /// Returns the sections of writable initialized data.
    pub(super) fn writable(&self) -> impl Iterator<Item = Region> {
        let flags = IMAGE_SCN_CNT_INITIALIZED_DATA.0 | IMAGE_SCN_MEM_READ.0 | IMAGE_SCN_MEM_WRITE.0;
        self.sections
            .iter()
            .filter(move |s| s.characteristics.get(LE).0 & flags == flags)
            .map(|s| self.region(s))
    }

    /// Returns the file ranges `(offset, end)` of read-only initialized data.
    pub(super) fn read_only(&self) -> Vec<(u64, u64)> {
        let wanted = IMAGE_SCN_CNT_INITIALIZED_DATA.0 | IMAGE_SCN_MEM_READ.0;
        let mask = wanted | IMAGE_SCN_MEM_WRITE.0 | IMAGE_SCN_MEM_EXECUTE.0;
        let sections = self.sections.iter();
        let ranges = sections
            .filter(|s| s.characteristics.get(LE).0 & mask == wanted)
            .map(|s| self.region(s))
            .map(|r| (r.offset, r.offset.saturating_add(r.len)));
        read::merged(ranges.collect())
    }

    /// Whether it was packed with UPX, which names its sections after itself.
    pub(super) fn is_packed(&self) -> bool {
        let names = self.sections.iter().map(|section| section.name);
        names
            .take(2)
            .filter(|name| name.starts_with(b"UPX"))
            .count()
            == 2
    }

    fn region(&self, section: &ImageSectionHeader) -> Region {
        let base = self.optional.map_or(0, |optional| optional.image_base);
        let (raw, virt) = (
            section.size_of_raw_data.get(LE),
            section.virtual_size.get(LE),
        );
        Region {
            address: base.wrapping_add(section.virtual_address.get(LE).into()),
            offset: section.pointer_to_raw_data.get(LE).into(),
            // The raw size is rounded up to whole sectors. Some linkers leave the virtual size
            // zero.
            len: if virt == 0 { raw } else { raw.min(virt) }.into(),
        }
    }
}

fn optional(source: &dyn Source, at: u64, len: u64) -> (Option<Optional>, Vec<ImageDataDirectory>) {
    let magic = read::prefix(source, at, len.min(2), 2).unwrap_or_default();
    let magic = magic.first_chunk().map(|bytes| u16::from_le_bytes(*bytes));
    macro_rules! read_as {
        ($header:ty, $wide:expr) => {{
            let header = read::record::<$header>(source, at);
            let size = size_of::<$header>() as u64;
            header
                .filter(|_| size <= len)
                .map_or((None, Vec::new()), |h| {
                    let count = h.number_of_rva_and_sizes.get(LE);
                    let optional = Optional {
                        wide: $wide,
                        image_base: h.image_base.get(LE).into(),
                        size_of_headers: h.size_of_headers.get(LE),
                        subsystem: h.subsystem.get(LE),
                        dll_flags: h.dll_characteristics.get(LE),
                    };
                    (
                        Some(optional),
                        directories(source, at.saturating_add(size), len - size, count),
                    )
                })
        }};
    }
    match magic {
        Some(IMAGE_NT_OPTIONAL_HDR32_MAGIC) => read_as!(ImageOptionalHeader32, false),
        Some(IMAGE_NT_OPTIONAL_HDR64_MAGIC) => read_as!(ImageOptionalHeader64, true),
        _ => (None, Vec::new()),
    }
}

fn directories(source: &dyn Source, at: u64, room: u64, count: u32) -> Vec<ImageDataDirectory> {
    let size = size_of::<ImageDataDirectory>() as u64;
    let len = u64::from(count.min(DIRECTORIES_LIMIT)) * size;
    let bytes = read::prefix(source, at, len.min(room), len).unwrap_or_default();
    let count = bytes.len() / size_of::<ImageDataDirectory>();
    slice_from_bytes(&bytes, count).map_or_else(|()| Vec::new(), |(table, _)| table.to_vec())
}

/// Reads the section headers, as many as the file contains.
fn sections(source: &dyn Source, at: u64, count: u16) -> Vec<ImageSectionHeader> {
    let size = size_of::<ImageSectionHeader>() as u64;
    let len = u64::from(count).min(SECTIONS_LIMIT) * size;
    let bytes = read::prefix(source, at, len, SECTIONS_LIMIT * size).unwrap_or_default();
    let count = bytes.len() / size_of::<ImageSectionHeader>();
    slice_from_bytes(&bytes, count).map_or_else(|()| Vec::new(), |(table, _)| table.to_vec())
}
