//! Universal binaries: a table of slices, each a separate file for one architecture (Apple:
//! `mach-o/fat.h`; always big-endian).
//!
//! Java class files have the same magic number, with a version in place of the number of slices. So
//! the first slice must be for a known architecture and must lie within the file.

use object::endian::BigEndian as BE;
use object::macho::{FatArch32, FatArch64};
use object::pod::{Pod, from_bytes};

use super::machine;
use crate::inspect::binary::{Binary, Format, Slice};
use crate::inspect::read;
use crate::inspect::source::{Source, Window};

const MAGIC_32: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];
const MAGIC_64: [u8; 4] = [0xca, 0xfe, 0xba, 0xbf];

/// The maximum number of slices. There are fewer architectures, and Java's first version was 45.
const SLICES_LIMIT: u32 = 30;

/// An entry of the table.
#[derive(Clone, Copy)]
struct SliceEntry {
    cpu_type: u32,
    cpu_subtype: u32,
    offset: u64,
    len: u64,
}

/// Whether these are the first bytes of a universal binary.
pub(in crate::inspect) fn is_universal(head: &[u8]) -> bool {
    entries(head).is_some()
}

/// Reads the entries of the table that are within `head`. Returns `None` if it is not a universal
/// binary.
fn entries(head: &[u8]) -> Option<Vec<SliceEntry>> {
    let (magic, rest) = head.split_first_chunk()?;
    let (count, table) = rest.split_first_chunk()?;
    let count = u32::from_be_bytes(*count);
    if !(1..=SLICES_LIMIT).contains(&count) {
        return None;
    }
    let entries = match *magic {
        MAGIC_32 => decode(table, count, |raw: &FatArch32| SliceEntry {
            cpu_type: raw.cputype.get(BE).0,
            cpu_subtype: raw.cpusubtype.get(BE).0,
            offset: raw.offset.get(BE).into(),
            len: raw.size.get(BE).into(),
        }),
        MAGIC_64 => decode(table, count, |raw: &FatArch64| SliceEntry {
            cpu_type: raw.cputype.get(BE).0,
            cpu_subtype: raw.cpusubtype.get(BE).0,
            offset: raw.offset.get(BE),
            len: raw.size.get(BE),
        }),
        _ => return None,
    };
    let first = entries.first()?;
    machine::known(first.cpu_type, first.cpu_subtype)?;
    Some(entries)
}

fn decode<T: Pod>(
    mut table: &[u8],
    count: u32,
    entry: impl Fn(&T) -> SliceEntry,
) -> Vec<SliceEntry> {
    let mut entries = Vec::new();
    for _ in 0..count {
        let Ok((raw, rest)) = from_bytes::<T>(table) else {
            break;
        };
        entries.push(entry(raw));
        table = rest;
    }
    entries
}

/// Decodes a universal binary. Facts other than the list of slices are those of the first slice
/// that can be decoded. Choosing the slice for the host would give different facts on different
/// hosts.
pub(in crate::inspect) fn inspect(source: &dyn Source) -> Option<Binary> {
    let head = read::prefix(source, 0, 4096, 4096)?;
    let entries = entries(&head)?;
    let first = entries.first()?;
    if first.offset.checked_add(first.len)? > source.len() {
        return None;
    }
    let mut shown: Option<Binary> = None;
    let mut slices: Vec<Slice> = Vec::new();
    for entry in &entries {
        let window = Window::new(source, entry.offset, entry.len);
        // The first slice is decoded in full. For the others, only the platform is.
        let slice = if shown.is_none() {
            shown = super::inspect(&window);
            shown.as_ref().map(|binary| Slice {
                os: binary.os.as_ref().map(|os| os.value.clone()),
                arch: binary.arch.as_ref().map(|arch| arch.value.clone()),
                variants: binary.variants.clone(),
            })
        } else {
            super::of_object(&window)
        };
        // A slice may be an archive or truncated. Its architecture is known from the table.
        let slice = slice.unwrap_or_else(|| Slice {
            os: Some("darwin".into()),
            arch: machine::known(entry.cpu_type, entry.cpu_subtype).map(str::to_owned),
            variants: Vec::new(),
        });
        if !slices.contains(&slice) {
            slices.push(slice);
        }
    }
    let mut binary = shown.unwrap_or_default();
    binary.format = Format::MachOUniversal;
    if binary.arch.is_none() {
        binary.kind = crate::inspect::binary::BinaryKind::Archive;
    }
    binary.slices = slices;
    Some(binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_java_is_none() {
        // Java 17, 45.3, and a table with an unknown architecture.
        assert!(!is_universal(
            b"\xca\xfe\xba\xbe\0\0\0\x3d\0\x0f\x0a\0\x02\0\x03\x07\0\x04\x0c\0\x05\0\x06\x01"
        ));
        assert!(!is_universal(
            b"\xca\xfe\xba\xbe\0\x03\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        ));
        let mut fat = [0; 48];
        fat[..8].copy_from_slice(b"\xca\xfe\xba\xbe\0\0\0\x02");
        assert!(!is_universal(&fat));
        fat[8..12].copy_from_slice(&[1, 0, 0, 7]);
        assert!(is_universal(&fat));
        fat[3] = 0xbf;
        assert!(is_universal(&fat));
        fat[4..8].fill(0xff);
        assert!(!is_universal(&fat));
    }
}
