//! The section headers: used by linkers and debuggers, not at run time. They may be missing, and
//! their contents are only a hint.

use object::elf::{
    SHF_ALLOC, SHF_EXECINSTR, SHN_XINDEX, SHT_NOBITS, SHT_NOTE, SHT_NULL, SHT_SYMTAB, SectionFlags,
    SectionHeader32, SectionHeader64, SectionType,
};
use object::endian::Endianness;
use object::pod::slice_from_all_bytes;
use object::read::elf::SectionHeader;

use super::header::ElfHeader;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum length of the table. A C++ object with a section for each function has tens of
/// thousands of sections.
const TABLE_LIMIT: u64 = 16 << 20;

/// The maximum length of the section names, one for each section.
const NAMES_LIMIT: u64 = 16 << 20;

/// One section header.
#[derive(Clone, Copy, Debug)]
pub(super) struct ElfSection {
    name: u32,
    pub kind: SectionType,
    pub flags: SectionFlags,
    pub addr: u64,
    pub offset: u64,
    pub size: u64,
    pub link: u32,
    pub align: u64,
}

/// The section header table and the names of the sections.
#[derive(Debug, Default)]
pub(super) struct SectionTable {
    table: Vec<ElfSection>,
    names: Vec<u8>,
}

impl SectionTable {
    /// Reads the table. Empty if the header specifies none; `None` if the table is not where the
    /// header says. If the names are unreadable, the types are still known.
    pub(super) fn read(source: &dyn Source, header: &ElfHeader) -> Option<Self> {
        if header.layout.wide {
            Self::decode::<SectionHeader64<Endianness>>(source, header)
        } else {
            Self::decode::<SectionHeader32<Endianness>>(source, header)
        }
    }

    fn decode<S>(source: &dyn Source, header: &ElfHeader) -> Option<Self>
    where
        S: SectionHeader<Endian = Endianness>,
    {
        if header.shoff == 0 {
            return Some(Self::default());
        }
        let endian = header.layout.endian;
        if usize::from(header.shentsize) != size_of::<S>() {
            return None;
        }
        let first = read::record::<S>(source, header.shoff)?;
        // Numbers that do not fit in the header are in section 0, which is otherwise unused (gABI).
        let count = match header.shnum {
            0 => first.sh_size(endian).into(),
            count => count.into(),
        };
        let names = match header.shstrndx {
            SHN_XINDEX_RAW => first.sh_link(endian),
            index => index.into(),
        };
        let len = count.checked_mul(header.shentsize.into())?;
        let table = source.piece(header.shoff, len, TABLE_LIMIT).ok()?;
        let table = slice_from_all_bytes::<S>(&table).ok()?;
        let mut sections = Self {
            table: table
                .iter()
                .map(|s| ElfSection {
                    name: s.sh_name(endian),
                    kind: s.sh_type(endian),
                    flags: s.sh_flags(endian),
                    addr: s.sh_addr(endian).into(),
                    offset: s.sh_offset(endian).into(),
                    size: s.sh_size(endian).into(),
                    link: s.sh_link(endian),
                    align: s.sh_addralign(endian).into(),
                })
                .collect(),
            names: Vec::new(),
        };
        if let Some(names) = sections.at(names).filter(|s| s.kind != SHT_NOBITS) {
            sections.names = source
                .piece(names.offset, names.size, NAMES_LIMIT)
                .unwrap_or_default();
        }
        Some(sections)
    }

    /// Returns the section with this index.
    pub(super) fn at(&self, index: u32) -> Option<&ElfSection> {
        self.table.get(usize::try_from(index).ok()?)
    }

    /// Returns all sections of one type.
    pub(super) fn of_kind(&self, kind: SectionType) -> impl Iterator<Item = &ElfSection> {
        self.table
            .iter()
            .filter(move |section| section.kind == kind)
    }

    /// Returns the first section with this name.
    pub(super) fn named(&self, name: &[u8]) -> Option<&ElfSection> {
        self.table.iter().find(|section| {
            let start = usize::try_from(section.name).ok();
            let at = start.and_then(|start| self.names.get(start..));
            at.and_then(|at| at.strip_prefix(name))
                .is_some_and(|rest| rest.first() == Some(&0))
        })
    }

    /// Whether there is a symbol table. `strip` removes it.
    pub(super) fn has_symbols(&self) -> bool {
        self.of_kind(SHT_SYMTAB).next().is_some()
    }

    /// Returns the symbol table and the string table with its names.
    pub(super) fn symbols(&self) -> Option<(&ElfSection, &ElfSection)> {
        let symbols = self.of_kind(SHT_SYMTAB).next()?;
        let names = self.at(symbols.link).filter(|s| s.kind != SHT_NOBITS)?;
        Some((symbols, names))
    }

    /// Whether the code and data have been removed and only debug information remains
    /// (`objcopy --only-keep-debug`, `eu-strip -f`). Such a file keeps all its program headers, but
    /// they refer to other bytes. Notes are kept, because they contain the build id.
    pub(super) fn is_debug_file(&self) -> bool {
        let loaded = |section: &&ElfSection| {
            section.flags.0 & SHF_ALLOC.0 != 0
                && section.kind != SHT_NOTE
                && section.kind != SHT_NULL
        };
        let code = |section: &&ElfSection| section.flags.0 & SHF_EXECINSTR.0 != 0;
        let gone = |section: &ElfSection| section.kind == SHT_NOBITS;
        let mut loaded_code = self.table.iter().filter(loaded).filter(code).peekable();
        match loaded_code.peek() {
            Some(_) => loaded_code.all(gone),
            // A library that contains only data, such as libicudata, never had code.
            None => {
                let mut loaded = self.table.iter().filter(loaded).peekable();
                loaded.peek().is_some() && loaded.all(gone)
            }
        }
    }
}

/// The value of `e_shstrndx` if the index does not fit.
const SHN_XINDEX_RAW: u16 = SHN_XINDEX.0;

#[cfg(test)]
mod tests {
    use super::*;
    use object::elf::SHT_PROGBITS;

    fn section(name: u32, kind: SectionType, flags: u64) -> ElfSection {
        let flags = SectionFlags(flags);
        ElfSection {
            name,
            kind,
            flags,
            addr: 0,
            offset: 0,
            size: 0,
            link: 0,
            align: 1,
        }
    }

    #[test]
    fn names_are_whole() {
        let table = vec![
            section(1, SHT_PROGBITS, 0),
            section(7, SHT_NOTE, 0),
            section(99, SHT_NOTE, 0),
        ];
        let sections = SectionTable {
            table,
            names: b"\0.text\0.note\0".to_vec(),
        };
        assert_eq!(sections.named(b".text").unwrap().kind, SHT_PROGBITS);
        assert_eq!(sections.named(b".note").unwrap().kind, SHT_NOTE);
        assert!(sections.named(b".not").is_none());
        assert!(sections.named(b"text").is_none());
    }

    #[test]
    fn a_debug_file_has_no_code() {
        let debug = |kinds: &[(SectionType, u64)]| {
            let table = kinds
                .iter()
                .map(|&(kind, flags)| section(0, kind, flags))
                .collect();
            SectionTable {
                table,
                names: Vec::new(),
            }
            .is_debug_file()
        };
        // Flags 2 and 6 are A and AX in `readelf -S`.
        assert!(debug(&[
            (SHT_NULL, 0),
            (SHT_NOTE, 2),
            (SHT_NOBITS, 6),
            (SHT_SYMTAB, 0)
        ]));
        assert!(!debug(&[(SHT_NULL, 0), (SHT_PROGBITS, 6), (SHT_NOBITS, 3)]));
        assert!(!debug(&[(SHT_NULL, 0), (SHT_PROGBITS, 2), (SHT_NOBITS, 3)]));
        assert!(debug(&[(SHT_NULL, 0), (SHT_NOTE, 2), (SHT_NOBITS, 2)]));
        assert!(!debug(&[]));
    }
}
