//! Sparse files: a map lists the ranges of the file that are stored; the rest are holes. GNU tar has
//! written the map in four formats, and layers contain all of them (GNU tar manual, "Storing Sparse
//! Files").

use super::entry::Extent;
use super::header::{BLOCK, TarHeader};
use super::number::number;
use super::pax::{Pax, decimal};

/// The maximum number of pieces in a map, which is held in memory. The largest real maps have some
/// thousands.
pub(crate) const MAX_PIECES: usize = 1 << 20;

/// One stored piece: offset in the file and length, in bytes.
pub(crate) type Piece = (u64, u64);

/// The location of a sparse entry's map.
pub(crate) enum SparseMap {
    /// The map is complete (PAX 0.0 and 0.1, old GNU without extension blocks).
    Known(Vec<Piece>),
    /// Extension blocks follow the header (old GNU).
    Blocks(Vec<Piece>),
    /// The map is at the start of the data, as decimal lines (PAX 1.0).
    Data,
}

/// Returns the map in an old GNU header (type `S`), and the real size of the file.
pub(crate) fn from_header(header: &TarHeader) -> Option<(SparseMap, u64)> {
    let (pieces, more, size) = header.sparse();
    let map = pieces_in(pieces)?;
    let map = if more {
        SparseMap::Blocks(map)
    } else {
        SparseMap::Known(map)
    };
    Some((map, u64::try_from(size?).ok()?))
}

/// Why a map cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadMap {
    /// The map is malformed, or contradicts the size of the file.
    Malformed,
    /// The map has more than [`MAX_PIECES`] pieces.
    TooLong,
}

/// Adds the pieces in an extension block to a map, and returns whether another block follows.
pub(crate) fn from_block(block: &[u8], map: &mut Vec<Piece>) -> Result<bool, BadMap> {
    let pieces = block.get(..21 * 24).and_then(pieces_in);
    map.extend(pieces.ok_or(BadMap::Malformed)?);
    if map.len() > MAX_PIECES {
        return Err(BadMap::TooLong);
    }
    Ok(block.get(504).is_some_and(|&more| more != 0))
}

fn pieces_in(field: &[u8]) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    for piece in field.chunks_exact(24) {
        let (offset, len) = piece.split_at(12);
        if offset.first() == Some(&0) {
            break;
        }
        let number = |field| u64::try_from(number(field)?).ok();
        pieces.push((number(offset)?, number(len)?));
    }
    Some(pieces)
}

/// Returns the map in PAX records, and the real size of the file if they give one. Returns `Ok(None)` if
/// the records have no map, or one of an unknown version (Go's `archive/tar`,
/// `readGNUSparsePAXHeaders`).
pub(crate) fn from_pax(pax: &Pax) -> Result<Option<(SparseMap, Option<u64>)>, BadMap> {
    let text = |key| pax.get(key).unwrap_or_default();
    let listed = pax.sparse_numbers().next().is_some();
    let is_data = match (text(b"GNU.sparse.major"), text(b"GNU.sparse.minor")) {
        (b"0", b"0" | b"1") => false,
        (b"1", b"0") => true,
        (b"", b"") if listed || !text(b"GNU.sparse.map").is_empty() => false,
        _ => return Ok(None),
    };
    let size = pax.number(b"GNU.sparse.size");
    let size = match size.or_else(|| pax.number(b"GNU.sparse.realsize")) {
        None => None,
        Some(size) => Some(
            size.and_then(|n| u64::try_from(n).ok())
                .ok_or(BadMap::Malformed)?,
        ),
    };
    if is_data {
        return Ok(Some((SparseMap::Data, size)));
    }
    let count = pax
        .number(b"GNU.sparse.numblocks")
        .flatten()
        .ok_or(BadMap::Malformed)?;
    let pieces = match text(b"GNU.sparse.map") {
        // A map in 0.0 records takes precedence over one in a 0.1 record.
        _ if listed => pairs(pax.sparse_numbers())?,
        b"" => Vec::new(),
        map => pairs(map.split(|&b| b == b','))?,
    };
    match usize::try_from(count) {
        Ok(count) if count == pieces.len() => Ok(Some((SparseMap::Known(pieces), size))),
        _ => Err(BadMap::Malformed),
    }
}

fn pairs<'a>(mut numbers: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Piece>, BadMap> {
    let mut pieces = Vec::new();
    while let Some(offset) = numbers.next() {
        let len = numbers.next().ok_or(BadMap::Malformed)?;
        pieces.push((
            unsigned(offset).ok_or(BadMap::Malformed)?,
            unsigned(len).ok_or(BadMap::Malformed)?,
        ));
    }
    Ok(pieces)
}

fn unsigned(text: &[u8]) -> Option<u64> {
    u64::try_from(decimal(text)?).ok()
}

/// Parses the map of PAX 1.0 incrementally, one block at a time.
#[derive(Default)]
pub(crate) struct DataMap {
    line: Vec<u8>,
    count: Option<usize>,
    numbers: Vec<u64>,
}

impl DataMap {
    /// Parses a block. Returns `Ok(true)` if the map is complete, and `Err` if it is malformed or too
    /// long.
    pub(crate) fn block(&mut self, block: &[u8]) -> Result<bool, BadMap> {
        for &byte in block {
            if byte != b'\n' {
                // The largest number has 19 digits, but zeros may precede it.
                if self.line.len() >= 512 {
                    return Err(BadMap::Malformed);
                }
                self.line.push(byte);
                continue;
            }
            let number = unsigned(&self.line).ok_or(BadMap::Malformed)?;
            self.line.clear();
            match self.count {
                None => {
                    let count = usize::try_from(number).unwrap_or(usize::MAX);
                    if count > MAX_PIECES {
                        return Err(BadMap::TooLong);
                    }
                    self.count = Some(count);
                }
                Some(_) => self.numbers.push(number),
            }
            if self.count.is_some_and(|c| self.numbers.len() == 2 * c) {
                // The rest of the block is padding.
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the map.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        self.numbers
            .chunks_exact(2)
            .filter_map(|pair| Some((*pair.first()?, *pair.last()?)))
            .collect()
    }
}

/// Computes where the pieces are in the layer: their bytes follow each other from `at` on, `stored`
/// bytes in total. Returns `None` if the pieces overlap, are out of order, extend beyond `size`, or do
/// not add up to `stored`.
pub(crate) fn extents(map: &[Piece], size: u64, stored: u64, at: u64) -> Option<Box<[Extent]>> {
    let mut extents = Vec::with_capacity(map.len());
    let (mut end, mut used) = (0_u64, 0_u64);
    for &(offset, len) in map {
        if offset < end {
            return None;
        }
        end = offset.checked_add(len)?;
        if end > size {
            return None;
        }
        if len > 0 {
            let at = at.checked_add(used)?;
            extents.push(Extent { offset, len, at });
        }
        used = used.checked_add(len)?;
    }
    (used == stored).then(|| extents.into_boxed_slice())
}

/// Returns whether GNU tar would read a different file from this map: it expects each piece at the start
/// of a block, and ends the file where the last piece ends.
pub(crate) fn is_odd(map: &[Piece], size: u64) -> bool {
    let end = map
        .last()
        .map_or(0, |(offset, len)| offset.saturating_add(*len));
    let mut pieces = map.iter().filter(|(_, len)| *len > 0);
    pieces.next_back();
    end != size || pieces.any(|(_, len)| len % BLOCK as u64 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_must_fit_its_file() {
        assert!(extents(&[(0, 10), (20, 10)], 30, 20, 512).is_some());
        assert!(extents(&[(0, 10), (5, 10)], 30, 20, 0).is_none(), "overlap");
        assert!(
            extents(&[(0, 10), (25, 10)], 30, 20, 0).is_none(),
            "beyond the end"
        );
        assert!(
            extents(&[(0, 10)], 30, 20, 0).is_none(),
            "more is stored than mapped"
        );
        assert!(
            extents(&[(u64::MAX, 2)], u64::MAX, 2, 0).is_none(),
            "overflow"
        );
        // GNU tar ends a map with an empty piece at the end of the file.
        let placed = extents(&[(4, 2), (9, 0)], 9, 2, 512).unwrap();
        assert_eq!(placed.len(), 1);
        assert_eq!(placed[0].at, 512);
    }

    #[test]
    fn a_map_in_the_data_may_cross_blocks() {
        let mut map = DataMap::default();
        assert_eq!(map.block(b"2\n0\n51"), Ok(false));
        assert_eq!(map.block(b"2\n4096\n10\n\0\0\0"), Ok(true));
        assert_eq!(map.pieces(), [(0, 512), (4096, 10)]);
        assert_eq!(
            DataMap::default().block(b"99999999\n"),
            Err(BadMap::TooLong)
        );
        assert_eq!(DataMap::default().block(b"x\n"), Err(BadMap::Malformed));
    }
}
