//! Whether a file exports a symbol, told by its hash tables as the loader does it: one bucket is looked
//! at, not every symbol.
//!
//! DT_GNU_HASH (Binutils' `elflink.c`, glibc's `dl-lookup.c`): a header of four words, a Bloom filter of
//! `maskwords` addresses, buckets, and for each exported symbol its hash, the lowest bit of which marks
//! the end of a bucket. DT_HASH (gABI, chapter 5): two words, buckets, chains.

use object::elf::{self, SHN_UNDEF, STB_GLOBAL, STB_GNU_UNIQUE, STB_WEAK, Sym32, Sym64};
use object::endian::Endianness;
use object::read::elf::Sym;

use super::dynamic::Dynamic;
use super::header::Header;
use super::memory::Memory;
use crate::inspect::read;
use crate::inspect::source::Source;

/// A bucket that is longer than this is not what it seems.
const CHAIN_LIMIT: u32 = 4096;

/// The exported symbols of a file.
pub(super) struct Exports<'a> {
    memory: &'a Memory<'a>,
    header: &'a Header,
    dynamic: &'a Dynamic,
}

impl<'a> Exports<'a> {
    /// `None` if there is no table to look in.
    pub fn new(memory: &'a Memory<'a>, header: &'a Header, dynamic: &'a Dynamic) -> Option<Self> {
        let table = dynamic.gnu_hash.or(dynamic.hash);
        table.and(dynamic.symbols).map(|_| Self {
            memory,
            header,
            dynamic,
        })
    }

    /// Whether it exports a symbol of that name.
    pub fn has(&self, name: &[u8]) -> bool {
        let found = match (self.dynamic.gnu_hash, self.dynamic.hash) {
            (Some(at), _) => self.by_gnu_hash(at, name),
            (None, Some(at)) => self.by_hash(at, name),
            (None, None) => None,
        };
        found.is_some()
    }

    fn word(&self, table: u64, index: u64) -> Option<u32> {
        let at = table.checked_add(index.checked_mul(4)?)?;
        let bytes = self.memory.piece(at, 4, 4).ok()?;
        let bytes = bytes.first_chunk::<4>()?;
        Some(match self.header.layout.endian {
            Endianness::Little => u32::from_le_bytes(*bytes),
            Endianness::Big => u32::from_be_bytes(*bytes),
        })
    }

    fn by_gnu_hash(&self, at: u64, name: &[u8]) -> Option<()> {
        let hash = elf::gnu_hash(name);
        let [buckets, first, mask_words] = [0, 1, 2].map(|index| self.word(at, index));
        let (buckets, first, mask_words) = (buckets?, first?, mask_words?);
        let filter = if self.header.layout.wide { 8 } else { 4 };
        let table = u64::from(mask_words).checked_mul(filter)?.checked_add(16)?;
        let table = at.checked_add(table)?;
        let bucket = u64::from(hash.checked_rem(buckets)?);
        let start = self.word(table, bucket)?;
        let chains = table.checked_add(4 * u64::from(buckets))?;
        // A bucket without symbols says 0.
        let mut index = Some(start).filter(|&start| start >= first && start != 0)?;
        for _ in 0..CHAIN_LIMIT {
            let chain = self.word(chains, u64::from(index - first))?;
            if chain | 1 == hash | 1 && self.is(index, name) {
                return Some(());
            }
            if chain & 1 != 0 {
                return None;
            }
            index = index.checked_add(1)?;
        }
        None
    }

    fn by_hash(&self, at: u64, name: &[u8]) -> Option<()> {
        let hash = elf::hash(name);
        let buckets = self.word(at, 0)?;
        let bucket = u64::from(hash.checked_rem(buckets)?);
        let mut index = self.word(at, 2 + bucket)?;
        for _ in 0..CHAIN_LIMIT {
            if index == 0 {
                return None;
            }
            if self.is(index, name) {
                return Some(());
            }
            index = self.word(at, 2 + u64::from(buckets) + u64::from(index))?;
        }
        None
    }

    /// Whether symbol `index` is defined and has that name.
    fn is(&self, index: u32, name: &[u8]) -> bool {
        let found = if self.header.layout.wide {
            self.is_as::<Sym64<Endianness>>(index, name)
        } else {
            self.is_as::<Sym32<Endianness>>(index, name)
        };
        found.unwrap_or(false)
    }

    fn is_as<S: Sym<Endian = Endianness>>(&self, index: u32, name: &[u8]) -> Option<bool> {
        let endian = self.header.layout.endian;
        let offset = u64::from(index).checked_mul(size_of::<S>() as u64)?;
        let symbol = read::record::<S>(self.memory, self.dynamic.symbols?.checked_add(offset)?)?;
        let bind = symbol.st_bind();
        let exported = [STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE].contains(&bind);
        if !exported || symbol.st_shndx(endian) == SHN_UNDEF {
            return Some(false);
        }
        let at = self
            .memory
            .add(self.dynamic.strings?, symbol.st_name(endian).into());
        // One more, which must be the end of it.
        let len = (name.len() as u64).checked_add(1)?;
        let bytes = self.memory.piece(at, len, len).ok()?;
        Some(bytes.strip_prefix(name) == Some(&[0]))
    }
}
