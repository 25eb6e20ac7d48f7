//! Reads that may fail: a record, a string, a prefix, a search.
//!
//! Decoders do not distinguish why a piece is missing, whether the file is too short or the disk
//! failed: the facts of that piece are unknown. So these functions return `None` in both cases.

use object::pod::{Pod, from_bytes};

use super::source::Source;

/// The number of bytes searched at a time.
const WINDOW: u64 = 1 << 20;

/// Reads one record of a fixed layout.
pub(super) fn record<T: Pod>(source: &dyn Source, offset: u64) -> Option<T> {
    let size = size_of::<T>() as u64;
    let bytes = source.piece(offset, size, size).ok()?;
    from_bytes::<T>(&bytes).ok().map(|(record, _)| *record)
}

/// Reads the first bytes of a piece: `len`, limited by what the file has and by `limit`.
pub(super) fn prefix(source: &dyn Source, offset: u64, len: u64, limit: u64) -> Option<Vec<u8>> {
    let there = source.available(offset, len.min(limit))?;
    source.piece(offset, there, limit).ok()
}

/// Reads the string at `offset`, if a NUL ends it before `end` and within `limit` bytes.
pub(super) fn c_string(source: &dyn Source, offset: u64, end: u64, limit: u64) -> Option<Vec<u8>> {
    // Nearly all strings are short. The second step is for the long run paths of nix.
    for step in [limit.min(256), limit] {
        let bytes = prefix(source, offset, end.checked_sub(offset)?, step)?;
        if let Some(nul) = memchr::memchr(0, &bytes) {
            return bytes.get(..nul).map(<[u8]>::to_vec);
        }
    }
    None
}

/// Passes the bytes of `offset..offset + len` to `look` in windows, each with its offset, until it
/// returns `Some`. A window begins `overlap` bytes before the end of the previous one, so anything
/// of up to `overlap + 1` bytes is complete in at least one window.
pub(super) fn scan<T>(
    source: &dyn Source,
    offset: u64,
    len: u64,
    overlap: u64,
    mut look: impl FnMut(u64, &[u8]) -> Option<T>,
) -> Option<T> {
    let end = offset.saturating_add(len).min(source.len());
    let step = WINDOW.checked_sub(overlap).filter(|&step| step > 0)?;
    let mut at = offset;
    while at < end {
        let window = prefix(source, at, end - at, WINDOW)?;
        if let Some(found) = look(at, &window) {
            return Some(found);
        }
        if end - at <= WINDOW {
            break;
        }
        at = at.checked_add(step)?;
    }
    None
}

/// Returns for each byte string whether it occurs. Stops when all have been found.
pub(super) fn contains(source: &dyn Source, strings: &[&[u8]]) -> Vec<bool> {
    let finders: Vec<_> = strings.iter().map(memchr::memmem::Finder::new).collect();
    let longest = strings.iter().map(|string| <[u8]>::len(string)).max();
    let overlap = longest.unwrap_or(0) as u64;
    let mut found = vec![false; strings.len()];
    scan(source, 0, source.len(), overlap, |_, window| {
        for (found, finder) in found.iter_mut().zip(&finders) {
            *found = *found || finder.find(window).is_some();
        }
        found.iter().all(|&found| found).then_some(())
    });
    found
}

/// Parses an unsigned integer of seven bits per byte, least significant first: LEB128 (DWARF 5,
/// section 7.6) and Go's `encoding/binary.Uvarint`. Returns it with the bytes that follow.
pub(super) fn uvarint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * u32::try_from(index).ok()?;
        if bits.checked_shl(shift)? >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

/// Sorts and merges ranges `(offset, end)` of a file, so that no byte is read twice, even if there
/// are many ranges.
pub(super) fn merged(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (start, end) in ranges {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// Formats bytes in hex, two digits per byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the headers are followed by the mark of UPX (`l_info` in UPX's `p_unix.h`).
pub(super) fn has_upx_mark(head: &[u8]) -> bool {
    memchr::memmem::find(head, b"UPX!").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_what_there_is() {
        let file = b"0123456789".to_vec();
        assert_eq!(prefix(&file, 4, 3, 100).as_deref(), Some(&b"456"[..]));
        assert_eq!(
            prefix(&file, 4, u64::MAX, 100).as_deref(),
            Some(&b"456789"[..])
        );
        assert_eq!(prefix(&file, 4, 6, 2).as_deref(), Some(&b"45"[..]));
        assert_eq!(prefix(&file, 10, 1, 100).as_deref(), Some(&b""[..]));
        assert_eq!(prefix(&file, 11, 1, 100), None);
    }

    #[test]
    fn a_string_ends_with_a_nul() {
        let mut file = b"abc\0de".to_vec();
        assert_eq!(c_string(&file, 0, 6, 100).as_deref(), Some(&b"abc"[..]));
        assert_eq!(c_string(&file, 3, 6, 100).as_deref(), Some(&b""[..]));
        assert_eq!(c_string(&file, 4, 6, 100), None);
        assert_eq!(c_string(&file, 0, 3, 100), None);
        file.splice(0..0, [b'x'; 1000]);
        assert_eq!(c_string(&file, 0, 1006, 4096).map(|s| s.len()), Some(1003));
        assert_eq!(c_string(&file, 0, 1006, 1003), None);
    }

    #[test]
    fn a_scan_sees_what_lies_across_windows() {
        let mut file = vec![0; 3 << 20];
        let at = (1 << 20) - 2;
        file[at..at + 6].copy_from_slice(b"needle");
        let find = |base, window: &[u8]| {
            memchr::memmem::find(window, b"needle").map(|index| base + index as u64)
        };
        assert_eq!(scan(&file, 0, u64::MAX, 5, find), Some(at as u64));
        assert_eq!(scan(&file, 0, at as u64 + 5, 5, find), None);
        assert_eq!(scan(&file, 4 << 20, 10, 5, find), None);
    }

    #[test]
    fn numbers_of_seven_bits_a_byte() {
        assert_eq!(uvarint(&[0x08, 9]), Some((8, &[9u8][..])));
        assert_eq!(uvarint(&[0xe5, 0x8e, 0x26]), Some((624_485, &[][..])));
        assert_eq!(uvarint(&[0x80]), None);
        let mut max = vec![0xff; 9];
        max.push(0x01);
        assert_eq!(uvarint(&max), Some((u64::MAX, &[][..])));
        max[9] = 0x02;
        assert_eq!(uvarint(&max), None);
        assert_eq!(uvarint(&[0x80; 20]), None);
    }
}
