//! The symbols that relocations refer to: separately for those that the loader applies at load
//! time, and for function calls, whose binding may be delayed until the first call.
//!
//! DT_RELA and DT_REL are applied at load time. DT_JMPREL contains the entries of the procedure
//! linkage table, which glibc binds lazily unless the file or LD_BIND_NOW forbids it
//! (`elf/dynamic-link.h`, `ELF_DYNAMIC_RELOCATE`). Some linkers make DT_RELA include DT_JMPREL.

use std::collections::{HashMap, HashSet};

use object::endian::Endianness;

use super::dynamic::Dynamic;
use super::header::ElfHeader;
use super::machine;
use super::memory::Memory;
use crate::inspect::read;

/// The maximum number of bytes read from one table. Real tables are larger only because of entries
/// without a symbol, which linkers sort to the front and count in DT_RELACOUNT.
const TABLE_LIMIT: u64 = 64 << 20;

/// The address of a table, its length in bytes, and the number of leading entries without a symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct RelocationTable {
    pub at: u64,
    pub len: u64,
    pub relative: u64,
    /// Whether its entries have an addend (`Elf64_Rela`).
    pub addends: bool,
}

/// The position of the first entry for each symbol number.
type Places = HashMap<u32, u32>;

/// The symbols that relocations refer to.
#[derive(Debug, Default)]
pub(super) struct Relocations {
    /// The symbols that are needed at load time.
    pub data: Places,
    /// The symbols of DT_JMPREL.
    pub calls: Places,
    /// The symbols of copy relocations: the file reserves space for them and copies the value from
    /// a library.
    pub copies: HashSet<u32>,
    /// Whether the architecture has a relocation scheme of its own (MIPS), so that any symbol may
    /// be needed.
    pub unknown: bool,
}

impl Relocations {
    /// Reads all tables.
    pub(super) fn read(memory: &Memory<'_>, header: &ElfHeader, dynamic: &Dynamic) -> Self {
        let machine = machine::name(header);
        let mut found = Self {
            unknown: machine.starts_with("mips"),
            ..Self::default()
        };
        let copy = copy_type(&machine);
        let calls = dynamic.call_relocations;
        for table in dynamic.relocations.iter().flatten() {
            let data = &mut found.data;
            collect(memory, header, table, calls, |symbol, kind, order| {
                data.entry(symbol).or_insert(order);
                if Some(kind) == copy {
                    found.copies.insert(symbol);
                }
            });
        }
        if let Some(table) = &calls {
            collect(memory, header, table, None, |symbol, _, order| {
                found.calls.entry(symbol).or_insert(order);
            });
        }
        found
    }
}

impl Relocations {
    /// Returns the position of a symbol among those that are needed at load time.
    pub(super) fn place(&self, symbol: u32) -> Option<u32> {
        let place = self.data.get(&symbol).copied();
        place.or(self.unknown.then_some(0))
    }
}

/// Returns the type of a copy relocation (from the ABI's processor supplements: R_X86_64_COPY and
/// its equivalents).
fn copy_type(machine: &str) -> Option<u32> {
    Some(match machine {
        "amd64" | "x32" | "386" => 5,
        "arm64" => 1024,
        "arm" => 20,
        "ppc64" | "ppc64le" | "ppc" => 19,
        "riscv64" | "riscv" => 4,
        "s390x" => 9,
        _ => return None,
    })
}

/// Calls `tell` for each entry that refers to a symbol, with the symbol number, the type, and the
/// position of the entry. Skips entries that belong to the table `without`.
fn collect(
    memory: &Memory<'_>,
    header: &ElfHeader,
    table: &RelocationTable,
    without: Option<RelocationTable>,
    mut tell: impl FnMut(u32, u32, u32),
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
    let (mut at, mut order) = (start, 0u32);
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
        // ELF64_R_SYM and ELF64_R_TYPE, or ELF32_R_SYM and ELF32_R_TYPE.
        let shift = if word == 8 { 32 } else { 8 };
        let symbol = u32::try_from(info.0 >> shift).ok();
        let kind = u32::try_from(info.0 & ((1 << shift) - 1)).unwrap_or_default();
        if let Some(symbol) = symbol.filter(|&symbol| symbol != 0 && !inside) {
            tell(symbol, kind, order);
            order = order.saturating_add(1);
        }
    }
}
