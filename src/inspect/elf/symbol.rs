//! Checks for symbols without reading symbol tables: whether a name occurs in the string tables.

use memchr::memmem;
use object::elf::{SHN_UNDEF, SHT_DYNSYM, SHT_NOBITS, SHT_SYMTAB, STB_LOCAL, Sym32, Sym64};
use object::endian::Endianness;
use object::pod::slice_from_bytes;
use object::read::elf::Sym;

use super::dynamic::Dynamic;
use super::header::Layout;
use super::memory::Memory;
use super::section::SectionTable;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The names that `checksec` searches for: those of GCC and clang, their guard on architectures
/// where it is a variable, and that of Intel's compiler.
const CANARIES: [&[u8]; 3] = [
    b"__stack_chk_fail",
    b"__stack_chk_guard",
    b"__intel_security_cookie",
];

/// The suffix of glibc's checked functions, and more than the length of their longest name.
const CHECKED: &[u8] = b"_chk";
const LONGEST_CHECKED: u64 = 64;

/// The maximum number of dynamic symbols that are examined for definitions.
const EXPORTS_LIMIT: usize = 1024;

/// Returns the file ranges `(offset, end)` of symbol names: the string table of the dynamic
/// section, which is the smaller one, if it has any names, and that of the symbol table.
pub(super) fn name_tables(
    dynamic: Option<(u64, u64)>,
    sections: Option<&SectionTable>,
) -> Vec<(u64, u64)> {
    let symtab = sections.and_then(|sections| {
        let strings = sections.at(sections.of_kind(SHT_SYMTAB).next()?.link)?;
        let end = strings.offset.checked_add(strings.size)?;
        (strings.kind != SHT_NOBITS).then_some((strings.offset, end))
    });
    // The table of a static PIE is a single NUL: without names, nothing can be derived from it.
    let dynamic = dynamic.filter(|(offset, end)| end.saturating_sub(*offset) > 1);
    dynamic.into_iter().chain(symtab).collect()
}

/// Whether functions check a stack canary. `None` if there are no names to search, as in a stripped
/// static executable.
pub(super) fn canary(source: &dyn Source, tables: &[(u64, u64)]) -> Option<bool> {
    (!tables.is_empty()).then(|| CANARIES.iter().any(|name| occurs(source, tables, name)))
}

/// Whether it calls the checked variants of functions that `-D_FORTIFY_SOURCE` inserts, such as
/// `__memcpy_chk` (as in `checksec`). `None` if there are no names to search.
pub(super) fn fortify(source: &dyn Source, tables: &[(u64, u64)]) -> Option<bool> {
    let finder = memmem::Finder::new(CHECKED);
    let find = |_, window: &[u8]| {
        let mut hits = finder.find_iter(window);
        hits.any(|at| is_checked(window, at)).then_some(())
    };
    let any = || {
        tables.iter().any(|&(offset, end)| {
            let len = end.saturating_sub(offset);
            read::scan(source, offset, len, LONGEST_CHECKED, find).is_some()
        })
    };
    (!tables.is_empty()).then(any)
}

/// Whether the `_chk` at `at` ends a name that begins with two underscores. Older linkers append
/// the version.
fn is_checked(window: &[u8], at: usize) -> bool {
    let (before, rest) = window.split_at_checked(at).unwrap_or_default();
    let start = before.iter().rposition(|&byte| byte == 0);
    let name = start.and_then(|nul| before.get(nul + 1..));
    name.is_some_and(|name| name.starts_with(b"__"))
        && matches!(rest.get(CHECKED.len()), Some(0 | b'@'))
}

/// Whether a name occurs in one of the tables.
pub(super) fn occurs(source: &dyn Source, tables: &[(u64, u64)], name: &[u8]) -> bool {
    let finder = memmem::Finder::new(name);
    tables.iter().any(|&(offset, end)| {
        let len = end.saturating_sub(offset);
        let find = |_, window: &[u8]| finder.find(window).map(|_| ());
        read::scan(source, offset, len, name.len() as u64, find).is_some()
    })
}

/// Whether the file defines dynamic symbols.
///
/// No tag contains their number (DT_HASH does, but is no longer written), so this reads up to the
/// end in the section header or, without one, up to the string table, which nearly always follows.
pub(super) fn exports(
    memory: &Memory<'_>,
    layout: Layout,
    dynamic: &Dynamic,
    sections: Option<&SectionTable>,
) -> bool {
    let Some(symbols) = dynamic.symbols else {
        return false;
    };
    let section = sections.and_then(|sections| sections.of_kind(SHT_DYNSYM).next());
    let len = section.map(|section| section.size);
    let gap = || dynamic.strings?.checked_sub(symbols);
    let Some(bytes) = len
        .or_else(gap)
        .and_then(|len| read::prefix(memory, symbols, len, (EXPORTS_LIMIT * 24) as u64))
    else {
        return false;
    };
    if layout.wide {
        defines::<Sym64<Endianness>>(&bytes, layout.endian)
    } else {
        defines::<Sym32<Endianness>>(&bytes, layout.endian)
    }
}

fn defines<S: Sym<Endian = Endianness>>(bytes: &[u8], endian: Endianness) -> bool {
    let count = bytes.len() / size_of::<S>();
    slice_from_bytes::<S>(bytes, count).is_ok_and(|(table, _)| {
        table
            .iter()
            .any(|s| s.st_bind() != STB_LOCAL && s.st_shndx(endian) != SHN_UNDEF)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checked_functions_by_their_whole_name() {
        let fortified = |names: &[u8]| {
            let table = names.to_vec();
            fortify(&table, &[(0, names.len() as u64)])
        };
        assert_eq!(fortified(b"\0__stack_chk_fail\0puts\0"), Some(false));
        assert_eq!(fortified(b"\0my_chk\0__chk_sum\0"), Some(false));
        assert_eq!(fortified(b"\0puts\0__printf_chk\0"), Some(true));
        assert_eq!(fortified(b"\0__memcpy_chk@GLIBC_2.3.4\0"), Some(true));
        assert_eq!(fortify(&Vec::new(), &[]), None);
    }

    #[test]
    fn a_canary_is_a_name() {
        let with = b"\0__stack_chk_fail\0puts\0".to_vec();
        let without = b"\0exit\0puts\0".to_vec();
        let all = |file: &Vec<u8>| canary(file, &[(0, file.len() as u64)]);
        assert_eq!(all(&with), Some(true));
        assert_eq!(all(&without), Some(false));
        assert_eq!(canary(&with, &[]), None);
        assert_eq!(canary(&with, &[(18, u64::MAX)]), Some(false));
    }

    #[test]
    fn symbols_are_defined_or_not() {
        // Elf64_Sym: name, info (bind << 4), other, shndx, value, size.
        let symbol = |info: u8, shndx: u8| {
            let mut bytes = [0; 24];
            (bytes[4], bytes[6]) = (info, shndx);
            bytes
        };
        let any = |symbols: &[[u8; 24]]| {
            defines::<Sym64<Endianness>>(&symbols.concat(), Endianness::Little)
        };
        assert!(!any(&[symbol(0, 0), symbol(0x12, 0)]));
        assert!(!any(&[symbol(0, 0), symbol(0x03, 7)]));
        assert!(any(&[symbol(0, 0), symbol(0x12, 7)]));
        assert!(!any(&[]));
    }
}
