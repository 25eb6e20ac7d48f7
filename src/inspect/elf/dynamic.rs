//! PT_DYNAMIC: what the loader is told to load, and where the tables are that it needs.
//!
//! Everything is found as the loader finds it, by address and through PT_LOAD, and never through the
//! section headers, which need not be there.

use object::elf::{
    DF_1_NODEFLIB, DF_1_NOW, DF_1_PIE, DF_BIND_NOW, DT_AUDIT, DT_AUXILIARY, DT_BIND_NOW, DT_DEBUG,
    DT_DEPAUDIT, DT_FILTER, DT_FLAGS, DT_FLAGS_1, DT_GNU_HASH, DT_HASH, DT_MIPS_RLD_MAP,
    DT_MIPS_RLD_MAP_REL, DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB,
    DT_SYMTAB, DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM, DT_VERSYM, Dyn32, Dyn64,
    DynamicTag, PT_DYNAMIC,
};
use object::endian::Endianness;
use object::pod::slice_from_bytes;
use object::read::elf::Dyn;

use super::header::Layout;
use super::segment::Segments;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The largest one known has a few hundred entries of 16 bytes.
const TABLE_LIMIT: u64 = 1 << 20;

/// Names of libraries are file names, or paths.
const NAME_LIMIT: u64 = 4096;

/// A run path of nix lists every package.
const PATH_LIMIT: u64 = 1 << 20;

/// No more libraries than this are listed.
const NEEDED_LIMIT: usize = 4096;

/// What the dynamic section says.
#[derive(Debug, Default)]
pub(super) struct Dynamic {
    pub needed: Vec<Vec<u8>>,
    pub rpath: Option<Vec<u8>>,
    pub runpath: Option<Vec<u8>>,
    pub soname: Option<Vec<u8>>,
    /// DF_1_PIE.
    pub pie: bool,
    /// All symbols are bound at start.
    pub bind_now: bool,
    /// DF_1_NODEFLIB.
    pub no_default_lib: bool,
    /// DT_AUXILIARY.
    pub auxiliary: Vec<Vec<u8>>,
    /// DT_FILTER.
    pub filter: Vec<Vec<u8>>,
    /// DT_AUDIT and DT_DEPAUDIT, each a list with colons.
    pub audit: Vec<Vec<u8>>,
    /// Whether there are entries at all.
    pub any: bool,
    /// The string table, `(offset, end)` in the file.
    pub strings: Option<(u64, u64)>,
    /// File offset of the symbol table.
    pub symbols: Option<u64>,
    /// File offset and count of the needed versions.
    pub verneed: Option<(u64, u64)>,
    /// File offset and count of the defined versions.
    pub verdef: Option<(u64, u64)>,
    /// File offset of DT_GNU_HASH.
    pub gnu_hash: Option<u64>,
    /// File offset of DT_HASH.
    pub hash: Option<u64>,
    /// File offset of the version of each symbol.
    pub versym: Option<u64>,
    /// Whether DT_NEEDED is there at all, though its name may be unreadable.
    pub needs: bool,
    /// There are entries, and none is the one that linkers leave in executables alone, for debuggers:
    /// DT_DEBUG, or on MIPS DT_MIPS_RLD_MAP.
    pub of_library: bool,
}

impl Dynamic {
    /// Reads the dynamic section. Empty if there is none, or nothing of it is in the file.
    pub fn read(source: &dyn Source, layout: Layout, segments: &Segments) -> Self {
        let Some(segment) = segments.first(PT_DYNAMIC) else {
            return Self::default();
        };
        // The loader stops at DT_NULL, whatever the size: so a size beyond the end of the file does
        // no harm.
        let Some(bytes) = read::prefix(source, segment.offset, segment.filesz, TABLE_LIMIT) else {
            return Self::default();
        };
        let entries = if layout.wide {
            entries::<Dyn64<Endianness>>(&bytes, layout.endian)
        } else {
            entries::<Dyn32<Endianness>>(&bytes, layout.endian)
        };
        Self::decode(source, segments, &entries)
    }

    fn decode(source: &dyn Source, segments: &Segments, entries: &[(DynamicTag, u64)]) -> Self {
        let all = |tag| entries.iter().filter(move |e| e.0 == tag).map(|e| e.1);
        // The loader keeps the last of a tag that should be there once.
        let last = |tag| all(tag).next_back();
        let offset_of = |tag| last(tag).and_then(|vaddr| segments.offset_of(vaddr));

        let strings = offset_of(DT_STRTAB).map(|(offset, end)| {
            let size = last(DT_STRSZ).unwrap_or(u64::MAX);
            (offset, end.min(offset.saturating_add(size)))
        });
        let string = |index: u64, limit| {
            let (offset, end) = strings?;
            read::c_string(source, offset.checked_add(index)?, end, limit)
        };
        let names = |tag| {
            all(tag)
                .take(NEEDED_LIMIT)
                .filter_map(|index| string(index, NAME_LIMIT))
                .collect()
        };
        let path = |tag| last(tag).and_then(|index| string(index, PATH_LIMIT));
        Self {
            needed: names(DT_NEEDED),
            auxiliary: names(DT_AUXILIARY),
            filter: names(DT_FILTER),
            audit: [DT_AUDIT, DT_DEPAUDIT]
                .into_iter()
                .flat_map(|tag| split_path(path(tag)))
                .collect(),
            any: !entries.is_empty(),
            no_default_lib: last(DT_FLAGS_1).is_some_and(|flags| flags & DF_1_NODEFLIB.0 != 0),
            rpath: path(DT_RPATH),
            runpath: path(DT_RUNPATH),
            soname: last(DT_SONAME).and_then(|index| string(index, NAME_LIMIT)),
            pie: last(DT_FLAGS_1).is_some_and(|flags| flags & DF_1_PIE.0 != 0),
            bind_now: last(DT_BIND_NOW).is_some()
                || last(DT_FLAGS).is_some_and(|flags| flags & DF_BIND_NOW.0 != 0)
                || last(DT_FLAGS_1).is_some_and(|flags| flags & DF_1_NOW.0 != 0),
            strings,
            symbols: offset_of(DT_SYMTAB).map(|(offset, _)| offset),
            verneed: offset_of(DT_VERNEED).map(|o| o.0).zip(last(DT_VERNEEDNUM)),
            verdef: offset_of(DT_VERDEF).map(|o| o.0).zip(last(DT_VERDEFNUM)),
            gnu_hash: offset_of(DT_GNU_HASH).map(|o| o.0),
            hash: offset_of(DT_HASH).map(|o| o.0),
            versym: offset_of(DT_VERSYM).map(|o| o.0),
            needs: last(DT_NEEDED).is_some(),
            of_library: !entries.is_empty()
                && [DT_DEBUG, DT_MIPS_RLD_MAP, DT_MIPS_RLD_MAP_REL]
                    .into_iter()
                    .all(|tag| last(tag).is_none()),
        }
    }

    /// One of the strings that the version table refers to.
    pub fn string(&self, source: &dyn Source, index: u32) -> Option<Vec<u8>> {
        let (offset, end) = self.strings?;
        read::c_string(source, offset.checked_add(index.into())?, end, NAME_LIMIT)
    }
}

/// The entries before DT_NULL.
fn entries<D: Dyn<Endian = Endianness>>(
    bytes: &[u8],
    endian: Endianness,
) -> Vec<(DynamicTag, u64)> {
    let count = bytes.len() / size_of::<D>();
    let Ok((table, _)) = slice_from_bytes::<D>(bytes, count) else {
        return Vec::new();
    };
    let entries = table
        .iter()
        .map(|entry| (entry.tag(endian), entry.val(endian)));
    entries.take_while(|entry| entry.0 != DT_NULL).collect()
}

/// A search path, at its colons. An empty element means the current directory, and is kept.
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
        let found = entries::<Dyn64<Endianness>>(&bytes, Endianness::Big);
        assert_eq!(found, [(DT_NEEDED, 1), (DT_FLAGS_1, 0x0800_0000)]);
        let mut bytes = Vec::new();
        for word in [1u32, 1, 0x6fff_fffb, 0x0800_0000, 7] {
            bytes.extend(word.to_be_bytes());
        }
        let found = entries::<Dyn32<Endianness>>(&bytes, Endianness::Big);
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
