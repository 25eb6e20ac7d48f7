//! Sparse files: a map says which stretches of the file are stored; the rest are holes. GNU tar
//! has written the map in four ways, and layers hold them all (GNU tar manual, "Storing Sparse
//! Files").

use super::entry::Extent;
use super::header::{Header, number};
use super::pax::Pax;

/// More pieces than this are a trick, not a file: the largest real maps have some thousands.
const MAX_PIECES: usize = 1 << 20;

/// One stored stretch: offset in the file and length, in bytes.
pub(crate) type Piece = (u64, u64);

/// Where the map of a sparse entry is found.
pub(crate) enum Map {
    /// Complete already (PAX 0.0 and 0.1, old GNU without extension blocks).
    Known(Vec<Piece>),
    /// Extension blocks follow the header (old GNU).
    Blocks(Vec<Piece>),
    /// At the start of the data, as decimal lines (PAX 1.0).
    Data,
}

/// The map in an old GNU header (type `S`), and the file's real size.
pub(crate) fn from_header(header: &Header) -> Option<(Map, u64)> {
    let (pieces, more, size) = header.sparse();
    let map = pieces_in(pieces)?;
    let map = if more {
        Map::Blocks(map)
    } else {
        Map::Known(map)
    };
    Some((map, u64::try_from(size?).ok()?))
}

/// The pieces in an extension block, and whether another block follows.
pub(crate) fn from_block(block: &[u8], map: &mut Vec<Piece>) -> Option<bool> {
    map.extend(pieces_in(block.get(..21 * 24)?)?);
    if map.len() > MAX_PIECES {
        return None;
    }
    Some(*block.get(504)? != 0)
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

/// The map that PAX records give, and the file's real size. `Ok(None)` if they give none.
pub(crate) fn from_pax(pax: &Pax) -> Result<Option<(Map, u64)>, ()> {
    let number = |key: &[u8]| match pax.number(key) {
        None => Ok(None),
        Some(Some(n)) => Ok(Some(n)),
        Some(None) => Err(()),
    };
    if number(b"GNU.sparse.major")? == Some(1) && number(b"GNU.sparse.minor")? == Some(0) {
        let size = number(b"GNU.sparse.realsize")?.ok_or(())?;
        return Ok(Some((Map::Data, size)));
    }
    let Some(size) = number(b"GNU.sparse.size")? else {
        return Ok(None);
    };
    if let Some(text) = pax.get(b"GNU.sparse.map") {
        return Ok(Some((Map::Known(pairs(text.split(|&b| b == b','))?), size)));
    }
    let is_piece = |key: &[u8]| key == b"GNU.sparse.offset" || key == b"GNU.sparse.numbytes";
    let numbers = pax.records().filter(|(k, _)| is_piece(k)).map(|(_, v)| v);
    Ok(Some((Map::Known(pairs(numbers)?), size)))
}

fn pairs<'a>(mut numbers: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Piece>, ()> {
    let mut pieces = Vec::new();
    while let Some(offset) = numbers.next() {
        let len = numbers.next().ok_or(())?;
        pieces.push((decimal(offset).ok_or(())?, decimal(len).ok_or(())?));
        if pieces.len() > MAX_PIECES {
            return Err(());
        }
    }
    Ok(pieces)
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads the map of PAX 1.0 as its bytes arrive, a block at a time.
#[derive(Default)]
pub(crate) struct DataMap {
    line: Vec<u8>,
    count: Option<usize>,
    numbers: Vec<u64>,
}

impl DataMap {
    /// Takes in a block. `Ok(true)` when the map is complete; `Err` if it is malformed.
    pub(crate) fn block(&mut self, block: &[u8]) -> Result<bool, ()> {
        for &byte in block {
            if byte != b'\n' {
                // 20 digits hold the largest number.
                if self.line.len() >= 20 {
                    return Err(());
                }
                self.line.push(byte);
                continue;
            }
            let number = decimal(&self.line).ok_or(())?;
            self.line.clear();
            match self.count {
                None => {
                    let count = usize::try_from(number).map_err(|_| ())?;
                    if count > MAX_PIECES {
                        return Err(());
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

    /// The map.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        self.numbers
            .chunks_exact(2)
            .filter_map(|pair| Some((*pair.first()?, *pair.last()?)))
            .collect()
    }
}

/// Places the pieces in the layer: their bytes lie one after the other from `at` on, `stored`
/// bytes in all. `None` if they overlap, reach beyond `size`, or are not as long as what is stored.
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
        // GNU tar ends a map with an empty piece at the file's end.
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
        assert_eq!(DataMap::default().block(b"99999999\n"), Err(()));
        assert_eq!(DataMap::default().block(b"x\n"), Err(()));
    }
}
