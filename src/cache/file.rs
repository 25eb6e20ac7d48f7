//! A cache file: mapped into memory, each block checked before it is read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use memmap2::Mmap;

use super::fault::Fault;
use super::format::{BLOCK, FileHeader, HEADER_LEN, MAKER, SECTION_LEN, SectionRecord, u32_at};
use super::key::CacheKey;
use super::map::map;

/// A file with a valid header. Each block is checked on first access.
#[derive(Debug)]
pub struct CacheFile {
    map: Mmap,
    /// The open file, for reads that bypass the mapping.
    handle: File,
    sections: Vec<SectionRecord>,
    key_hash: [u8; 32],
    /// The offset of the blocks' checksums.
    sums: usize,
    /// The offset at which the blocks end.
    end: u64,
    /// One bit for each block that has been checked.
    checked: Box<[AtomicU64]>,
    damaged: AtomicBool,
    /// Whether [`CacheFile::report_damage_once`] has already reported the damage.
    reported: AtomicBool,
}

impl CacheFile {
    /// Maps a file and checks that its header is valid and matches `key`.
    pub(super) fn open(file: &File, key: &CacheKey) -> Result<Self, Fault> {
        let opened = Self::of_any(file)?;
        let header = opened.header()?;
        if header.kind != key.kind().number() || header.key != key.hash() {
            return Err(Fault::Damaged("it belongs to something else"));
        }
        if header.maker != MAKER || header.schema != key.schema() {
            return Err(Fault::Stale);
        }
        Ok(opened)
    }

    /// Like [`CacheFile::open`], but accepts a file of any kind, key and program version.
    pub(super) fn of_any(file: &File) -> Result<Self, Fault> {
        let len = file.metadata()?.len();
        if len < HEADER_LEN as u64 {
            return Err(Fault::Damaged("it does not have the expected length"));
        }
        let map = map(file)?;
        let header = Self::parse(&map)?;
        let at = usize::try_from(header.directory)
            .map_err(|_| Fault::Damaged("it is too large for this machine"))?;
        let tail = map.get(at..).unwrap_or_default();
        if crc32fast::hash(tail) != header.directory_crc {
            return Err(Fault::Damaged("its list of sections is damaged"));
        }
        let records = header.sections as usize * SECTION_LEN;
        let mut sections = Vec::new();
        for record in tail.get(..records).unwrap_or_default().chunks(SECTION_LEN) {
            sections.push(SectionRecord::parse(record, header.directory)?);
        }
        let blocks = header.directory.div_ceil(BLOCK);
        Ok(Self {
            sums: at + records,
            end: header.directory,
            checked: (0..blocks.div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
            damaged: AtomicBool::new(false),
            reported: AtomicBool::new(false),
            sections,
            key_hash: header.key,
            map,
            handle: file.try_clone()?,
        })
    }

    fn parse(map: &Mmap) -> Result<FileHeader, Fault> {
        let bytes = map.first_chunk().ok_or(Fault::Damaged("it is too short"))?;
        FileHeader::parse(bytes, map.len() as u64)
    }

    /// Returns the parsed header.
    pub(super) fn header(&self) -> Result<FileHeader, Fault> {
        Self::parse(&self.map)
    }

    /// Returns the key of the side file that belongs to the blob whose spans are in this file: the
    /// decoded data that can only be reached by decoding from span number `head` on.
    pub fn side_file_key(&self, head: u64) -> CacheKey {
        CacheKey::side_file(&self.key_hash, head)
    }

    /// The length of the file in bytes.
    pub fn size(&self) -> u64 {
        self.map.len() as u64
    }

    /// Whether a block was found damaged. Damaged bytes read as missing, so if this returns true,
    /// the caller must discard everything that it has read.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Returns true once, at the first call after a block was found damaged. That caller must
    /// remove the file from the cache. Later calls return false, because the next file of that name
    /// may be sound.
    pub fn report_damage_once(&self) -> bool {
        self.is_damaged() && !self.reported.swap(true, Ordering::Relaxed)
    }

    /// Marks the file as damaged: its contents are inconsistent although the checksums match.
    pub fn set_damaged(&self) {
        self.damaged.store(true, Ordering::Relaxed);
    }

    /// Checks all blocks. Returns false at the first damaged one.
    pub fn verify(&self) -> bool {
        let blocks = self.end.div_ceil(BLOCK);
        (0..blocks).all(|block| self.check(block))
    }

    /// Returns the section with this id, or an empty one if the file has no such section.
    pub fn part(self: &Arc<Self>, id: u32) -> Part {
        let found = self.sections.iter().find(|s| s.id == id);
        Part {
            file: self.clone(),
            at: found.map_or(self.end, |s| s.at),
            len: found.map_or(0, |s| s.len),
        }
    }

    /// Returns bytes of the file after checking their blocks. `None` if a block is damaged or the
    /// range is out of bounds.
    fn get(&self, at: u64, len: u64) -> Option<&[u8]> {
        let end = at.checked_add(len).filter(|end| *end <= self.end)?;
        if len > 0 {
            for block in at / BLOCK..=(end - 1) / BLOCK {
                if !self.is_checked(block) && !self.check(block) {
                    return None;
                }
            }
        }
        self.map
            .get(usize::try_from(at).ok()?..usize::try_from(end).ok()?)
    }

    fn is_checked(&self, block: u64) -> bool {
        let word = self.checked.get((block / 64) as usize);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (block % 64)) != 0)
    }

    fn check(&self, block: u64) -> bool {
        let from = (block * BLOCK).max(HEADER_LEN as u64).min(self.end);
        let to = ((block + 1) * BLOCK).min(self.end);
        // Both are within the mapping, whose length fits in a usize.
        let bytes = self.map.get(from as usize..to as usize);
        let sum = u32_at(&self.map, self.sums + block as usize * 4);
        if bytes.is_none_or(|bytes| crc32fast::hash(bytes) != sum) {
            self.set_damaged();
            return false;
        }
        if let Some(word) = self.checked.get((block / 64) as usize) {
            word.fetch_or(1 << (block % 64), Ordering::Relaxed);
        }
        true
    }
}

/// One section of a file.
#[derive(Clone, Debug)]
pub struct Part {
    file: Arc<CacheFile>,
    at: u64,
    len: u64,
}

impl Part {
    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the section is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns bytes of the section. If the range is out of bounds or damaged, returns an empty
    /// slice and marks the file as damaged.
    pub fn get(&self, at: u64, len: u64) -> &[u8] {
        let inside = at.checked_add(len).is_some_and(|end| end <= self.len);
        let bytes = inside.then(|| self.file.get(self.at + at, len)).flatten();
        if bytes.is_none() {
            self.file.set_damaged();
        }
        bytes.unwrap_or_default()
    }

    /// Fills `buf` with bytes of the section from `at` on, without verification: for large data
    /// that has its own checksums. Reads with pread(2), because mapped pages stay in the process's
    /// memory until the kernel reclaims them.
    ///
    /// # Errors
    /// If the range is outside the section, or the read fails.
    pub fn read_unchecked(&self, at: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = at.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            self.file.set_damaged();
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.file.handle.read_exact_at(buf, self.at + at)
    }

    /// Returns the record with this number in a section of `N`-byte records. `None` past the last
    /// one or if the record is damaged.
    pub fn record<const N: usize>(&self, number: u64) -> Option<&[u8; N]> {
        let at = number.checked_mul(N as u64)?;
        if at.checked_add(N as u64)? > self.len {
            return None;
        }
        self.get(at, N as u64).first_chunk()
    }

    /// The number of `N`-byte records.
    pub fn records<const N: usize>(&self) -> u64 {
        self.len / N as u64
    }

    /// The file that contains the section.
    pub fn file(&self) -> &Arc<CacheFile> {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CacheDir, CacheKind};
    use super::*;

    fn key() -> CacheKey {
        CacheKey::layer("sha256:00")
    }

    /// A file with three sections: small, several blocks long, and empty.
    fn written(dir: &CacheDir) -> super::super::Unpublished {
        let mut writer = dir.create(CacheKind::Layer).unwrap();
        writer.section(1).unwrap();
        assert_eq!(writer.append(b"one").unwrap(), 0);
        assert_eq!(writer.append(b"two").unwrap(), 3);
        writer.section(9).unwrap();
        for i in 0..50_000_u32 {
            writer.append(&i.to_le_bytes()).unwrap();
        }
        writer.section(5).unwrap();
        writer.finish(&key()).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let file = written(&CacheDir::none()).file;
        assert_eq!(file.part(1).get(0, 6), b"onetwo");
        assert_eq!(file.part(9).records::<4>(), 50_000);
        for i in [0, 16_351, 16_352, 49_999_u32] {
            assert_eq!(file.part(9).record(i.into()), Some(&i.to_le_bytes()));
        }
        assert_eq!(file.part(9).record::<4>(50_000), None);
        assert!(file.part(5).is_empty() && file.part(77).is_empty());
        assert!(file.verify() && !file.is_damaged());
        assert_eq!(file.part(1).get(0, 7), b"", "outside");
        assert!(file.is_damaged());
    }

    #[test]
    fn every_changed_byte_is_seen_and_only_where_it_is_read() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        written(&dir).publish().unwrap();
        let path = dir.file_path(&key()).unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len())
            .step_by(997)
            .chain(0..140)
            .chain(good.len() - 40..good.len())
        {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&path, &bad).unwrap();
            let file = File::open(&path).unwrap();
            match CacheFile::open(&file, &key()) {
                Ok(file) => assert!(!file.verify(), "byte {at}"),
                Err(_) => assert!(!(HEADER_LEN..=200_000).contains(&at), "byte {at}"),
            }
        }
        let mut bad = good.clone();
        bad[100_000] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        let file = dir.load(&key()).unwrap();
        assert_eq!(file.part(9).record(0), Some(&0_u32.to_le_bytes()));
        assert!(!file.is_damaged());
        assert_eq!(file.part(9).record::<4>(100_000 / 4 - 34), None);
        assert!(file.is_damaged());
    }

    #[test]
    fn a_file_that_is_cut_or_of_something_else_is_refused_and_removed() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        let path = dir.file_path(&key()).unwrap();
        written(&dir).publish().unwrap();
        let good = std::fs::read(&path).unwrap();
        for len in [0, 5, HEADER_LEN - 1, HEADER_LEN, 70_000, good.len() - 1] {
            std::fs::write(&path, &good[..len]).unwrap();
            assert!(dir.load(&key()).is_none(), "{len} bytes");
            assert!(!path.exists());
        }
        let other = CacheKey::layer("sha256:11");
        std::fs::write(dir.file_path(&other).unwrap(), &good).unwrap();
        assert!(dir.load(&other).is_none(), "the key is in the header");
        std::fs::write(&path, &good).unwrap();
        assert!(dir.load(&key()).is_some());
    }

    #[test]
    fn a_file_is_not_found_before_it_is_published() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        let new = written(&dir);
        assert!(dir.load(&key()).is_none());
        assert!(dir.list().unwrap().is_empty());
        drop(new);
        let layers = std::fs::read_dir(dir.path().unwrap().join("layer")).unwrap();
        assert_eq!(layers.count(), 0, "an unpublished file is removed on drop");
        let (first, second) = (written(&dir), written(&dir));
        first.publish().unwrap();
        second.publish().unwrap();
        assert_eq!(dir.list().unwrap().len(), 1);
    }

    #[test]
    fn what_others_may_write_is_not_believed() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        written(&dir).publish().unwrap();
        let path = dir.file_path(&key()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(dir.load(&key()).is_none());
        std::fs::set_permissions(temp.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(CacheDir::open(temp.path()).is_err());
    }
}
