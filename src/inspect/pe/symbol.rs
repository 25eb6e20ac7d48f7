//! COFF symbols, which Go also writes on Windows.

use object::endian::{LittleEndian as LE, U32};
use object::pe::{ImageSymbol, ImageSymbolBytes};
use object::pod::{bytes_of, from_bytes};

use super::image::Image;
use crate::inspect::go::injected::Names;
use crate::inspect::read;
use crate::inspect::source::Source;

/// Returns the variables that were set at link time.
pub(super) fn injected(source: &dyn Source, image: &Image) -> Vec<(String, String)> {
    let Some((offset, count)) = image.symbols else {
        return Vec::new();
    };
    let len = u64::from(count) * size_of::<ImageSymbolBytes>() as u64;
    // The names follow the symbols, after their length.
    let names_at = u64::from(offset) + len;
    let names_len = read::record::<U32<LE>>(source, names_at).map_or(0, |len| len.get(LE));
    let mapped = image.mapped();
    let names = Names::find(source, names_at, names_len.into());
    names.values(
        source,
        (offset.into(), len),
        &mapped,
        |symbol: &ImageSymbolBytes| {
            // Index 0 is the length of the names, so no name has it.
            let nothing = (0, 0);
            let Ok((symbol, _)) = from_bytes::<ImageSymbol>(bytes_of(symbol)) else {
                return nothing;
            };
            let [0, 0, 0, 0, name @ ..] = symbol.name else {
                return nothing;
            };
            let section = usize::from(symbol.section_number.get(LE));
            let section = section.checked_sub(1).and_then(|index| mapped.get(index));
            section.map_or(nothing, |section| {
                let address = section.address.wrapping_add(symbol.value.get(LE).into());
                (u32::from_le_bytes(name).into(), address)
            })
        },
    )
}
