//! The header and footer of a stream, and the header of a block (The .xz File Format, 2.1 and 3.1).

use lzma_rust2::{FilterConfig, FilterType};

use super::check::CheckKind;
use super::error::XzError;
use super::number;
use crate::blob::limits::MAX_XZ_DICTIONARY;

/// Length of a stream's header, and of its footer, in bytes.
pub(super) const STREAM_HEADER_LEN: usize = 12;

/// The first bytes of a stream.
pub(crate) const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];

/// The last bytes of a stream.
const FOOTER_MAGIC: [u8; 2] = *b"YZ";

/// The maximum number of filters in a block, including LZMA2.
const MAX_FILTERS: usize = 4;

/// Checks that the last four bytes of a field are the CRC-32 of the bytes before them. Returns those
/// bytes.
fn checked<'a>(field: &'a [u8], what: &str) -> Result<&'a [u8], XzError> {
    match field.split_last_chunk() {
        Some((bytes, crc)) if crc32fast::hash(bytes) == u32::from_le_bytes(*crc) => Ok(bytes),
        _ => Err(XzError::Damaged(format!("the checksum of {what} differs"))),
    }
}

/// Returns the check that the flags of a stream name.
fn flags(flags: &[u8]) -> Result<CheckKind, XzError> {
    match flags {
        [0, id @ 0..16] => CheckKind::of(*id),
        _ => Err(XzError::damaged("a stream header with unknown flags")),
    }
}

/// Reads the header of a stream. Returns the check of its blocks.
pub(super) fn stream_header(field: &[u8; STREAM_HEADER_LEN]) -> Result<CheckKind, XzError> {
    let Some(rest) = field.strip_prefix(&MAGIC) else {
        return Err(XzError::damaged("this is not an xz stream header"));
    };
    flags(checked(rest, "a stream header")?)
}

/// Reads the footer of a stream. Returns the length of its index in bytes, and the check of its
/// blocks.
pub(super) fn stream_footer(field: &[u8; STREAM_HEADER_LEN]) -> Result<(u64, CheckKind), XzError> {
    let damaged = || XzError::damaged("this is not an xz stream footer");
    let [c0, c1, c2, c3, s0, s1, s2, s3, f0, f1, magic @ ..] = *field;
    if magic != FOOTER_MAGIC {
        return Err(damaged());
    }
    if crc32fast::hash(&[s0, s1, s2, s3, f0, f1]) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(XzError::damaged("the checksum of a stream footer differs"));
    }
    let size = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
    Ok(((size + 1) * 4, flags(&[f0, f1])?))
}

/// The contents of a block's header.
#[derive(Debug)]
pub(super) struct BlockHeader {
    /// Length of the header itself, in bytes.
    pub len: usize,
    /// The number of stored bytes after the header, if the header states it.
    pub stored: Option<u64>,
    /// The number of bytes that they decode to, if the header states it.
    pub decoded: Option<u64>,
    /// The filters before LZMA2, in the order in which they were applied.
    pub filters: Vec<FilterConfig>,
    /// Length of LZMA2's dictionary, in bytes.
    pub dictionary: u32,
}

impl BlockHeader {
    /// Returns the length of a header that begins with that byte.
    pub(super) fn len_of(first: u8) -> usize {
        (usize::from(first) + 1) * 4
    }

    /// Reads a header. `field` has the length that its first byte states.
    pub(super) fn parse(field: &[u8]) -> Result<Self, XzError> {
        let damaged = || XzError::damaged("a block header is invalid");
        let unknown = || XzError::damaged("a block header with unknown flags");
        let Some((&[_, flags], mut rest)) = checked(field, "a block header")?.split_first_chunk()
        else {
            return Err(damaged());
        };
        if flags & 0x3c != 0 {
            return Err(unknown());
        }
        let mut size = |there: bool| match there {
            true => number::take(&mut rest).map(Some).ok_or_else(damaged),
            false => Ok(None),
        };
        let stored = size(flags & 0x40 != 0)?;
        let decoded = size(flags & 0x80 != 0)?;
        if stored == Some(0) {
            return Err(damaged());
        }
        let mut filters = Vec::new();
        let count = usize::from(flags & 0x03) + 1;
        debug_assert!(count <= MAX_FILTERS);
        for _ in 1..count {
            let (id, properties) = filter(&mut rest).ok_or_else(damaged)?;
            filters.push(config(id, properties)?);
        }
        let (id, properties) = filter(&mut rest).ok_or_else(damaged)?;
        let dictionary = match (id, properties) {
            (LZMA2, &[bits]) => dictionary(bits).ok_or_else(damaged)?,
            _ => return Err(XzError::damaged("the last filter of a block is not LZMA2")),
        };
        if rest.iter().any(|byte| *byte != 0) {
            return Err(unknown());
        }
        if dictionary > MAX_XZ_DICTIONARY {
            return Err(XzError::Dictionary(dictionary));
        }
        Ok(Self {
            len: field.len(),
            stored,
            decoded,
            filters,
            // The limit fits a `u32`.
            dictionary: dictionary as u32,
        })
    }
}

/// The id of LZMA2 (5.3.1).
const LZMA2: u64 = 0x21;

/// Takes the id and the properties of a filter from the front of `bytes`.
fn filter<'a>(bytes: &mut &'a [u8]) -> Option<(u64, &'a [u8])> {
    let id = number::take(bytes)?;
    let len = number::take(bytes)?;
    let (properties, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
    *bytes = rest;
    Some((id, properties))
}

/// Returns the length of a dictionary in bytes (5.3.1): 2 or 3 times a power of two.
fn dictionary(bits: u8) -> Option<u64> {
    match bits {
        0..40 => Some(u64::from(2 | (bits & 1)) << (bits / 2 + 11)),
        40 => Some(u64::from(u32::MAX)),
        _ => None,
    }
}

/// Returns the configuration of a filter that is not the last (5.3.2 and 5.3.3).
fn config(id: u64, properties: &[u8]) -> Result<FilterConfig, XzError> {
    let unknown = || XzError::Damaged(format!("an unknown filter, {id:#x}"));
    let kind = FilterType::try_from(id).map_err(|()| unknown())?;
    // Instructions are aligned in most architectures, and the start offset must be aligned like them.
    let alignment = match kind {
        FilterType::Delta => {
            return match properties {
                [distance] => Ok(FilterConfig::new_delta(u32::from(*distance) + 1)),
                _ => Err(XzError::damaged("a delta filter without a distance")),
            };
        }
        FilterType::Lzma2 => return Err(XzError::damaged("LZMA2 before another filter")),
        FilterType::BcjX86 => 1,
        FilterType::BcjArmThumb | FilterType::BcjRiscv => 2,
        FilterType::BcjPpc | FilterType::BcjArm | FilterType::BcjSparc | FilterType::BcjArm64 => 4,
        FilterType::BcjIa64 => 16,
    };
    let start = match properties {
        [] => 0,
        &[a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
        _ => return Err(XzError::damaged("a filter with invalid properties")),
    };
    if !start.is_multiple_of(alignment) {
        return Err(XzError::damaged("a filter with invalid properties"));
    }
    Ok(FilterConfig {
        filter_type: kind,
        property: start,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_as_the_format_lists_them() {
        // The examples of 5.3.1.
        assert_eq!(dictionary(0), Some(4 << 10));
        assert_eq!(dictionary(1), Some(6 << 10));
        assert_eq!(dictionary(2), Some(8 << 10));
        assert_eq!(dictionary(36), Some(1 << 30));
        assert_eq!(dictionary(39), Some(3 << 30));
        assert_eq!(dictionary(40), Some((4 << 30) - 1));
        assert_eq!(dictionary(41), None);
        assert_eq!(dictionary(255), None);
    }
}
