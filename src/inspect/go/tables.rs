//! The function table (`runtime/symtab.go`, `pcHeader`), which every Go program has. It identifies
//! a Go program even if it was built with other flags or stripped.

use memchr::memmem;

use crate::inspect::read;
use crate::inspect::source::Source;

/// The last byte of the magic number: Go 1.2 to 1.15, 1.16 to 1.17, 1.18 to 1.19, 1.20 and later.
const VERSIONS: [u8; 4] = [0xfb, 0xfa, 0xf0, 0xf1];

/// The length of the header up to and including the number of functions.
const LEN: u64 = 16;

/// More functions than any program has.
const FUNCTIONS_LIMIT: u32 = 1 << 24;

/// The maximum number of candidates that are checked.
const ATTEMPTS: usize = 1 << 18;

/// Whether the file ranges `(offset, end)` contain a function table.
pub(super) fn find(source: &dyn Source, places: &[(u64, u64)]) -> bool {
    let little = memmem::Finder::new(b"\xff\xff\xff\0\0");
    let big: Vec<_> = VERSIONS
        .iter()
        .map(|&version| memmem::Finder::new(&[0xff, 0xff, 0xff, version, 0, 0]).into_owned())
        .collect();
    let finders: Vec<_> = [(&little, 1)]
        .into_iter()
        .chain(big.iter().map(|finder| (finder, 0)))
        .collect();
    let mut attempts = ATTEMPTS;
    places.iter().any(|&(offset, end)| {
        let len = end.saturating_sub(offset);
        let found = read::scan(source, offset, len, LEN, |base, window| {
            finders.iter().find_map(|(finder, before)| {
                let mut hits = finder.find_iter(window).take(attempts);
                hits.find_map(|hit| {
                    attempts -= 1;
                    let at = hit.checked_sub(*before)?;
                    // The table has at least this alignment in memory, and so in the file.
                    let aligned = base.checked_add(at as u64)? % 4 == 0;
                    (aligned && is_header(window.get(at..)?)).then_some(())
                })
            })
        });
        found.is_some()
    })
}

/// Whether these are the first bytes of a function table: the magic number, two zeros, the smallest
/// instruction size, the size of a pointer, and the number of functions as an integer of that size.
fn is_header(bytes: &[u8]) -> bool {
    let Some((header, rest)) = bytes.split_first_chunk::<8>() else {
        return false;
    };
    let [a, b, c, d, 0, 0, 1 | 2 | 4, pointer @ (4 | 8)] = *header else {
        return false;
    };
    let Some(words) = rest.first_chunk::<8>() else {
        return false;
    };
    let [low, high] = [0, 4].map(|at| {
        let word = words.get(at..).and_then(<[u8]>::first_chunk);
        word.copied().unwrap_or_default()
    });
    let count = if [b, c, d] == [0xff; 3] && VERSIONS.contains(&a) {
        if pointer == 8 && high != [0; 4] {
            return false;
        }
        u32::from_le_bytes(low)
    } else if [a, b, c] == [0xff; 3] && VERSIONS.contains(&d) {
        match (pointer, low) {
            (4, _) => u32::from_be_bytes(low),
            (_, [0, 0, 0, 0]) => u32::from_be_bytes(high),
            _ => return false,
        }
    } else {
        return false;
    };
    (1..FUNCTIONS_LIMIT).contains(&count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_begins_with_its_header() {
        let is = |bytes: &[u8]| {
            let file = [&[0; 16][..], bytes].concat();
            find(&file, &[(0, file.len() as u64)])
        };
        assert!(is(b"\xf1\xff\xff\xff\0\0\x01\x08\x10\x07\0\0\0\0\0\0"));
        assert!(is(
            b"\xfb\xff\xff\xff\0\0\x04\x04\x10\x07\0\0\xff\xff\xff\xff"
        ));
        assert!(is(b"\xff\xff\xff\xf1\0\0\x04\x08\0\0\0\0\0\0\x07\x10"));
        // No functions, too many, another magic number, not aligned, truncated.
        assert!(!is(b"\xf1\xff\xff\xff\0\0\x01\x08\0\0\0\0\0\0\0\0"));
        assert!(!is(b"\xf1\xff\xff\xff\0\0\x01\x08\0\0\0\0\x01\0\0\0"));
        assert!(!is(b"\xf2\xff\xff\xff\0\0\x01\x08\x10\x07\0\0\0\0\0\0"));
        assert!(!is(b"\0\xf1\xff\xff\xff\0\0\x01\x08\x10\x07\0\0\0\0\0\0"));
        assert!(!is(b"\xf1\xff\xff\xff\0\0\x01\x08"));
    }
}
