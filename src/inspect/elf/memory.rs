//! The memory of a process after an ELF file was mapped: which bytes of the file are at which
//! address.
//!
//! The kernel (`elf_load` in `fs/binfmt_elf.c` of Linux 6.x) and the loaders (`_dl_map_segments` in
//! glibc's `elf/dl-map-segments.h`, `map_library` in musl's `ldso/dynlink.c`) map each PT_LOAD with
//! mmap(2), in the order of the table. So:
//!
//! - Whole pages of the file are mapped. Bytes before and after the segment are visible.
//! - A later segment replaces what an earlier one mapped at the same address (MAP_FIXED).
//! - The bytes after `p_filesz` up to `p_memsz` are zero.
//! - The rest of the file's last page is zero. Access to the pages after it is fatal.
//!
//! Addresses are those in the file. The load address of a position-independent file is added to all
//! of them. A [`Memory`] is a [`Source`] whose offsets are addresses.

use std::collections::BTreeMap;
use std::io;

use object::elf::{PF_W, PT_LOAD};

use super::segment::{Segment, Segments};
use crate::inspect::source::Source;

/// The page size of amd64, and the smallest of other architectures. With larger pages, more bytes
/// around a segment are visible.
const PAGE: u64 = 4096;

/// The program that maps the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapper {
    /// The kernel maps a program. It cannot clear the last page of a segment that is not writable.
    Kernel,
    /// The dynamic loader maps a library. glibc makes the page writable and clears it.
    Loader,
}

/// The contents of a part of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    /// Bytes of the file from this offset on.
    File(u64),
    Zeros,
    /// Pages of the mapping after the end of the file: SIGBUS.
    Nothing,
}

/// The memory that the PT_LOAD segments produce.
pub(super) struct Memory<'a> {
    source: &'a dyn Source,
    /// Addresses wrap at the word size of the file.
    mask: u64,
    /// The parts by start address, each with its end address and its contents. They do not overlap.
    parts: BTreeMap<u64, (u64, Bytes)>,
}

impl<'a> Memory<'a> {
    /// Maps all PT_LOAD segments. `wide` is true for a 64-bit file.
    pub(super) fn map(source: &'a dyn Source, segments: &Segments, wide: bool, by: Mapper) -> Self {
        let mut memory = Self {
            source,
            mask: if wide { u64::MAX } else { u32::MAX.into() },
            parts: BTreeMap::new(),
        };
        let len = source.len();
        for segment in segments.of_kind(PT_LOAD) {
            memory.load(segment, len, by);
        }
        memory
    }

    /// Maps one segment. Skips a segment that ends beyond the last address, which cannot be mapped.
    fn load(&mut self, segment: &Segment, len: u64, by: Mapper) -> Option<()> {
        let before = segment.vaddr % PAGE;
        let (start, data_end) = (segment.vaddr, segment.vaddr.checked_add(segment.filesz)?);
        let end = segment.vaddr.checked_add(segment.memsz)?.max(data_end);
        let (first, last) = (start - before, data_end.checked_next_multiple_of(PAGE)?);
        // For a segment without file bytes, the kernel maps no page of the file, but the loaders
        // do.
        let mapped = segment.filesz > 0 || (by == Mapper::Loader && before > 0);
        if mapped {
            // Linux cannot map a segment whose offset and address are not aligned in the same way.
            // In that case only the bytes of the segment itself are used.
            let aligned = segment.offset % PAGE == before;
            let (first, last) = match aligned {
                true => (first, last),
                false => (start, data_end),
            };
            let offset = segment.offset - if aligned { before } else { 0 };
            let at = |offset_end: u64| first.saturating_add(offset_end.saturating_sub(offset));
            let in_file = at(len).min(last);
            let in_pages = at(len.checked_next_multiple_of(PAGE)?).min(last);
            self.put(first, in_file, Bytes::File(offset));
            self.put(in_file, in_pages, Bytes::Zeros);
            self.put(in_pages, last, Bytes::Nothing);
        }
        if end > data_end {
            let cleared = by == Mapper::Loader || segment.flags.0 & PF_W.0 != 0;
            let zeros = match (mapped, cleared) {
                (false, _) => first,
                (true, true) => data_end,
                (true, false) => last,
            };
            self.put(zeros, end.checked_next_multiple_of(PAGE)?, Bytes::Zeros);
        }
        Some(())
    }

    /// Replaces the contents of `start..end`.
    fn put(&mut self, start: u64, end: u64, bytes: Bytes) {
        if start >= end {
            return;
        }
        let covered = self.parts.range(..end).rev();
        let covered: Vec<_> = covered
            .take_while(|(_, part)| part.0 > start)
            .map(|(&from, &(to, bytes))| (from, to, bytes))
            .collect();
        for (from, to, old) in covered {
            self.parts.remove(&from);
            if from < start {
                self.parts.insert(from, (start, old));
            }
            if to > end {
                self.parts.insert(end, (to, old.after(end - from)));
            }
        }
        self.parts.insert(start, (end, bytes));
    }

    /// Returns `address + offset` in the word size of the file, unchecked, as the loader adds.
    pub(super) fn add(&self, address: u64, offset: u64) -> u64 {
        address.wrapping_add(offset) & self.mask
    }

    /// Returns the contents at an address, and the number of bytes of the same part from there on.
    fn at(&self, address: u64) -> Option<(Bytes, u64)> {
        let (&from, &(to, bytes)) = self.parts.range(..=address).next_back()?;
        let left = to.checked_sub(address).filter(|&left| left > 0)?;
        Some((bytes.after(address - from), left))
    }

    /// Returns the file offset of the byte at an address, and the number of bytes from there on
    /// that are contiguous both in memory and in the file. `None` if the byte is not from the file.
    pub(super) fn in_file(&self, address: u64) -> Option<(u64, u64)> {
        match self.at(address)? {
            (Bytes::File(offset), left) => Some((offset, left)),
            _ => None,
        }
    }
}

impl Bytes {
    /// Returns the contents `by` bytes further on.
    fn after(self, by: u64) -> Self {
        match self {
            // Within one part no offset is beyond the end of the file.
            Self::File(offset) => Self::File(offset.saturating_add(by)),
            other => other,
        }
    }
}

impl Source for Memory<'_> {
    /// All addresses, most of which are unmapped.
    fn len(&self) -> u64 {
        u64::MAX
    }

    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            let (bytes, left) = self.at(offset).ok_or(io::ErrorKind::UnexpectedEof)?;
            let len = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
            let (now, rest) = buf.split_at_mut(len);
            match bytes {
                Bytes::File(at) => self.source.read_exact_at(now, at)?,
                Bytes::Zeros => now.fill(0),
                Bytes::Nothing => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            buf = rest;
            offset = offset.wrapping_add(len as u64);
        }
        Ok(())
    }

    fn available(&self, offset: u64, wanted: u64) -> Option<u64> {
        let mut there = 0u64;
        while there < wanted {
            let next = offset.checked_add(there).and_then(|at| self.at(at));
            match next {
                Some((Bytes::File(_) | Bytes::Zeros, left)) => there = there.saturating_add(left),
                _ => break,
            }
        }
        (there > 0 || wanted == 0).then_some(there.min(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::elf::{PF_R, ProgramFlags};

    /// A file of three pages. Each byte is the number of its page, starting at 1. The last page is
    /// short.
    fn file() -> Vec<u8> {
        let mut file = vec![1; 4096];
        file.extend([2; 4096]);
        file.extend([3; 100]);
        file
    }

    fn load(flags: u32, offset: u64, vaddr: u64, filesz: u64, memsz: u64) -> Segment {
        Segment {
            kind: PT_LOAD,
            flags: ProgramFlags(flags),
            offset,
            vaddr,
            filesz,
            memsz,
            align: 0x1000,
        }
    }

    fn byte(memory: &Memory<'_>, at: u64) -> Option<u8> {
        memory.piece(at, 1, 1).ok().map(|bytes| bytes[0])
    }

    fn map<'a>(file: &'a dyn Source, loads: Vec<Segment>, by: Mapper) -> Memory<'a> {
        Memory::map(file, &Segments::from(loads), true, by)
    }

    #[test]
    fn whole_pages_are_mapped() {
        let file = file();
        let memory = map(
            &file,
            vec![load(4, 0x1010, 0x40_1010, 0x10, 0x10)],
            Mapper::Kernel,
        );
        assert_eq!(byte(&memory, 0x40_1000), Some(2));
        assert_eq!(byte(&memory, 0x40_1fff), Some(2));
        assert_eq!(byte(&memory, 0x40_0fff), None);
        assert_eq!(byte(&memory, 0x40_2000), None);
        assert_eq!(memory.in_file(0x40_1018), Some((0x1018, 0xfe8)));
    }

    #[test]
    fn a_later_segment_covers_an_earlier_one() {
        let file = file();
        let all = load(4, 0, 0x40_0000, 0x2000, 0x2000);
        let over = load(4, 0, 0x40_1000, 0x10, 0x10);
        let memory = map(&file, vec![all, over], Mapper::Kernel);
        assert_eq!(byte(&memory, 0x40_1000), Some(1));
        let memory = map(&file, vec![over, all], Mapper::Kernel);
        assert_eq!(byte(&memory, 0x40_1000), Some(2));
        // A segment without file bytes replaces with zeros.
        let memory = map(
            &file,
            vec![all, load(6, 0, 0x40_0000, 0, 1)],
            Mapper::Kernel,
        );
        assert_eq!(
            (byte(&memory, 0x40_0fff), byte(&memory, 0x40_1000)),
            (Some(0), Some(2))
        );
        // A segment in the middle leaves both ends of the earlier one.
        let three = load(4, 0, 0x40_0000, 0x2064, 0x2064);
        let memory = map(&file, vec![three, over], Mapper::Kernel);
        let seen = [0x40_0000, 0x40_1000, 0x40_2000].map(|at| byte(&memory, at));
        assert_eq!(seen, [Some(1), Some(1), Some(3)]);
        assert_eq!(memory.in_file(0x40_2001), Some((0x2001, 0x63)));
    }

    #[test]
    fn what_follows_the_bytes_of_the_file_is_zero() {
        let file = file();
        let bss = load(PF_R.0 | PF_W.0, 0, 0x40_0000, 0x100, 0x2000);
        let memory = map(&file, vec![bss], Mapper::Kernel);
        let seen =
            [0xff, 0x100, 0xfff, 0x1000, 0x1fff, 0x2000].map(|at| byte(&memory, 0x40_0000 + at));
        assert_eq!(seen, [Some(1), Some(0), Some(0), Some(0), Some(0), None]);
        // A read-only page keeps its bytes, unless the loader makes it writable.
        let read_only = load(PF_R.0, 0, 0x40_0000, 0x100, 0x2000);
        let memory = map(&file, vec![read_only], Mapper::Kernel);
        assert_eq!(
            (byte(&memory, 0x40_0100), byte(&memory, 0x40_1000)),
            (Some(1), Some(0))
        );
        let memory = map(&file, vec![read_only], Mapper::Loader);
        assert_eq!(byte(&memory, 0x40_0100), Some(0));
    }

    #[test]
    fn after_the_end_of_the_file_its_page_is_zero_and_the_next_is_not_there() {
        let file = file();
        let long = load(4, 0x2000, 0x40_0000, 0x2000, 0x2000);
        let memory = map(&file, vec![long], Mapper::Kernel);
        let seen = [0x63, 0x64, 0xfff, 0x1000].map(|at| byte(&memory, 0x40_0000 + at));
        assert_eq!(seen, [Some(3), Some(0), Some(0), None]);
        assert_eq!(memory.available(0x40_0000, 1 << 20), Some(0x1000));
        assert_eq!(memory.available(0x40_1000, 1), None);
    }

    #[test]
    fn numbers_that_overflow_map_nothing() {
        let file = file();
        let loads = [
            load(4, u64::MAX, 0x1000, 0x10, 0x10),
            load(4, 0, u64::MAX - 5, 0x10, 0x10),
            load(4, u64::MAX - 0xfff, 0x1000, u64::MAX - 0x1fff, u64::MAX),
        ];
        for segment in loads {
            let memory = map(&file, vec![segment], Mapper::Loader);
            assert_ne!(byte(&memory, segment.vaddr), Some(1), "{segment:?}");
        }
        let memory = map(&file, Vec::new(), Mapper::Loader);
        assert_eq!(memory.add(u64::MAX, 2), 1);
    }
}
