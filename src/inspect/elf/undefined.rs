//! The dynamic symbols that a file wants from others, each with the version it asks for.
//!
//! No tag tells how many dynamic symbols there are. DT_HASH does where it is written; else the section
//! header or, without one, the string table, which nearly always follows.

use object::elf::{HashHeader, SHN_UNDEF, SHT_DYNSYM, STB_GLOBAL, STB_WEAK, Sym32, Sym64};
use object::endian::Endianness;
use object::pod::slice_from_bytes;
use object::read::elf::Sym;

use super::dynamic::Dynamic;
use super::header::Header;
use super::memory::Memory;
use super::section::Sections;
use super::version;
use crate::inspect::binary::Undefined;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The largest libraries known have some hundred thousand.
const SYMBOLS_LIMIT: u64 = 1 << 20;

/// A mask for the index in a symbol's version; the bit above hides a definition (VERSYM_HIDDEN).
const VERSION_MASK: u16 = 0x7fff;

/// Lists them. `None` if there is no table to be found.
pub(super) fn list(
    source: &dyn Source,
    memory: &Memory<'_>,
    header: &Header,
    dynamic: &Dynamic,
) -> Option<Vec<Undefined>> {
    if header.layout.wide {
        list_as::<Sym64<Endianness>>(source, memory, header, dynamic)
    } else {
        list_as::<Sym32<Endianness>>(source, memory, header, dynamic)
    }
}

fn list_as<S: Sym<Endian = Endianness>>(
    source: &dyn Source,
    memory: &Memory<'_>,
    header: &Header,
    dynamic: &Dynamic,
) -> Option<Vec<Undefined>> {
    let layout = header.layout;
    let endian = layout.endian;
    let at = dynamic.symbols?;
    let size = size_of::<S>() as u64;
    let count = count(source, memory, header, dynamic, size)?.min(SYMBOLS_LIMIT);
    let bytes = read::prefix(memory, at, count.checked_mul(size)?, SYMBOLS_LIMIT * size)?;
    let count = bytes.len() / size_of::<S>();
    let (table, _) = slice_from_bytes::<S>(&bytes, count).ok()?;
    let versions = version::indices(memory, layout, dynamic);
    let versym = dynamic.versym.and_then(|at| {
        let len = 2 * count as u64;
        read::prefix(memory, at, len, 2 * SYMBOLS_LIMIT)
    });
    let version_of = |index: usize| {
        let pair = versym.as_ref()?.get(2 * index..)?.first_chunk::<2>()?;
        let number = match endian {
            Endianness::Little => u16::from_le_bytes(*pair),
            Endianness::Big => u16::from_be_bytes(*pair),
        };
        versions.get(&(number & VERSION_MASK)).cloned()
    };
    let mut found = Vec::new();
    for (index, symbol) in table.iter().enumerate() {
        let bind = symbol.st_bind();
        if symbol.st_shndx(endian) != SHN_UNDEF || (bind != STB_GLOBAL && bind != STB_WEAK) {
            continue;
        }
        let name = dynamic.string(memory, symbol.st_name(endian));
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            found.push(Undefined {
                name,
                version: version_of(index),
                weak: bind == STB_WEAK,
            });
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
