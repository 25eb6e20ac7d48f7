//! The dynamic symbols of a file: what it wants from others and what it defines for them, each with its
//! version.
//!
//! No tag tells how many dynamic symbols there are. DT_HASH does where it is written; else the section
//! header or, without one, the string table, which nearly always follows.

use std::collections::HashMap;

use object::elf::{
    HashHeader, SHN_ABS, SHN_UNDEF, SHT_DYNSYM, STB_GLOBAL, STB_GNU_UNIQUE, STB_WEAK, STT_COMMON,
    STT_FUNC, STT_GNU_IFUNC, STT_NOTYPE, STT_OBJECT, STT_TLS, Sym32, Sym64,
};
use object::endian::Endianness;
use object::pod::slice_from_bytes;
use object::read::elf::Sym;

use super::dynamic::Dynamic;
use super::header::Header;
use super::memory::Memory;
use super::relocation::Relocations;
use super::section::Sections;
use super::version;
use crate::inspect::binary::{Symbols, Undefined};
use crate::inspect::read;
use crate::inspect::source::Source;

/// The largest libraries known have some hundred thousand.
const SYMBOLS_LIMIT: u64 = 1 << 20;

/// The names of the largest libraries known take some ten MiB.
const STRINGS_LIMIT: u64 = 64 << 20;

/// The index in a symbol's version. The bit above it hides a definition (VERSYM_HIDDEN).
const VERSION_MASK: u16 = 0x7fff;

/// Reads them. `None` if there is no table to be found.
pub(super) fn symbols(
    source: &dyn Source,
    memory: &Memory<'_>,
    header: &Header,
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
    header: &Header,
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
    // No loader looks at DT_STRSZ: names may lie in all that is mapped there.
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
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            continue;
        };
        let version = version_of(index);
        let section = symbol.st_shndx(endian);
        if section == SHN_UNDEF {
            if bind == STB_GNU_UNIQUE {
                continue;
            }
            let number = u32::try_from(index).ok();
            let place = |places: &HashMap<u32, u32>| places.get(&number?).copied();
            let data = place(&relocations.data);
            found.undefined.push(Undefined {
                name: name.to_vec(),
                version: version.and_then(|v| needed.get(&(v & VERSION_MASK)).cloned()),
                weak: bind == STB_WEAK,
                data: data.or(relocations.unknown.then_some(0)),
                call: place(&relocations.calls),
            });
            continue;
        }
        // What glibc's `check_match` and musl's `find_sym2` take for a definition.
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
            let entry = found.defined.entry(name.to_vec()).or_default();
            entry.push(version.unwrap_or(1));
        }
    }
    Some(found)
}

/// How many dynamic symbols there may be.
fn count(
    source: &dyn Source,
    memory: &Memory<'_>,
    header: &Header,
    dynamic: &Dynamic,
    size: u64,
) -> Option<u64> {
    // s390x and alpha write DT_HASH in words of 64 bits, which reads as no chains here.
    let hash = dynamic.hash.and_then(|at| {
        let table = read::record::<HashHeader<Endianness>>(memory, at)?;
        Some(u64::from(table.chain_count.get(header.layout.endian))).filter(|&count| count > 0)
    });
    let section = || {
        let sections = Sections::read(source, header)?;
        let len = sections.of_kind(SHT_DYNSYM).next()?.size;
        Some(len / size)
    };
    let gap = || Some(dynamic.strings?.checked_sub(dynamic.symbols?)? / size);
    hash.or_else(section).or_else(gap)
}
