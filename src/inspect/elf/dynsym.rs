//! The dynamic symbols of a file: those that it requires and those that it defines, each with its
//! version.
//!
//! No tag contains the number of dynamic symbols. It is taken from DT_HASH if there is one, else
//! from the section header, else from the distance to the string table, which nearly always follows
//! the symbols.

use std::collections::HashMap;

use object::elf::{
    HashHeader, SHN_ABS, SHN_UNDEF, SHT_DYNSYM, STB_GLOBAL, STB_GNU_UNIQUE, STB_WEAK, STT_COMMON,
    STT_FUNC, STT_GNU_IFUNC, STT_NOTYPE, STT_OBJECT, STT_TLS, Sym32, Sym64,
};
use object::endian::Endianness;
use object::pod::slice_from_bytes;
use object::read::elf::Sym;

use super::dynamic::Dynamic;
use super::header::ElfHeader;
use super::memory::Memory;
use super::relocation::Relocations;
use super::section::SectionTable;
use super::version;
use crate::inspect::binary::{Symbols, Undefined};
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum number of symbols. The largest known libraries have some hundred thousand.
const SYMBOLS_LIMIT: u64 = 1 << 20;

/// The maximum length of the string table in bytes. The names of the largest known libraries take
/// about ten MiB.
const STRINGS_LIMIT: u64 = 64 << 20;

/// The index in a symbol's version. The bit above it hides a definition (VERSYM_HIDDEN).
const VERSION_MASK: u16 = 0x7fff;

/// Reads the dynamic symbols. Returns `None` if there is no table or its length cannot be
/// determined.
pub(super) fn symbols(
    source: &dyn Source,
    memory: &Memory<'_>,
    header: &ElfHeader,
    dynamic: &Dynamic,
) -> Option<Symbols> {
    if header.layout.wide {
        symbols_as::<Sym64<Endianness>>(source, memory, header, dynamic)
    } else {
        symbols_as::<Sym32<Endianness>>(source, memory, header, dynamic)
    }
}

fn symbols_as<S: Sym<Endian = Endianness>>(
    source: &dyn Source,
    memory: &Memory<'_>,
    header: &ElfHeader,
    dynamic: &Dynamic,
) -> Option<Symbols> {
    let layout = header.layout;
    let endian = layout.endian;
    let at = dynamic.symbols?;
    let size = size_of::<S>() as u64;
    let count = count(source, memory, header, dynamic, size)?.min(SYMBOLS_LIMIT);
    let bytes = read::prefix(memory, at, count.checked_mul(size)?, SYMBOLS_LIMIT * size)?;
    let count = bytes.len() / size_of::<S>();
    let (table, _) = slice_from_bytes::<S>(&bytes, count).ok()?;
    // The loaders ignore DT_STRSZ: names may be anywhere in the mapped data there.
    let strings = dynamic.strings?;
    let (_, left) = memory.in_file(strings)?;
    let strings = read::prefix(memory, strings, left, STRINGS_LIMIT)?;
    let needed = version::indices(memory, layout, dynamic);
    let versym = dynamic.versym.and_then(|at| {
        let len = 2 * count as u64;
        read::prefix(memory, at, len, 2 * SYMBOLS_LIMIT)
    });
    let version_of = |index: usize| {
        let pair = versym.as_ref()?.get(2 * index..)?.first_chunk::<2>()?;
        Some(match endian {
            Endianness::Little => u16::from_le_bytes(*pair),
            Endianness::Big => u16::from_be_bytes(*pair),
        })
    };
    let relocations = Relocations::read(memory, header, dynamic);
    let mut found = Symbols {
        undefined: Vec::new(),
        copied: Vec::new(),
        defined: HashMap::new(),
        versions: version::defined_indices(memory, layout, dynamic),
        versioned: versym.is_some(),
        bind_now: dynamic.bind_now,
    };
    for (index, symbol) in table.iter().enumerate() {
        let bind = symbol.st_bind();
        if ![STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE].contains(&bind) {
            continue;
        }
        let name = strings.get(symbol.st_name(endian) as usize..);
        let name = name.and_then(|rest| rest.get(..memchr::memchr(0, rest)?));
        let name = match name {
            Some(name) => Some(name.to_vec()),
            None => dynamic.string(memory, symbol.st_name(endian)),
        };
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            continue;
        };
        let version = version_of(index);
        let section = symbol.st_shndx(endian);
        let number = u32::try_from(index).unwrap_or_default();
        let wanted = |name: Vec<u8>| Undefined {
            name,
            version: version.and_then(|v| needed.get(&(v & VERSION_MASK)).cloned()),
            weak: bind == STB_WEAK,
            data: relocations.place(number),
            call: relocations.calls.get(&number).copied(),
        };
        if section == SHN_UNDEF {
            if bind != STB_GNU_UNIQUE {
                found.undefined.push(wanted(name));
            }
            continue;
        }
        if relocations.copies.contains(&number) {
            found.copied.push(wanted(name.clone()));
        }
        // The condition under which glibc's `check_match` and musl's `find_sym2` accept a
        // definition.
        let kind = symbol.st_type();
        let value: u64 = symbol.st_value(endian).into();
        let types = [
            STT_NOTYPE,
            STT_OBJECT,
            STT_FUNC,
            STT_COMMON,
            STT_TLS,
            STT_GNU_IFUNC,
        ];
        if types.contains(&kind) && (value != 0 || section == SHN_ABS || kind == STT_TLS) {
            let entry = found.defined.entry(name).or_default();
            entry.push(version.unwrap_or(1));
        }
    }
    Some(found)
}

/// Returns the number of dynamic symbols, or an estimate.
fn count(
    source: &dyn Source,
    memory: &Memory<'_>,
    header: &ElfHeader,
    dynamic: &Dynamic,
    size: u64,
) -> Option<u64> {
    // s390x and alpha store DT_HASH in 64-bit words, which are read here as a chain count of zero.
    let hash = dynamic.hash.and_then(|at| {
        let table = read::record::<HashHeader<Endianness>>(memory, at)?;
        Some(u64::from(table.chain_count.get(header.layout.endian))).filter(|&count| count > 0)
    });
    let section = || {
        let sections = SectionTable::read(source, header)?;
        let len = sections.of_kind(SHT_DYNSYM).next()?.size;
        Some(len / size)
    };
    let gap = || Some(dynamic.strings?.checked_sub(dynamic.symbols?)? / size);
    hash.or_else(section).or_else(gap)
}
