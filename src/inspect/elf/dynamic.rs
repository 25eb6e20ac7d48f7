//! PT_DYNAMIC: the libraries that the loader loads, and the addresses of the tables that it uses.
//!
//! Everything is located as the loaders do it (glibc's `elf_get_dynamic_info` in
//! `elf/get-dynamic-info.h`, musl's `decode_vec` in `ldso/dynlink.c`): by address in the mapped
//! file, never by a file offset, and never through the section headers, which may be missing.

use object::elf::{
    DF_1_NODEFLIB, DF_1_NOW, DF_1_PIE, DF_BIND_NOW, DT_AUDIT, DT_AUXILIARY, DT_BIND_NOW, DT_DEBUG,
    DT_DEPAUDIT, DT_FILTER, DT_FLAGS, DT_FLAGS_1, DT_HASH, DT_JMPREL, DT_MIPS_RLD_MAP,
    DT_MIPS_RLD_MAP_REL, DT_NEEDED, DT_NULL, DT_PLTREL, DT_PLTRELSZ, DT_REL, DT_RELA, DT_RELACOUNT,
    DT_RELASZ, DT_RELCOUNT, DT_RELSZ, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB,
    DT_SYMTAB, DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM, DT_VERSYM, Dyn32, Dyn64,
    DynamicTag,
};
use object::endian::Endianness;
use object::pod::slice_from_bytes;
use object::read::elf::Dyn;

use super::header::Layout;
use super::memory::Memory;
use super::relocation::RelocationTable;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum length of the dynamic section in bytes. The largest known one has a few hundred
/// entries of 16 bytes. The loaders have no limit, so padding must not hide the entries after it.
const TABLE_LIMIT: u64 = 64 << 20;

/// The number of bytes read at a time.
const CHUNK: u64 = 4096;

/// The tags that are evaluated.
const TAGS: [DynamicTag; 32] = [
    DT_NEEDED,
    DT_HASH,
    DT_STRTAB,
    DT_SYMTAB,
    DT_STRSZ,
    DT_SONAME,
    DT_RPATH,
    DT_DEBUG,
    DT_BIND_NOW,
    DT_RUNPATH,
    DT_FLAGS,
    DT_DEPAUDIT,
    DT_AUDIT,
    DT_VERSYM,
    DT_FLAGS_1,
    DT_VERDEF,
    DT_VERDEFNUM,
    DT_VERNEED,
    DT_VERNEEDNUM,
    DT_MIPS_RLD_MAP,
    DT_MIPS_RLD_MAP_REL,
    DT_AUXILIARY,
    DT_FILTER,
    DT_JMPREL,
    DT_PLTREL,
    DT_PLTRELSZ,
    DT_REL,
    DT_RELA,
    DT_RELACOUNT,
    DT_RELASZ,
    DT_RELCOUNT,
    DT_RELSZ,
];

/// The maximum length of a library name, which is a file name or a path.
const NAME_LIMIT: u64 = 4096;

/// The maximum length of a search path. A run path of nix lists every package.
const PATH_LIMIT: u64 = 1 << 20;

/// The maximum number of libraries listed.
pub(super) const NEEDED_LIMIT: usize = 4096;

/// The contents of the dynamic section.
#[derive(Debug, Default)]
pub(super) struct Dynamic {
    pub needed: Vec<Vec<u8>>,
    pub rpath: Option<Vec<u8>>,
    pub runpath: Option<Vec<u8>>,
    pub soname: Option<Vec<u8>>,
    /// DF_1_PIE.
    pub pie: bool,
    /// Whether all symbols are bound at start.
    pub bind_now: bool,
    /// DF_1_NODEFLIB.
    pub no_default_lib: bool,
    /// DT_AUXILIARY.
    pub auxiliary: Vec<Vec<u8>>,
    /// DT_FILTER.
    pub filter: Vec<Vec<u8>>,
    /// DT_AUDIT and DT_DEPAUDIT, split at colons.
    pub audit: Vec<Vec<u8>>,
    /// Whether there are any entries.
    pub any: bool,
    /// DT_STRTAB, the address of the string table.
    pub strings: Option<u64>,
    /// DT_STRSZ, the claimed length of the string table. No loader uses it.
    pub strings_len: Option<u64>,
    /// DT_SYMTAB, the address of the symbol table.
    pub symbols: Option<u64>,
    /// DT_VERNEED, the address of the needed versions.
    pub verneed: Option<u64>,
    /// DT_VERDEF, the address of the defined versions.
    pub verdef: Option<u64>,
    /// DT_HASH, the address of the hash table.
    pub hash: Option<u64>,
    /// DT_VERSYM, the address of the version of each symbol.
    pub versym: Option<u64>,
    /// DT_RELA and DT_REL.
    pub relocations: [Option<RelocationTable>; 2],
    /// DT_JMPREL.
    pub call_relocations: Option<RelocationTable>,
    /// Whether there is a DT_NEEDED, even if its name is unreadable.
    pub needs: bool,
    /// Whether there are entries but none of those that linkers add for debuggers to executables
    /// only: DT_DEBUG, or on MIPS DT_MIPS_RLD_MAP.
    pub of_library: bool,
}

impl Dynamic {
    /// Reads the dynamic section at an address. `shift` is what the loader adds to every address in
    /// it: the difference between the load address that the loader assumes and the real one.
    pub(super) fn read(memory: &Memory<'_>, layout: Layout, at: u64, shift: u64) -> Self {
        let entries = if layout.wide {
            entries::<Dyn64<Endianness>>(memory, at, layout.endian)
        } else {
            entries::<Dyn32<Endianness>>(memory, at, layout.endian)
        };
        Self::decode(memory, shift, &entries)
    }

    fn decode(memory: &Memory<'_>, shift: u64, entries: &[(DynamicTag, u64)]) -> Self {
        let all = |tag| entries.iter().filter(move |e| e.0 == tag).map(|e| e.1);
        // If a tag that should be unique occurs several times, the loaders use the last one.
        let last = |tag| all(tag).next_back();
        let address_of = |tag| last(tag).map(|address| memory.add(address, shift));

        let strings = address_of(DT_STRTAB);
        let string = |index: u64, limit| string(memory, strings?, index, limit);
        let names = |tag| {
            all(tag)
                .take(NEEDED_LIMIT)
                .filter_map(|index| string(index, NAME_LIMIT))
                .collect()
        };
        let table = |tag, size, relative: Option<DynamicTag>, addends| {
            Some(RelocationTable {
                at: address_of(tag)?,
                len: last(size)?,
                relative: relative.and_then(last).unwrap_or(0),
                addends,
            })
        };
        let path = |tag| last(tag).and_then(|index| string(index, PATH_LIMIT));
        let flags = |tag| last(tag).unwrap_or_default();
        Self {
            needed: names(DT_NEEDED),
            auxiliary: names(DT_AUXILIARY),
            filter: names(DT_FILTER),
            audit: [DT_AUDIT, DT_DEPAUDIT]
                .into_iter()
                .flat_map(|tag| split_path(path(tag)))
                .collect(),
            any: !entries.is_empty(),
            no_default_lib: flags(DT_FLAGS_1) & DF_1_NODEFLIB.0 != 0,
            rpath: path(DT_RPATH),
            runpath: path(DT_RUNPATH),
            soname: last(DT_SONAME).and_then(|index| string(index, NAME_LIMIT)),
            pie: flags(DT_FLAGS_1) & DF_1_PIE.0 != 0,
            bind_now: last(DT_BIND_NOW).is_some()
                || flags(DT_FLAGS) & DF_BIND_NOW.0 != 0
                || flags(DT_FLAGS_1) & DF_1_NOW.0 != 0,
            strings,
            strings_len: last(DT_STRSZ),
            symbols: address_of(DT_SYMTAB),
            verneed: address_of(DT_VERNEED),
            verdef: address_of(DT_VERDEF),
            hash: address_of(DT_HASH),
            versym: address_of(DT_VERSYM),
            relocations: [
                table(DT_RELA, DT_RELASZ, Some(DT_RELACOUNT), true),
                table(DT_REL, DT_RELSZ, Some(DT_RELCOUNT), false),
            ],
            call_relocations: {
                let addends = last(DT_PLTREL).is_some_and(|kind| kind == DT_RELA.0 as u64);
                table(DT_JMPREL, DT_PLTRELSZ, None, addends)
            },
            needs: last(DT_NEEDED).is_some(),
            of_library: !entries.is_empty()
                && [DT_DEBUG, DT_MIPS_RLD_MAP, DT_MIPS_RLD_MAP_REL]
                    .into_iter()
                    .all(|tag| last(tag).is_none()),
        }
    }

    /// Reads a string that a version table refers to.
    pub(super) fn string(&self, memory: &Memory<'_>, index: u32) -> Option<Vec<u8>> {
        string(memory, self.strings?, index.into(), NAME_LIMIT)
    }

    /// Returns the file range `(offset, end)` of the string table, according to its claimed length.
    pub(super) fn strings_in_file(&self, memory: &Memory<'_>) -> Option<(u64, u64)> {
        let (offset, left) = memory.in_file(self.strings?)?;
        let len = self.strings_len.map_or(left, |len| len.min(left));
        Some((offset, offset.checked_add(len)?))
    }
}

/// Reads a string of the table at `strings`. The loaders add the index to the address and check
/// neither DT_STRSZ nor an overflow.
fn string(memory: &Memory<'_>, strings: u64, index: u64, limit: u64) -> Option<Vec<u8>> {
    read::c_string(memory, memory.add(strings, index), u64::MAX, limit)
}

/// Reads the entries before DT_NULL. The loaders stop only there and ignore the size of PT_DYNAMIC.
pub(super) fn entries<D: Dyn<Endian = Endianness>>(
    source: &dyn Source,
    mut at: u64,
    endian: Endianness,
) -> Vec<(DynamicTag, u64)> {
    let mut entries = Vec::new();
    let mut left = TABLE_LIMIT;
    while let Some(bytes) = read::prefix(source, at, CHUNK.min(left), CHUNK) {
        let count = bytes.len() / size_of::<D>();
        let Ok((table, _)) = slice_from_bytes::<D>(&bytes, count) else {
            break;
        };
        for entry in table {
            let tag = entry.tag(endian);
            if tag == DT_NULL {
                return entries;
            }
            if TAGS.contains(&tag) {
                entries.push((tag, entry.val(endian)));
            }
        }
        let len = (count * size_of::<D>()) as u64;
        left = left.saturating_sub(len);
        match at.checked_add(len) {
            Some(next) if len > 0 && left > 0 => at = next,
            _ => break,
        }
    }
    entries
}

/// Splits a search path at its colons. An empty element means the current directory, and is kept.
pub(super) fn split_path(path: Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let path = path.filter(|path| !path.is_empty());
    path.map_or_else(Vec::new, |path| {
        path.split(|&b| b == b':').map(<[u8]>::to_vec).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end_with_null() {
        let mut bytes = Vec::new();
        // DT_NEEDED 1, DT_FLAGS_1 PIE, DT_NULL, junk: as Elf64_Dyn and Elf32_Dyn, big-endian.
        for word in [1u64, 1, 0x6fff_fffb, 0x0800_0000, 0, 0, 1, 99] {
            bytes.extend(word.to_be_bytes());
        }
        let found = entries::<Dyn64<Endianness>>(&bytes, 0, Endianness::Big);
        assert_eq!(found, [(DT_NEEDED, 1), (DT_FLAGS_1, 0x0800_0000)]);
        let mut bytes = Vec::new();
        for word in [1u32, 1, 0x6fff_fffb, 0x0800_0000, 7] {
            bytes.extend(word.to_be_bytes());
        }
        let found = entries::<Dyn32<Endianness>>(&bytes, 0, Endianness::Big);
        assert_eq!(found, [(DT_NEEDED, 1), (DT_FLAGS_1, 0x0800_0000)]);
    }

    #[test]
    fn paths_split_at_colons() {
        let split = |path: &[u8]| split_path(Some(path.to_vec()));
        assert_eq!(
            split(b"/opt/lib:$ORIGIN/../lib"),
            [&b"/opt/lib"[..], b"$ORIGIN/../lib"]
        );
        assert_eq!(split(b"/a:"), [&b"/a"[..], b""]);
        assert!(split(b"").is_empty());
        assert!(split_path(None).is_empty());
    }
}
