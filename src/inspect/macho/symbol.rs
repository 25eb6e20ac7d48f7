//! Mach-O symbols: whether there are any besides those that dyld needs, and the symbols that Go's
//! linker adds.

use object::endian::Endianness;
use object::macho::{Nlist32, Nlist64};
use object::pod::slice_from_bytes;
use object::read::macho::Nlist;

use super::commands::Commands;
use super::header::MachHeader;
use crate::inspect::go::injected::Names;
use crate::inspect::read;
use crate::inspect::source::Source;

/// N_STAB: symbols for debuggers. N_EXT: symbols for other files.
const STAB: u8 = 0xe0;
const EXT: u8 = 0x01;

/// The maximum number of symbols that are examined if there is no LC_DYSYMTAB.
const LIMIT: u64 = 1 << 16;

/// Longer than any name that is searched for.
const OVERLAP: u64 = 32;

/// The placeholder that Apple's `strip` leaves as the only local symbol on x86.
const PLACEHOLDER: &[u8] = b"radr://5614542";

/// Whether the symbols that only debuggers need have been removed. Imported and exported symbols
/// always remain, because dyld needs them.
pub(super) fn stripped(
    source: &dyn Source,
    header: &MachHeader,
    commands: &Commands,
) -> Option<bool> {
    let Some([symbols, count, names, names_len]) = commands.symbols else {
        return Some(true);
    };
    match commands.local_symbols {
        Some(0) => Some(true),
        Some(1) => {
            let bytes = read::prefix(source, names.into(), names_len.into(), 1 << 20)?;
            Some(memchr::memmem::find(&bytes, PLACEHOLDER).is_some())
        }
        Some(_) => Some(false),
        None if header.wide => local::<Nlist64<Endianness>>(source, symbols, count),
        None => local::<Nlist32<Endianness>>(source, symbols, count),
    }
}

fn local<N: Nlist<Endian = Endianness>>(
    source: &dyn Source,
    symbols: u32,
    count: u32,
) -> Option<bool> {
    let size = size_of::<N>() as u64;
    let len = u64::from(count).min(LIMIT) * size;
    let bytes = read::prefix(source, symbols.into(), len, LIMIT * size)?;
    let (table, _) = slice_from_bytes::<N>(&bytes, bytes.len() / size_of::<N>()).ok()?;
    Some(table.iter().all(|s| {
        let kind = s.n_type().0;
        kind & STAB == 0 && kind & EXT != 0
    }))
}

/// Whether functions check a stack canary. C names have an additional leading underscore here.
pub(super) fn canary(source: &dyn Source, commands: &Commands) -> Option<bool> {
    let [_, _, names, len] = commands.symbols?;
    let canaries = [&b"___stack_chk_fail"[..], b"___stack_chk_guard"];
    let found = canaries.iter().any(|name| {
        let finder = memchr::memmem::Finder::new(name);
        let look = |_, window: &[u8]| finder.find(window).map(|_| ());
        read::scan(source, names.into(), len.into(), OVERLAP, look).is_some()
    });
    Some(found)
}

/// Returns the variables that were set at link time.
pub(super) fn injected(source: &dyn Source, commands: &Commands) -> Vec<(String, String)> {
    let Some([symbols, count, names, len]) = commands.symbols else {
        return Vec::new();
    };
    // All architectures that Go supports here are 64-bit and little-endian.
    let e = Endianness::Little;
    let len_of_table = u64::from(count) * size_of::<Nlist64<Endianness>>() as u64;
    Names::find(source, names.into(), len.into()).values(
        source,
        (symbols.into(), len_of_table),
        &commands.mapped,
        |symbol: &Nlist64<Endianness>| (symbol.n_strx.get(e).into(), symbol.n_value.get(e)),
    )
}
