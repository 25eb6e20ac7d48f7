//! The data directories: the names of imported libraries, the stack cookie, the id of the PDB.

use object::endian::{LittleEndian as LE, U32, U64};
use object::pe::{ImageDebugDirectory, ImageImportDescriptor};

use super::image::Image;
use crate::inspect::read;
use crate::inspect::source::Source;

/// IMAGE_DIRECTORY_ENTRY_IMPORT, _DEBUG, _LOAD_CONFIG.
const IMPORT: usize = 1;
const DEBUG: usize = 6;
const LOAD_CONFIG: usize = 10;

/// The maximum number of imported libraries. A program imports some dozens.
const IMPORTS_LIMIT: u64 = 4096;

/// The maximum length of a name. Windows accepts names of up to MAX_PATH.
const NAME_LIMIT: u64 = 512;

/// Returns the names of imported libraries, in order. `None` if the imports cannot be determined.
pub(super) fn imports(source: &dyn Source, image: &Image) -> Option<Vec<Vec<u8>>> {
    image.optional?;
    let Some((address, _)) = image.directory(IMPORT) else {
        return Some(Vec::new());
    };
    let (mut at, end) = image.offset_of(address)?;
    let size = size_of::<ImageImportDescriptor>() as u64;
    let mut names = Vec::new();
    // The loader stops at the empty entry at the end and ignores the size.
    for index in 0..IMPORTS_LIMIT {
        let entry = (at < end).then(|| read::record::<ImageImportDescriptor>(source, at));
        let Some(entry) = entry.flatten() else {
            // Even the first entry is missing.
            return (index > 0).then_some(names);
        };
        let name = entry.name.get(LE);
        if name == 0 {
            break;
        }
        let found = image
            .offset_of(name)
            .and_then(|(offset, end)| read::c_string(source, offset, end, NAME_LIMIT));
        names.extend(found.filter(|name| !name.is_empty()));
        at = at.checked_add(size)?;
    }
    Some(names)
}

/// Whether there is a stack cookie: SecurityCookie of IMAGE_LOAD_CONFIG_DIRECTORY.
pub(super) fn has_cookie(source: &dyn Source, image: &Image) -> Option<bool> {
    let (address, _) = image.directory(LOAD_CONFIG)?;
    let (offset, _) = image.offset_of(address)?;
    // The first field is the length of the structure, which has grown over the years.
    let size = u64::from(read::record::<U32<LE>>(source, offset)?.get(LE));
    let (field, len) = if image.wide()? { (88, 8) } else { (60, 4) };
    if size < field + len {
        return Some(false);
    }
    let at = offset.checked_add(field)?;
    Some(if len == 8 {
        read::record::<U64<LE>>(source, at)?.get(LE) != 0
    } else {
        read::record::<U32<LE>>(source, at)?.get(LE) != 0
    })
}

/// Returns the GUID that a program and its PDB share, as it is printed, in lower case.
pub(super) fn pdb_guid(source: &dyn Source, image: &Image) -> Option<String> {
    const CODEVIEW: u32 = 2;
    let (address, size) = image.directory(DEBUG)?;
    let (offset, _) = image.offset_of(address)?;
    let entry_size = size_of::<ImageDebugDirectory>() as u64;
    (0..(u64::from(size) / entry_size).min(16)).find_map(|index| {
        let entry =
            read::record::<ImageDebugDirectory>(source, offset.checked_add(index * entry_size)?)?;
        if entry.typ.get(LE).0 != CODEVIEW {
            return None;
        }
        let data = source.piece(entry.pointer_to_raw_data.get(LE).into(), 20, 20);
        guid(data.ok()?.strip_prefix(b"RSDS")?)
    })
}

/// Formats a GUID. The first three groups are integers, the rest are bytes.
fn guid(bytes: &[u8]) -> Option<String> {
    let (a, rest) = bytes.split_first_chunk()?;
    let (b, rest) = rest.split_first_chunk()?;
    let (c, rest) = rest.split_first_chunk()?;
    let rest: &[u8; 8] = rest.first_chunk()?;
    Some(format!(
        "{:08x}{:04x}{:04x}{:016x}",
        u32::from_le_bytes(*a),
        u16::from_le_bytes(*b),
        u16::from_le_bytes(*c),
        u64::from_be_bytes(*rest)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_as_it_is_printed() {
        // {00112233-4455-6677-8899-AABBCCDDEEFF}
        let bytes = [
            0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
            0xff,
        ];
        let expected = "00112233445566778899aabbccddeeff";
        assert_eq!(guid(&bytes).as_deref(), Some(expected));
        assert_eq!(guid(&bytes[..15]), None);
    }
}
