//! The symbol versions that a file requires and defines (`Elf32_Verneed`, `Elf32_Verdef`; LSB core,
//! section 10.7), and the highest required version of the C library.

use std::collections::HashMap;

use object::elf::{VER_FLG_BASE, VER_FLG_WEAK, Verdaux, Verdef, Vernaux, Verneed};
use object::endian::Endianness;

use super::dynamic::Dynamic;
use super::header::Layout;
use super::memory::Memory;
use crate::inspect::binary::VersionsNeeded;
use crate::inspect::read;

/// The maximum number of required versions over all libraries. No valid file has more.
const LIMIT: usize = 4096;

/// Returns the versions that a file requires, by library, in table order.
pub(super) fn needed(
    memory: &Memory<'_>,
    layout: Layout,
    dynamic: &Dynamic,
) -> Vec<VersionsNeeded> {
    let mut libraries: Vec<VersionsNeeded> = Vec::new();
    visit(memory, layout, dynamic, &mut |found| match found {
        NeededEntry::Library(name) => libraries.push(VersionsNeeded {
            library: dynamic.string(memory, name).unwrap_or_default(),
            ..VersionsNeeded::default()
        }),
        NeededEntry::Version { name, weak, .. } => {
            if let Some(library) = libraries.last_mut()
                && let Some(name) = dynamic.string(memory, name)
            {
                let list = match weak {
                    true => &mut library.weak,
                    false => &mut library.strong,
                };
                list.push(name);
            }
        }
    });
    libraries
}

/// An entry in the table of required versions: a library, or a version of the preceding library.
/// Names are indices into the string table.
enum NeededEntry {
    Library(u32),
    Version { name: u32, index: u16, weak: bool },
}

/// Walks the table of required versions as glibc does (`_dl_check_map_versions` in
/// `elf/dl-version.c`): from entry to entry until one has no next. DT_VERNEEDNUM and `vn_cnt` are
/// ignored.
fn visit(
    memory: &Memory<'_>,
    layout: Layout,
    dynamic: &Dynamic,
    found: &mut dyn FnMut(NeededEntry),
) {
    let Some(mut file_at) = dynamic.verneed else {
        return;
    };
    let endian = layout.endian;
    let mut left = LIMIT;
    for _ in 0..LIMIT {
        let Some(file) = read::record::<Verneed<Endianness>>(memory, file_at) else {
            break;
        };
        found(NeededEntry::Library(file.vn_file.get(endian)));
        let mut at = memory.add(file_at, file.vn_aux.get(endian).into());
        while left > 0 {
            left -= 1;
            let Some(aux) = read::record::<Vernaux<Endianness>>(memory, at) else {
                break;
            };
            found(NeededEntry::Version {
                name: aux.vna_name.get(endian),
                index: aux.vna_other.get(endian).0,
                weak: aux.vna_flags.get(endian).0 & VER_FLG_WEAK.0 != 0,
            });
            match aux.vna_next.get(endian) {
                0 => break,
                next => at = memory.add(at, next.into()),
            }
        }
        match file.vn_next.get(endian) {
            0 => break,
            next => file_at = memory.add(file_at, next.into()),
        }
    }
}

/// Returns the versions that a file defines, in table order, without the entry for the file's own
/// name (VER_FLG_BASE), which is nearly always the first and which no file requires.
pub(super) fn defined(memory: &Memory<'_>, layout: Layout, dynamic: &Dynamic) -> Vec<Vec<u8>> {
    let all = definitions(memory, layout, dynamic).into_iter();
    all.map(|(_, name)| name).collect()
}

/// Returns the names of the versions that a file defines, by the index that its symbols use
/// (`vd_ndx`).
pub(super) fn defined_indices(
    memory: &Memory<'_>,
    layout: Layout,
    dynamic: &Dynamic,
) -> HashMap<u16, Vec<u8>> {
    let all = definitions(memory, layout, dynamic).into_iter();
    all.map(|(index, name)| (index & 0x7fff, name)).collect()
}

fn definitions(memory: &Memory<'_>, layout: Layout, dynamic: &Dynamic) -> Vec<(u16, Vec<u8>)> {
    let mut names = Vec::new();
    let Some(mut at) = dynamic.verdef else {
        return names;
    };
    let endian = layout.endian;
    // As in the table of required versions, only the last entry ends the table.
    for _ in 0..LIMIT {
        let Some(entry) = read::record::<Verdef<Endianness>>(memory, at) else {
            break;
        };
        // The first name is that of the version itself. The names after it are of versions that it
        // inherits from.
        let aux = memory.add(at, entry.vd_aux.get(endian).into());
        let aux = read::record::<Verdaux<Endianness>>(memory, aux);
        let base = entry.vd_flags.get(endian).0 & VER_FLG_BASE.0 != 0;
        if let Some(aux) = aux.filter(|_| !base)
            && let Some(name) = dynamic.string(memory, aux.vda_name.get(endian))
        {
            names.push((entry.vd_ndx.get(endian).0, name));
        }
        match entry.vd_next.get(endian) {
            0 => break,
            next => at = memory.add(at, next.into()),
        }
    }
    names
}

/// Returns the names of the versions that a file requires, by the index that its symbols use
/// (`vna_other`).
pub(super) fn indices(
    memory: &Memory<'_>,
    layout: Layout,
    dynamic: &Dynamic,
) -> HashMap<u16, Vec<u8>> {
    let mut names = HashMap::new();
    visit(memory, layout, dynamic, &mut |found| {
        if let NeededEntry::Version { index, name, .. } = found
            && let Some(name) = dynamic.string(memory, name)
        {
            names.insert(index, name);
        }
    });
    names
}

/// Returns the highest `GLIBC_x.y` that a file cannot start without.
///
/// Versions that only weak references have are ignored, because the loader tolerates their absence.
/// So are `GLIBC_PRIVATE` and `GLIBC_ABI_DT_RELR`, which are not numbers.
pub(super) fn highest_glibc(needed: &[VersionsNeeded]) -> Option<String> {
    let strong = needed.iter().flat_map(|library| &library.strong);
    let numbered = strong.filter_map(|name| Some((number(name)?, name)));
    let highest = numbered.max_by(|a, b| a.0.cmp(&b.0))?.1;
    String::from_utf8(highest.clone()).ok()
}

/// Parses `GLIBC_2.2.5` into numbers, which compare in version order: 2.4 < 2.34.
fn number(name: &[u8]) -> Option<Vec<u32>> {
    let digits = std::str::from_utf8(name.strip_prefix(b"GLIBC_")?).ok()?;
    digits.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::elf::memory::Mapper;
    use crate::inspect::elf::segment::{Segment, Segments};
    use crate::inspect::source::Source;
    use object::elf::{PF_R, PT_LOAD};

    /// Returns the memory of a file that is mapped as a whole at address 0.
    fn mapped(file: &dyn Source) -> Memory<'_> {
        let len = file.len();
        let all = Segment {
            kind: PT_LOAD,
            flags: PF_R,
            offset: 0,
            vaddr: 0,
            filesz: len,
            memsz: len,
            align: 1,
        };
        Memory::map(file, &Segments::from(vec![all]), true, Mapper::Loader)
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(number(b"GLIBC_2.34") > number(b"GLIBC_2.4"));
        assert!(number(b"GLIBC_2.2.5") > number(b"GLIBC_2.2"));
        assert!(number(b"GLIBC_2.3") > number(b"GLIBC_2.2.5"));
        assert_eq!(number(b"GLIBC_PRIVATE"), None);
        assert_eq!(number(b"GLIBC_ABI_DT_RELR"), None);
        assert_eq!(number(b"GLIBCXX_3.4.30"), None);
        assert_eq!(number(b"GLIBC_"), None);
    }

    /// Strings at 0, then one Verneed for a library with three versions, as GNU ld arranges them.
    #[test]
    fn the_highest_that_is_not_weak() {
        let mut file = b"\0libc.so.6\0GLIBC_2.9\0GLIBC_2.38\0GLIBC_2.17\0".to_vec();
        let verneed = file.len() as u64;
        let half = |file: &mut Vec<u8>, v: u16| file.extend(v.to_le_bytes());
        let word = |file: &mut Vec<u8>, v: u32| file.extend(v.to_le_bytes());
        for v in [1, 3] {
            half(&mut file, v); // vn_version, vn_cnt
        }
        for v in [1, 16, 0] {
            word(&mut file, v); // vn_file, vn_aux, vn_next
        }
        for (name, flags, next) in [(11, 0, 16), (21, 2, 16), (32, 0, 0)] {
            word(&mut file, 0);
            half(&mut file, flags);
            half(&mut file, 2);
            word(&mut file, name);
            word(&mut file, next);
        }
        let layout = Layout {
            wide: true,
            endian: Endianness::Little,
        };
        let memory = mapped(&file);
        let mut dynamic = Dynamic {
            strings: Some(0),
            verneed: Some(verneed),
            ..Dynamic::default()
        };
        assert_eq!(
            highest_glibc(&needed(&memory, layout, &dynamic)).as_deref(),
            Some("GLIBC_2.17")
        );
        let libraries = needed(&memory, layout, &dynamic);
        assert_eq!(libraries.len(), 1);
        assert_eq!(libraries[0].library, b"libc.so.6");
        assert_eq!(libraries[0].strong, [&b"GLIBC_2.9"[..], b"GLIBC_2.17"]);
        assert_eq!(libraries[0].weak, [b"GLIBC_2.38"]);
        dynamic.verneed = Some(u64::MAX - 3);
        assert_eq!(highest_glibc(&needed(&memory, layout, &dynamic)), None);
    }

    /// Strings at 0, then the file's own name and two versions, the second of which inherits from
    /// the first.
    #[test]
    fn what_is_defined_is_named_by_the_first_of_its_names() {
        let mut file = b"\0libx.so.1\0X_1\0X_2\0".to_vec();
        let at = file.len() as u64;
        for (flags, names, last) in [
            (1u16, &[1u32][..], false),
            (0, &[11], false),
            (0, &[15, 11], true),
        ] {
            let len = 20 + 8 * names.len() as u32;
            for v in [1, flags, 2, names.len() as u16] {
                file.extend(v.to_le_bytes()); // vd_version, vd_flags, vd_ndx, vd_cnt
            }
            for v in [0, 20, if last { 0 } else { len }] {
                file.extend(u32::to_le_bytes(v)); // vd_hash, vd_aux, vd_next
            }
            for (i, name) in names.iter().enumerate() {
                file.extend(name.to_le_bytes());
                let next: u32 = if i + 1 < names.len() { 8 } else { 0 };
                file.extend(next.to_le_bytes());
            }
        }
        let layout = Layout {
            wide: true,
            endian: Endianness::Little,
        };
        let memory = mapped(&file);
        let dynamic = |verdef| Dynamic {
            strings: Some(0),
            verdef: Some(verdef),
            ..Dynamic::default()
        };
        assert_eq!(defined(&memory, layout, &dynamic(at)), [b"X_1", b"X_2"]);
        assert!(defined(&memory, layout, &dynamic(u64::MAX - 1)).is_empty());
    }
}
