//! Checks whether two executables differ only in their build ids.
//!
//! That is the case if they have the same length and their bytes differ only where the ids are stored.
//! These places are the note and, if present, the section `.gnu_debuglink`. The section contains the
//! name of the file with debug information, which distributions derive from the id, followed by that
//! file's checksum. So the machine code and data of both executables are the same.

use std::ops::Range;

use crate::view::{ImageFs, View, ViewError};

/// The number of bytes of both files that are compared at a time.
const STEP: usize = 1 << 20;
/// The lengths of ids in bytes. A shorter id could match by chance; no linker writes a longer one.
const LENGTHS: Range<usize> = 8..65;
/// The maximum number of differences. A file has its id once or twice; a file for several machines has
/// it a few times more.
const PLACES: usize = 64;

type File<'a> = (&'a ImageFs, u64);

/// Bytes in the old file that the new file may replace with their counterpart.
struct Pattern {
    old: Vec<u8>,
    new: Vec<u8>,
    /// The number of arbitrary bytes that follow.
    tail: u64,
}

/// Returns whether two files of the same length differ only where their build ids are stored. `ids` are
/// the values of the fact `BUILD_ID`.
///
/// # Errors
/// Returns the view whose file cannot be read, and the error.
pub(super) fn only<'a>(
    old: File<'a>,
    new: File<'a>,
    ids: (&[u8], &[u8]),
) -> Result<bool, (&'a ImageFs, ViewError)> {
    let Some(patterns) = patterns(ids.0, ids.1) else {
        return Ok(false);
    };
    let read = |(view, ino): File<'a>, offset, len| {
        let bytes = view.read(ino, offset, len);
        bytes.map_err(|error| (view, error))
    };
    let mut offset = 0_u64;
    let mut places = 0;
    loop {
        let (a, b) = (read(old, offset, STEP)?, read(new, offset, STEP)?);
        if a.is_empty() && b.is_empty() {
            return Ok(true);
        }
        let same = a.iter().zip(b.iter()).take_while(|(a, b)| a == b).count();
        offset = offset.saturating_add(same as u64);
        if same == a.len().min(b.len()) {
            if a.len() != b.len() {
                return Ok(false);
            }
            continue;
        }
        places += 1;
        let mut end = None;
        for pattern in &patterns {
            // The difference may be at any byte of the pattern. A pattern is at least 8 bytes long.
            let len = pattern.old.len();
            let from = offset.saturating_sub(len as u64 - 1);
            let (a, b) = (read(old, from, 2 * len)?, read(new, from, 2 * len)?);
            let windows = a.windows(len).zip(b.windows(len)).enumerate();
            let mut found = windows.filter(|(_, (a, b))| *a == pattern.old && *b == pattern.new);
            let at = found.next().map(|(at, _)| from.saturating_add(at as u64));
            // A match that starts at or before the difference also covers it: it starts less than
            // its own length before.
            if let Some(at) = at.filter(|&at| at <= offset) {
                end = Some(at.saturating_add(len as u64 + pattern.tail));
                break;
            }
        }
        match end {
            Some(end) if places <= PLACES => offset = end,
            _ => return Ok(false),
        }
    }
}

/// Returns the patterns for two ids. Returns `None` if they are not hexadecimal ids of the same length.
fn patterns(old: &[u8], new: &[u8]) -> Option<[Pattern; 2]> {
    let (a, b) = (unhex(old)?, unhex(new)?);
    if a.len() != b.len() || !LENGTHS.contains(&a.len()) {
        return None;
    }
    // The format that dh_strip and similar tools write: the hex digits of the id without the first two,
    // which are the name of a directory; `.debug` and a NUL; zeros up to a multiple of four bytes; the
    // CRC.
    let link = |id: &[u8]| -> Option<Vec<u8>> {
        let mut link = [id.get(2..)?, b".debug\0"].concat();
        link.resize(link.len().next_multiple_of(4), 0);
        Some(link)
    };
    Some([
        Pattern {
            tail: 4,
            old: link(old)?,
            new: link(new)?,
        },
        Pattern {
            tail: 0,
            old: a,
            new: b,
        },
    ])
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_chunks::<2>();
    let byte = |&[high, low]: &[u8; 2]| Some(digit(high)? << 4 | digit(low)?);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}
