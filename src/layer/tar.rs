//! A reader of tar streams that records where each file's data is in the stream.
//!
//! The `tar` crate reads archives well, but layers need more: the offsets of all pieces of a sparse file
//! in all four GNU formats, xattrs byte for byte, nanoseconds, ambiguities, and errors with the offset
//! of the malformed header. So this module parses headers itself. The crate is used for archives that
//! merely contain blobs.
//!
//! The rules are those of Go's `archive/tar` as of Go 1.19, which reads layers for Docker, containerd,
//! Podman and BuildKit. `docs/archives.md` lists the differences between it and this reader.

use std::io::{self, BufRead, Read};

use super::ambiguity::Ambiguity;
use super::entry::{Data, Extent};
use super::global::Global;
use super::header::{BLOCK, BadHeader, TarHeader, checksum_is_right};
use super::member::{Headers, TarMember};
use super::pax::Pax;
use super::problem::printable;
use super::sparse::{self, BadMap, DataMap, SparseMap};
use super::tar_error::{MAX_META, TarError};

/// A reader of a tar stream.
pub(crate) struct TarReader<R> {
    reader: R,
    offset: u64,
    /// Unread bytes of the current entry, and the length of the padding after them.
    left: u64,
    padding: u64,
    global: Global,
    /// The path of the current entry, for error messages.
    path: Vec<u8>,
    /// Parts of the current entry that other readers interpret differently.
    ambiguities: Vec<Ambiguity>,
    /// Set once a PAX header was read.
    has_pax: bool,
    /// Set if two blocks of zeros have ended the archive.
    ended: bool,
}

/// Extended headers, and ambiguities, found before an entry's header.
#[derive(Default)]
struct Pending {
    pax: Option<Pax>,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    ambiguities: Vec<Ambiguity>,
}

impl Pending {
    fn is_extended(&self) -> bool {
        self.pax.is_some() || self.long_path.is_some() || self.long_link.is_some()
    }
}

impl<R: BufRead> TarReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            offset: 0,
            left: 0,
            padding: 0,
            global: Global::default(),
            path: Vec::new(),
            ambiguities: Vec::new(),
            has_pax: false,
            ended: false,
        }
    }

    /// Returns the underlying reader, for instance to ask for its progress.
    pub(crate) fn get_ref(&self) -> &R {
        &self.reader
    }

    pub(crate) fn into_inner(self) -> R {
        self.reader
    }

    /// Skips the rest of the current entry and returns the next one, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<TarMember>, TarError> {
        let mut pending = Pending::default();
        loop {
            self.skip()?;
            let mut at = self.offset;
            // As in Go's archive/tar, the stream may end at any place where a header could begin.
            let Some(mut block) = self.block()? else {
                return Ok(None);
            };
            if is_zero(&block) {
                // Two blocks of zeros end a tar stream. A single one is skipped, so that nothing after
                // it stays hidden.
                match self.block()? {
                    Some(next) if !is_zero(&next) => block = next,
                    Some(_) => {
                        self.ended = true;
                        return Ok(None);
                    }
                    None => return Ok(None),
                }
                pending.ambiguities.push(Ambiguity::LoneZeroBlock { at });
                at += BLOCK as u64;
            }
            let header = match TarHeader::new(block) {
                Ok(header) => header,
                Err(BadHeader::Checksum) => return Err(TarError::NotAHeader { at }),
                Err(BadHeader::Field(field)) => {
                    self.path = name_in(&block);
                    return Err(self.field(field, at));
                }
            };
            match header.type_flag() {
                b'x' => pending.pax = Some(self.pax(&header, at)?),
                b'g' => {
                    let pax = self.pax(&header, at)?;
                    self.global.add(&pax);
                    // Go's archive/tar returns a global header as an entry, to which the extended
                    // headers before it then belong.
                    let lost = pending.is_extended();
                    let ambiguities = std::mem::take(&mut pending.ambiguities);
                    pending = Pending {
                        ambiguities,
                        ..Pending::default()
                    };
                    if lost {
                        pending.ambiguities.push(Ambiguity::LostHeader);
                    }
                }
                b'L' => pending.long_path = Some(until_nul(self.meta(&header, at)?)),
                b'K' => pending.long_link = Some(until_nul(self.meta(&header, at)?)),
                _ => return self.member(pending, header, at).map(Some),
            }
        }
    }

    fn member(
        &mut self,
        pending: Pending,
        header: TarHeader,
        at: u64,
    ) -> Result<TarMember, TarError> {
        let headers = Headers {
            header,
            pax: pending.pax.unwrap_or_default(),
            long_path: pending.long_path,
            long_link: pending.long_link,
            is_pax_archive: self.has_pax,
        };
        let (mut member, stored) = headers.member().map_err(|field| {
            self.path = headers.path();
            self.field(field, at)
        })?;
        self.path.clone_from(&member.path);
        self.left = stored;
        self.padding = stored.wrapping_neg() % BLOCK as u64;
        if member.type_flag == b'S' && !headers.header.is_gnu() {
            return Err(self.field("sparse map", at));
        }
        self.ambiguities = pending.ambiguities;
        (member.data, member.size) = match member.type_flag {
            b'0' | b'S' => self.place(&headers.header, &headers.pax, member.type_flag, at)?,
            b'1'..=b'6' if !matches!(sparse::from_pax(&headers.pax), Ok(None)) => {
                return Err(self.field("sparse map", at));
            }
            _ => (Data::None, 0),
        };
        headers.ambiguities(&member, &mut self.ambiguities);
        self.ambiguities
            .extend(self.global.changes(&member, &headers.pax));
        Ok(member)
    }

    /// Takes the ambiguities of the entry that [`Self::next`] returned last.
    pub(crate) fn take_ambiguities(&mut self) -> Vec<Ambiguity> {
        std::mem::take(&mut self.ambiguities)
    }

    /// Reads the bytes after the two blocks of zeros that end an archive, and returns the offset of the
    /// first tar header among them. Call it after [`Self::next`] has returned `None`.
    pub(crate) fn header_after_end(&mut self) -> Result<Option<u64>, TarError> {
        if !self.ended {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        loop {
            let chunk = self.reader.fill_buf()?;
            // The usual content is zeros up to a multiple of 10 KiB, which need not be copied.
            let whole = chunk.len() - chunk.len() % BLOCK;
            if let Some(zeros) = chunk.get(..whole).filter(|zeros| !zeros.is_empty())
                && is_zero(zeros)
            {
                self.reader.consume(whole);
                self.offset += whole as u64;
                continue;
            }
            let at = self.offset;
            let mut filled = 0;
            while let Some(room) = block.get_mut(filled..).filter(|room| !room.is_empty()) {
                match self.reader.read(room)? {
                    0 => return Ok(None),
                    n => filled += n,
                }
            }
            self.offset += BLOCK as u64;
            if !is_zero(&block) && checksum_is_right(&block) {
                return Ok(Some(at));
            }
        }
    }

    /// Returns the location of a regular file's data, and the size of the file.
    fn place(
        &mut self,
        header: &TarHeader,
        pax: &Pax,
        type_flag: u8,
        at: u64,
    ) -> Result<(Data, u64), TarError> {
        let bad = |this: &Self, bad| match bad {
            BadMap::Malformed => this.field("sparse map", at),
            BadMap::TooLong => TarError::LongMap {
                path: printable(&this.path),
            },
        };
        let malformed = |this: &Self| bad(this, BadMap::Malformed);
        let map = if type_flag == b'S' {
            let (map, size) = sparse::from_header(header).ok_or_else(|| malformed(self))?;
            Some((map, Some(size)))
        } else {
            sparse::from_pax(pax).map_err(|e| bad(self, e))?
        };
        let Some((map, size)) = map else {
            let data = match self.left {
                0 => Data::None,
                _ => Data::Whole(self.offset),
            };
            return Ok((data, self.left));
        };
        let size = size.unwrap_or(self.left);
        let pieces = match map {
            SparseMap::Known(pieces) => pieces,
            SparseMap::Blocks(mut pieces) => {
                // The size field does not include the extension blocks.
                loop {
                    let block = self.block()?.ok_or_else(|| self.truncated())?;
                    if !sparse::from_block(&block, &mut pieces).map_err(|e| bad(self, e))? {
                        break pieces;
                    }
                }
            }
            SparseMap::Data => {
                let mut map = DataMap::default();
                loop {
                    // The map is part of the data, and the size field includes it.
                    self.left = self
                        .left
                        .checked_sub(BLOCK as u64)
                        .ok_or_else(|| malformed(self))?;
                    let block = self.block()?.ok_or_else(|| self.truncated())?;
                    if map.block(&block).map_err(|e| bad(self, e))? {
                        break map.pieces();
                    }
                }
            }
        };
        if sparse::is_odd(&pieces, size) {
            self.ambiguities.push(Ambiguity::SparseMap);
        }
        let extents = sparse::extents(&pieces, size, self.left, self.offset);
        let extents: Box<[Extent]> = extents.ok_or_else(|| malformed(self))?;
        Ok((Data::Sparse(extents), size))
    }

    fn pax(&mut self, header: &TarHeader, at: u64) -> Result<Pax, TarError> {
        self.has_pax = true;
        let bytes = self.meta(header, at)?;
        Pax::parse(&bytes).ok_or_else(|| self.field("PAX header", at))
    }

    /// Returns the data of an extended header or a long name.
    fn meta(&mut self, header: &TarHeader, at: u64) -> Result<Vec<u8>, TarError> {
        self.path = header.name();
        let size = u64::try_from(header.size).map_err(|_| self.field("size", at))?;
        if size > MAX_META {
            let path = printable(&self.path);
            return Err(TarError::LongHeader { path, at });
        }
        self.left = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
        let mut bytes = Vec::new();
        Read::take(&mut *self, size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(self.truncated());
        }
        Ok(bytes)
    }

    /// Skips the rest of the current entry.
    fn skip(&mut self) -> Result<(), TarError> {
        let mut left = self.left + self.padding;
        while left > 0 {
            let chunk = self.reader.fill_buf()?.len() as u64;
            if chunk == 0 {
                // The padding of the last entry may be missing; its data may not.
                if left <= self.padding {
                    break;
                }
                return Err(self.truncated());
            }
            let n = chunk.min(left);
            // `n` is at most the length of a buffer, so it fits a usize.
            self.reader.consume(n as usize);
            self.offset += n;
            left -= n;
        }
        self.left = 0;
        self.padding = 0;
        Ok(())
    }

    /// Returns the next block, or `None` at the end of the stream.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(room) = block.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.reader.read(room)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(self.truncated()),
                n => {
                    filled += n;
                    self.offset += n as u64;
                }
            }
        }
        Ok(Some(block))
    }

    fn truncated(&self) -> TarError {
        TarError::Truncated {
            path: printable(&self.path),
            at: self.offset,
        }
    }

    fn field(&self, field: &'static str, at: u64) -> TarError {
        TarError::Field {
            path: printable(&self.path),
            field,
            at,
        }
    }
}

impl<R: BufRead> TarReader<R> {
    /// Appends stored bytes of the current entry to a buffer, at most `limit`.
    pub(crate) fn append_to(&mut self, buf: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        let mut want = limit.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        while want > 0 {
            let chunk = self.reader.fill_buf()?;
            let chunk = chunk.get(..want).unwrap_or(chunk);
            let n = chunk.len();
            if n == 0 {
                break;
            }
            buf.extend_from_slice(chunk);
            self.reader.consume(n);
            self.left -= n as u64;
            self.offset += n as u64;
            want -= n;
        }
        Ok(())
    }
}

/// Reads the stored bytes of the current entry.
impl<R: BufRead> Read for TarReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = buf
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(room) = buf.get_mut(..want).filter(|room| !room.is_empty()) else {
            return Ok(0);
        };
        let n = self.reader.read(room)?;
        self.left -= n as u64;
        self.offset += n as u64;
        Ok(n)
    }
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|&b| b == 0)
}

/// Returns the name field of a block that is not a valid header, for an error message.
fn name_in(block: &[u8; BLOCK]) -> Vec<u8> {
    until_nul(block.get(..100).unwrap_or_default().to_vec())
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = memchr::memchr(0, &bytes) {
        bytes.truncate(end);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a header block of a given type, followed by its padded data.
    pub(crate) fn raw(name: &str, flag: u8, data: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_entry_type(tar::EntryType::new(flag));
        header.set_size(data.len() as u64);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn read(stream: &[u8]) -> Result<Vec<(TarMember, Vec<u8>)>, TarError> {
        let mut reader = TarReader::new(stream);
        let mut members = Vec::new();
        while let Some(member) = reader.next()? {
            let mut data = Vec::new();
            reader.read_to_end(&mut data)?;
            members.push((member, data));
        }
        Ok(members)
    }

    #[test]
    fn long_names_and_global_records() {
        let mut stream = raw("pax_global_header", b'g', b"12 uid=1234\n");
        stream.extend(raw("././@LongLink", b'L', b"very/long\0"));
        stream.extend(raw("very", b'0', b"data"));
        stream.extend(raw("x", b'x', b"12 path=own\n9 uid=77\n"));
        stream.extend(raw("own", b'0', b""));
        stream.extend([0; 1024]);
        stream.extend(b"what comes after the end is not read");
        let members = read(&stream).unwrap();
        let seen: Vec<_> = members
            .iter()
            .map(|(m, d)| (m.path.as_slice(), m.uid, d.as_slice()))
            .collect();
        assert_eq!(
            seen,
            [(&b"very/long"[..], 0, &b"data"[..]), (b"own", 77, b"")],
            "Go's archive/tar does not apply global records"
        );
        assert_eq!(members[0].0.data, Data::Whole(4 * 512 + 512));
    }

    /// Returns the ambiguities of all entries of a stream.
    fn ambiguities(stream: &[u8]) -> Vec<Ambiguity> {
        let mut reader = TarReader::new(stream);
        let mut ambiguities = Vec::new();
        while reader.next().unwrap().is_some() {
            ambiguities.extend(reader.take_ambiguities());
        }
        let after = reader.header_after_end().unwrap();
        ambiguities.extend(after.map(|at| Ambiguity::HeaderAfterEnd { at }));
        ambiguities
    }

    #[test]
    fn a_global_record_is_reported_once_and_only_if_it_would_change_an_entry() {
        let files = |global: &[u8], local: &[u8]| {
            let mut stream = raw("g", b'g', global);
            stream.extend(raw("x", b'x', local));
            stream.extend(raw("a", b'0', b""));
            stream.extend(raw("x", b'x', local));
            stream.extend(raw("b", b'0', b""));
            ambiguities(&stream)
        };
        let key = |key: &[u8]| vec![Ambiguity::GlobalRecord { key: key.into() }];
        assert_eq!(files(b"9 uid=12\n", b""), key(b"uid"));
        assert_eq!(files(b"9 uid=12\n", b"9 uid=13\n"), []);
        assert_eq!(files(b"8 uid=0\n11 mtime=1\n", b""), []);
        assert_eq!(files(b"14 comment=ab\n", b""), []);
        // This many bytes of records are not compared with each entry.
        let attribute = format!("SCHILY.xattr.user.a={}", "v".repeat(5000));
        let record = format!("{} {attribute}\n", attribute.len() + 6);
        let found = files(record.as_bytes(), record.as_bytes());
        assert_eq!(found, key(b"SCHILY.xattr.user.a"));
    }

    #[test]
    fn what_stands_behind_zeros_is_shown_or_reported() {
        let (one, two) = (raw("one", b'0', b"1"), raw("two", b'0', b"2"));
        let stream = [one.clone(), vec![0; 512], two.clone(), vec![0; 1024]].concat();
        assert_eq!(read(&stream).unwrap().len(), 2);
        assert_eq!(
            ambiguities(&stream),
            [Ambiguity::LoneZeroBlock { at: 1024 }]
        );
        let stream = [one.clone(), vec![0; 2048], vec![7; 512], two, vec![0; 1024]].concat();
        assert_eq!(read(&stream).unwrap().len(), 1);
        let at = 1024 + 2048 + 512;
        assert_eq!(ambiguities(&stream), [Ambiguity::HeaderAfterEnd { at }]);
        for rest in [vec![0; 9216], vec![7; 5000], vec![0; 100], Vec::new()] {
            let stream = [one.clone(), vec![0; 1024], rest].concat();
            assert_eq!(ambiguities(&stream), []);
        }
    }

    #[test]
    fn a_sparse_file_of_pax_1_0() {
        let mut data = b"2\n0\n3\n4096\n2\n".to_vec();
        data.resize(512, 0);
        data.extend(b"abcde");
        let records = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n\
                       24 GNU.sparse.name=real\n30 GNU.sparse.realsize=100000\n";
        let mut stream = raw("x", b'x', records.as_bytes());
        stream.extend(raw("GNUSparseFile.0/real", b'0', &data));
        let members = read(&stream).unwrap();
        let (member, data) = &members[0];
        assert_eq!(
            (member.path.as_slice(), member.size),
            (&b"real"[..], 100_000)
        );
        assert_eq!(data, b"abcde");
        let at = 512 * 4;
        let extent = |offset, len, at| Extent { offset, len, at };
        let want: Box<[_]> = [extent(0, 3, at), extent(4096, 2, at + 3)].into();
        assert_eq!(member.data, Data::Sparse(want));
    }

    #[test]
    fn damage_names_the_entry_and_the_place() {
        let whole = raw("some/file", b'0', &[7; 2000]);
        let error = read(&whole[..1000]).err().unwrap().to_string();
        assert!(
            error.contains("some/file") && error.contains("1000"),
            "{error}"
        );
        let error = read(&[b'x'; 512]).err().unwrap();
        assert!(matches!(error, TarError::NotAHeader { at: 0 }));
        let bad = raw("x", b'x', b"99999 path=a\n");
        assert!(matches!(read(&bad), Err(TarError::Field { .. })));
    }

    #[test]
    fn sizes_that_no_file_has_are_refused() {
        for records in [
            &b"29 size=18446744073709551615"[..],
            b"29 size=18446744073709551105",
            b"28 size=9223372036854775808",
        ] {
            let mut stream = raw("x", b'x', &[records, b"\n"].concat());
            stream.extend(raw("f", b'0', b"data"));
            let error = read(&stream).err().unwrap();
            assert!(
                matches!(error, TarError::Field { field: "size", .. }),
                "{error}"
            );
        }
        let records = b"26 GNU.sparse.map=0,1,9,0\n40 GNU.sparse.size=18446744073709551615\n";
        let mut stream = raw("x", b'x', records);
        stream.extend(raw("f", b'0', b"d"));
        let error = read(&stream).err().unwrap();
        let sparse = "sparse map";
        assert!(
            matches!(error, TarError::Field { field, .. } if field == sparse),
            "{error}"
        );
    }

    #[test]
    fn sizes_of_what_has_no_data_are_not_believed() {
        let mut header = tar::Header::new_ustar();
        header.set_path("dir").unwrap();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(4096);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        let mut stream = header.as_bytes().to_vec();
        stream.extend(raw("dir/f", b'0', b"x"));
        assert_eq!(read(&stream).unwrap().len(), 2);
    }
}
