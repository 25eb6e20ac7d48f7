//! Whether two executables differ only in their build ids.
//!
//! That is so if they are of one length and their bytes differ only where the ids stand: in the note,
//! and in the section `.gnu_debuglink`, where there is one, the name of the file with debug information,
//! which distributions take from the id, and the checksum of that file behind it. So the machine code
//! and the data of both are the same.

use std::ops::Range;

use crate::view::{ImageFs, ViewError};

/// So much of both files is compared at a time, in bytes.
const STEP: usize = 1 << 20;
/// Lengths of ids in bytes: a shorter one stands anywhere, no linker writes a longer one.
const LENGTHS: Range<usize> = 8..65;
/// The id stands in a file once or twice, in one for several machines a few times more.
const PLACES: usize = 64;

type File<'a> = (&'a ImageFs, u64);

/// What may stand in one file where the other has its counterpart.
struct Pattern {
    old: Vec<u8>,
    new: Vec<u8>,
    /// Bytes behind it that may be any.
    tail: u64,
}

/// Whether two files of one length differ only where their build ids stand, given as facts have them.
///
/// # Errors
/// Which file cannot be read, and why.
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
            // The difference may be at any byte of what stands there. A pattern is at least 8 bytes.
            let len = pattern.old.len();
            let from = offset.saturating_sub(len as u64 - 1);
            let (a, b) = (read(old, from, 2 * len)?, read(new, from, 2 * len)?);
            let windows = a.windows(len).zip(b.windows(len)).enumerate();
            let mut found = windows.filter(|(_, (a, b))| *a == pattern.old && *b == pattern.new);
            let at = found.next().map(|(at, _)| from.saturating_add(at as u64));
            // One that begins before it ends behind it, being as long as it is.
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

/// `None` if these are no ids of one length in hex.
fn patterns(old: &[u8], new: &[u8]) -> Option<[Pattern; 2]> {
    let (a, b) = (unhex(old)?, unhex(new)?);
    if a.len() != b.len() || !LENGTHS.contains(&a.len()) {
        return None;
    }
    // What dh_strip and its like write: the id's hex digits without the first two, which name a
    // directory; zeros up to four bytes; the CRC.
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
