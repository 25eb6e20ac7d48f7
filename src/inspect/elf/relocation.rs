//! Which relocations need a symbol: those that the loader applies when a file is loaded, and those of
//! functions that it may leave until the first call.
//!
//! DT_RELA and DT_REL are applied at once. DT_JMPREL holds the entries of the procedure linkage table,
//! which glibc binds lazily unless the file or LD_BIND_NOW forbids it (`elf/dynamic-link.h`,
//! `ELF_DYNAMIC_RELOCATE`). Some linkers let DT_RELA include DT_JMPREL.

use std::collections::HashMap;

use object::endian::Endianness;

use super::dynamic::Dynamic;
use super::header::Header;
use super::machine;
use super::memory::Memory;
use crate::inspect::read;

/// No table is read beyond this. Real ones are larger only because of entries without symbols, which
/// linkers sort to the front and DT_RELACOUNT counts.
const TABLE_LIMIT: u64 = 64 << 20;

/// The address of a table, its length in bytes, and how many entries at its start name no symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub at: u64,
    pub len: u64,
    pub relative: u64,
    /// Whether its entries have an addend (`Elf64_Rela`).
    pub addends: bool,
}

/// For a symbol number, its first place in a table.
type Places = HashMap<u32, u32>;

/// Which symbols relocations need.
#[derive(Debug, Default)]
pub(super) struct Relocations {
    /// Those that are needed when the file is loaded.
    pub data: Places,
    /// Those of DT_JMPREL.
    pub calls: Places,
    /// The machine has a scheme of its own (MIPS): every symbol may be needed.
    pub unknown: bool,
}

impl Relocations {
    /// Reads all tables.
    pub fn read(memory: &Memory<'_>, header: &Header, dynamic: &Dynamic) -> Self {
        let mut found = Self {
            unknown: machine::name(header).starts_with("mips"),
            ..Self::default()
        };
        let calls = dynamic.call_relocations;
        for table in dynamic.relocations.iter().flatten() {
            collect(memory, header, table, calls, &mut found.data);
        }
        if let Some(table) = &calls {
            collect(memory, header, table, None, &mut found.calls);
        }
        found
    }
}

/// Adds the symbols that a table names, except in entries that are part of `without`.
fn collect(
    memory: &Memory<'_>,
    header: &Header,
    table: &Table,
    without: Option<Table>,
    places: &mut Places,
) {
    let word = if header.layout.wide { 8 } else { 4 };
    let size = if table.addends { 3 * word } else { 2 * word };
    let skip = table.relative.saturating_mul(size as u64).min(table.len);
    let Some(start) = table.at.checked_add(skip) else {
        return;
    };
    let Some(bytes) = read::prefix(memory, start, table.len - skip, TABLE_LIMIT) else {
        return;
    };
    let little = header.layout.endian == Endianness::Little;
    let (mut at, mut order) = (start, u32::try_from(places.len()).unwrap_or(u32::MAX));
    for entry in bytes.chunks_exact(size) {
        let inside = without.is_some_and(|t| at >= t.at && at - t.at < t.len);
        at = at.saturating_add(size as u64);
        let Some(info) = entry.get(word..2 * word) else {
            continue;
        };
        let info = info.iter().fold((0u64, 0), |(value, shift), &byte| {
            let byte = u64::from(byte);
            match little {
                true => (value | byte << shift, shift + 8),
                false => (value << 8 | byte, shift),
            }
        });
        // ELF64_R_SYM and ELF32_R_SYM.
        let symbol = info.0 >> if word == 8 { 32 } else { 8 };
        if let Some(symbol) = u32::try_from(symbol).ok().filter(|&s| s != 0 && !inside) {
            places.entry(symbol).or_insert(order);
            order = order.saturating_add(1);
        }
    }
}
