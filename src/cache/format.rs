//! The layout of the container: offsets, sizes, and the header. All numbers are little-endian.

use super::fault::Fault;

/// The magic number at the start of a file.
pub(super) const MAGIC: [u8; 8] = *b"imgfsidx";

/// The version of the container. Must be increased with every change to the header, the directory, or
/// a section whose kind has no [`Schema`](super::Schema). Files of other versions are made again.
pub(super) const VERSION: u32 = 4;

/// The length of the header. The first section follows it.
pub(super) const HEADER_LEN: usize = 128;

/// The offset in the header of its own checksum.
const HEADER_CRC: usize = HEADER_LEN - 4;

/// The length of the program version in the header.
const MAKER_LEN: usize = 32;

/// The program version, padded with zeros. Versions may derive different facts from the same
/// binary, so a program uses only files that its own version made.
pub(super) const MAKER: [u8; MAKER_LEN] = {
    let text = env!("CARGO_PKG_VERSION").as_bytes();
    assert!(text.len() <= MAKER_LEN);
    let mut maker = [0; MAKER_LEN];
    let (head, _) = maker.split_at_mut(text.len());
    head.copy_from_slice(text);
    maker
};

/// The block size. Each block, counted from the start of the file, has a checksum.
pub(super) const BLOCK: u64 = 64 << 10;

/// The length of a section record.
pub(super) const SECTION_LEN: usize = 24;

/// The maximum number of sections in a file.
pub(super) const MAX_SECTIONS: u32 = 64;

/// The fields of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    /// The number of the file's kind.
    pub kind: u32,
    /// The length of the file in bytes.
    pub len: u64,
    /// The offset of the section records. The checksums of the blocks follow them.
    pub directory: u64,
    /// The number of sections.
    pub sections: u32,
    /// The SHA-256 of the file's key.
    pub key: [u8; 32],
    /// The CRC-32 of the records and the checksums.
    pub directory_crc: u32,
    /// The version of the program that made the file.
    pub maker: [u8; MAKER_LEN],
    /// The version of the schema of the contents. 0 if the kind has none.
    pub schema: u64,
}

/// A section record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SectionRecord {
    /// The id of the section.
    pub id: u32,
    /// The offset of the section in the file.
    pub at: u64,
    /// The length of the section in bytes.
    pub len: u64,
}

/// Reads four bytes at an offset; zero if out of bounds.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..).and_then(|b| b.first_chunk());
    bytes.map_or(0, |b| u32::from_le_bytes(*b))
}

/// Reads eight bytes at an offset; zero if out of bounds.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..).and_then(|b| b.first_chunk());
    bytes.map_or(0, |b| u64::from_le_bytes(*b))
}

impl FileHeader {
    pub(super) fn bytes(&self) -> [u8; HEADER_LEN] {
        let mut text = Vec::with_capacity(HEADER_LEN);
        text.extend_from_slice(&MAGIC);
        text.extend_from_slice(&VERSION.to_le_bytes());
        text.extend_from_slice(&self.kind.to_le_bytes());
        text.extend_from_slice(&self.len.to_le_bytes());
        text.extend_from_slice(&self.directory.to_le_bytes());
        text.extend_from_slice(&self.sections.to_le_bytes());
        text.extend_from_slice(&self.directory_crc.to_le_bytes());
        text.extend_from_slice(&self.key);
        text.extend_from_slice(&self.maker);
        text.extend_from_slice(&self.schema.to_le_bytes());
        text.resize(HEADER_CRC, 0);
        text.extend_from_slice(&crc32fast::hash(&text).to_le_bytes());
        let mut header = [0; HEADER_LEN];
        // Both are `HEADER_LEN` bytes long.
        header.copy_from_slice(&text);
        header
    }

    /// Parses a header and checks everything that does not need the rest of the file.
    pub(super) fn parse(bytes: &[u8; HEADER_LEN], file_len: u64) -> Result<Self, Fault> {
        if !bytes.starts_with(&MAGIC) {
            return Err(Fault::Damaged("it is not an index"));
        }
        let (text, crc) = bytes.split_at(HEADER_CRC);
        if crc32fast::hash(text) != u32_at(crc, 0) {
            return Err(Fault::Damaged("its header is damaged"));
        }
        if u32_at(bytes, 8) != VERSION {
            return Err(Fault::Stale);
        }
        // Both fields are inside the header and 32 bytes long.
        let field = |at: usize| bytes.get(at..).and_then(|b| b.first_chunk());
        let header = Self {
            kind: u32_at(bytes, 12),
            len: u64_at(bytes, 16),
            directory: u64_at(bytes, 24),
            sections: u32_at(bytes, 32),
            directory_crc: u32_at(bytes, 36),
            key: *field(40).unwrap_or(&[0; 32]),
            maker: *field(72).unwrap_or(&[0; MAKER_LEN]),
            schema: u64_at(bytes, 104),
        };
        header.check(file_len)
    }

    fn check(self, file_len: u64) -> Result<Self, Fault> {
        if self.len != file_len {
            return Err(Fault::Damaged("it does not have the expected length"));
        }
        if self.sections > MAX_SECTIONS
            || self.directory < HEADER_LEN as u64
            || self.directory > self.len
            || self.len - self.directory != self.directory_len()
        {
            return Err(Fault::Damaged("its header is invalid"));
        }
        Ok(self)
    }

    /// The length in bytes of the section records and the checksums after them.
    fn directory_len(&self) -> u64 {
        let records = u64::from(self.sections) * SECTION_LEN as u64;
        records + self.directory.div_ceil(BLOCK) * 4
    }
}

impl SectionRecord {
    pub(super) fn bytes(&self) -> [u8; SECTION_LEN] {
        let mut record = [0; SECTION_LEN];
        let (id, rest) = record.split_at_mut(8);
        id.copy_from_slice(&u64::from(self.id).to_le_bytes());
        let (at, len) = rest.split_at_mut(8);
        at.copy_from_slice(&self.at.to_le_bytes());
        len.copy_from_slice(&self.len.to_le_bytes());
        record
    }

    /// Parses a record. The section must lie between the header and `directory`.
    pub(super) fn parse(record: &[u8], directory: u64) -> Result<Self, Fault> {
        let section = Self {
            id: u32_at(record, 0),
            at: u64_at(record, 8),
            len: u64_at(record, 16),
        };
        let end = section.at.checked_add(section.len);
        if section.at < HEADER_LEN as u64 || end.is_none_or(|end| end > directory) {
            return Err(Fault::Damaged("one of its sections lies outside the file"));
        }
        Ok(section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_every_flipped_bit_is_seen() {
        let header = FileHeader {
            kind: 7,
            len: 128 + 100 + 2 * 24 + 4,
            directory: 128 + 100,
            sections: 2,
            key: std::array::from_fn(|i| i as u8),
            directory_crc: 0xdead_beef,
            maker: MAKER,
            schema: 0x0123_4567_89ab_cdef,
        };
        let bytes = header.bytes();
        assert_eq!(FileHeader::parse(&bytes, header.len).unwrap(), header);
        assert!(FileHeader::parse(&bytes, header.len + 1).is_err());
        for bit in 0..HEADER_LEN * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(FileHeader::parse(&bad, header.len).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn sections_outside_the_file_are_refused() {
        let section = |at, len| SectionRecord { id: 1, at, len };
        for (good, s) in [
            (true, section(128, 72)),
            (true, section(200, 0)),
            (false, section(127, 1)),
            (false, section(128, 73)),
            (false, section(u64::MAX, 2)),
        ] {
            assert_eq!(SectionRecord::parse(&s.bytes(), 200).is_ok(), good, "{s:?}");
        }
    }
}
