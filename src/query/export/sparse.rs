//! Sparse files in GNU tar's format 1.0 (its manual, "Storing Sparse Files"): a map of the pieces as
//! text, in separate blocks before the pieces.
//!
//! When reading, GNU tar starts each piece at a new block, while other programs start it where the last
//! one ended. So that both read the same data, pieces here start and end at block boundaries, except at
//! the end of the file.

use std::io::{self, Write};
use std::iter::Peekable;
use std::ops::Range;

use super::header::{BLOCK, padding};
use crate::layer::Extent;
use crate::tree::{Data, Extents};

/// The map of a file's pieces.
#[derive(Clone, Copy)]
pub(super) struct Map<'a> {
    extents: Extents<'a>,
    size: u64,
    /// The number of pieces in the map, including an empty one at the end of a file that ends with a
    /// hole.
    count: u64,
    /// The length of the text in bytes.
    text: u64,
    /// The total length of all pieces in bytes.
    bytes: u64,
}

impl<'a> Map<'a> {
    /// Returns the map of a file, or `None` if it has no holes.
    pub(super) fn of(data: Data<'a>, size: u64) -> Option<Self> {
        let Data::Sparse(extents) = data else {
            return None;
        };
        let mut map = Self {
            extents,
            size,
            count: 0,
            text: 0,
            bytes: 0,
        };
        for piece in map.with_end() {
            let len = piece.end - piece.start;
            map.count += 1;
            map.bytes = map.bytes.saturating_add(len);
            map.text = map.text.saturating_add(line(&piece).len() as u64);
        }
        map.text = map.text.saturating_add(digits(map.count));
        (map.bytes < size).then_some(map)
    }

    /// The length of the map and the pieces together.
    pub(super) fn stored(&self) -> u64 {
        self.bytes
            .saturating_add(self.text)
            .saturating_add(padding(self.text))
    }

    pub(super) fn pieces(&self) -> Pieces<impl Iterator<Item = Extent> + use<'a>> {
        pieces(self.extents.from(0), self.size)
    }

    /// The pieces. If the file ends with a hole, an empty piece is added at its end, because GNU tar
    /// ends a file where its last piece ends.
    fn with_end(&self) -> impl Iterator<Item = Range<u64>> + use<'a> {
        let size = self.size;
        let mut pieces = self.pieces();
        let (mut end, mut done) = (None, false);
        std::iter::from_fn(move || match pieces.next() {
            Some(piece) => {
                end = Some(piece.end);
                Some(piece)
            }
            None if done || end == Some(size) => None,
            None => {
                done = true;
                Some(size..size)
            }
        })
    }

    /// Writes the map, including its padding.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.count)?;
        for piece in self.with_end() {
            out.write_all(line(&piece).as_bytes())?;
        }
        super::header::pad(out, self.text)
    }
}

fn line(piece: &Range<u64>) -> String {
    format!("{}\n{}\n", piece.start, piece.end - piece.start)
}

fn digits(number: u64) -> u64 {
    format!("{number}\n").len() as u64
}

/// Extends pieces to whole blocks, and joins pieces that touch.
pub(super) struct Pieces<I: Iterator<Item = Extent>> {
    extents: Peekable<I>,
    size: u64,
}

fn pieces<I: Iterator<Item = Extent>>(extents: I, size: u64) -> Pieces<I> {
    let extents = extents.peekable();
    Pieces { extents, size }
}

impl<I: Iterator<Item = Extent>> Iterator for Pieces<I> {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        let block = BLOCK as u64;
        let size = self.size;
        let end_of = |extent: &Extent| {
            let end = extent.offset.saturating_add(extent.len);
            end.checked_next_multiple_of(block)
                .unwrap_or(size)
                .min(size)
        };
        let first = self.extents.next()?;
        let start = first.offset - first.offset % block;
        let mut end = end_of(&first);
        while let Some(next) = self.extents.next_if(|e| e.offset - e.offset % block <= end) {
            end = end.max(end_of(&next));
        }
        (start < end).then_some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(extents: &[(u64, u64)], size: u64) -> Vec<(u64, u64)> {
        let extents = extents
            .iter()
            .map(|&(offset, len)| Extent { offset, len, at: 0 });
        pieces(extents, size)
            .map(|piece| (piece.start, piece.end))
            .collect()
    }

    #[test]
    fn pieces_are_whole_blocks() {
        assert_eq!(of(&[], 10), []);
        assert_eq!(of(&[(0, 1)], 2000), [(0, 512)]);
        assert_eq!(of(&[(5, 507), (600, 1)], 2000), [(0, 1024)]);
        assert_eq!(of(&[(511, 2), (2048, 1)], 2049), [(0, 1024), (2048, 2049)]);
        assert_eq!(
            of(&[(0, 512), (1024, 3), (1536, 1)], 1 << 20),
            [(0, 512), (1024, 2048)]
        );
    }

    #[test]
    fn pieces_beyond_the_end_are_none() {
        assert_eq!(of(&[(u64::MAX - 5, 5)], 100), []);
        assert_eq!(of(&[(0, u64::MAX)], 100), [(0, 100)]);
    }
}
