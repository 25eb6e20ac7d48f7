//! Symbols, without reading symbol tables: what is wanted is whether some name occurs at all, and
//! the string tables tell.

use memchr::memmem;
use object::elf::{SHN_UNDEF, SHT_DYNSYM, SHT_NOBITS, SHT_SYMTAB, STB_LOCAL, Sym32, Sym64};
use object::endian::Endianness;
use object::pod::slice_from_bytes;
use object::read::elf::Sym;

use super::dynamic::Dynamic;
use super::header::Layout;
use super::memory::Memory;
use super::section::Sections;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The names that `checksec` looks for: GCC and clang, their guard where it is a variable, and
/// Intel's compiler.
const CANARIES: [&[u8]; 3] = [
    b"__stack_chk_fail",
    b"__stack_chk_guard",
    b"__intel_security_cookie",
];

/// What the names of glibc's checked functions end with, and more than the longest of them has.
const CHECKED: &[u8] = b"_chk";
const LONGEST_CHECKED: u64 = 64;

/// How many dynamic symbols are looked at to tell whether there are any of its own.
const EXPORTS_LIMIT: usize = 1024;

/// Where in the file the names of symbols are, `(offset, end)`: those of the dynamic section, if it has
/// any, which are the fewest, and those of the symbol table.
pub(super) fn name_tables(
    dynamic: Option<(u64, u64)>,
    sections: Option<&Sections>,
) -> Vec<(u64, u64)> {
    let symtab = sections.and_then(|sections| {
        let strings = sections.at(sections.of_kind(SHT_SYMTAB).next()?.link)?;
        let end = strings.offset.checked_add(strings.size)?;
        (strings.kind != SHT_NOBITS).then_some((strings.offset, end))
    });
    // One NUL is the table of a static PIE: it names nothing, so that nothing can be told from it.
    let dynamic = dynamic.filter(|(offset, end)| end.saturating_sub(*offset) > 1);
    dynamic.into_iter().chain(symtab).collect()
}

/// Whether functions check a stack canary. `None` if there is no name left to tell by, as in a static
/// executable that is stripped.
pub(super) fn canary(source: &dyn Source, tables: &[(u64, u64)]) -> Option<bool> {
    (!tables.is_empty()).then(|| CANARIES.iter().any(|name| occurs(source, tables, name)))
}

/// Whether it calls the checked variants of functions that `-D_FORTIFY_SOURCE` puts in, such as
/// `__memcpy_chk` (as `checksec`). `None` if there is no name left to tell by.
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

/// Whether it defines dynamic symbols for others.
///
/// No tag tells how many there are (DT_HASH does, and is not written any more), so this looks up to
/// the end that the section header tells, or to the string table, which follows nearly always.
pub(super) fn exports(
    memory: &Memory<'_>,
    layout: Layout,
    dynamic: &Dynamic,
    sections: Option<&Sections>,
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
