//! The symbol versions that a file asks for (`Elf32_Verneed`, LSB core, section 10.7), and the highest
//! of the C library among them.

use std::collections::BTreeSet;

use object::elf::{VER_FLG_WEAK, Vernaux, Verneed};
use object::endian::Endianness;

use super::dynamic::Dynamic;
use super::header::Layout;
use crate::inspect::read;
use crate::inspect::source::Source;

/// A file that needs more versions than this, over all libraries, is not what it seems.
const LIMIT: usize = 4096;

/// The highest `GLIBC_x.y` that a file cannot start without.
///
/// Versions that only weak references carry do not count: the loader lets them be missing. Nor do
/// `GLIBC_PRIVATE` and `GLIBC_ABI_DT_RELR`, which are not numbers.
pub(super) fn highest_glibc(
    source: &dyn Source,
    layout: Layout,
    dynamic: &Dynamic,
) -> Option<String> {
    let mut highest: Option<(Vec<u32>, Vec<u8>)> = None;
    // Each library has its own entry for the same version, with the same name.
    let needed = needed(source, layout, dynamic);
    let names: BTreeSet<u32> = needed.iter().filter(|n| !n.1).map(|n| n.0).collect();
    for index in names {
        let Some(name) = dynamic.string(source, index) else {
            continue;
        };
        if let Some(version) = number(&name)
            && highest.as_ref().is_none_or(|(known, _)| version > *known)
        {
            highest = Some((version, name));
        }
    }
    String::from_utf8(highest?.1).ok()
}

/// Every version that is asked for: where its name is in the string table, and whether it is weak.
fn needed(source: &dyn Source, layout: Layout, dynamic: &Dynamic) -> Vec<(u32, bool)> {
    let mut versions = Vec::new();
    let Some((mut file_at, files)) = dynamic.verneed else {
        return versions;
    };
    let endian = layout.endian;
    let mut left = LIMIT;
    for _ in 0..files.min(LIMIT as u64) {
        let Some(file) = read::record::<Verneed<Endianness>>(source, file_at) else {
            break;
        };
        let mut at = file_at.checked_add(file.vn_aux.get(endian).into());
        for _ in 0..file.vn_cnt.get(endian) {
            left = left.saturating_sub(1);
            let aux = at.and_then(|at| read::record::<Vernaux<Endianness>>(source, at));
            let Some(aux) = aux.filter(|_| left > 0) else {
                break;
            };
            let weak = aux.vna_flags.get(endian).0 & VER_FLG_WEAK.0 != 0;
            versions.push((aux.vna_name.get(endian), weak));
            match aux.vna_next.get(endian) {
                0 => break,
                next => at = at.and_then(|at| at.checked_add(next.into())),
            }
        }
        let next = file.vn_next.get(endian);
        match file_at.checked_add(next.into()) {
            Some(at) if next != 0 && left > 0 => file_at = at,
            _ => break,
        }
    }
    versions
}

/// `GLIBC_2.2.5` as its numbers, which compare as versions do: 2.4 < 2.34.
fn number(name: &[u8]) -> Option<Vec<u32>> {
    let digits = std::str::from_utf8(name.strip_prefix(b"GLIBC_")?).ok()?;
    digits.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Strings at 0, then one Verneed for a library with three versions, as GNU ld lays them out.
    #[test]
    fn the_highest_that_is_not_weak() {
        let mut file = b"\0libc.so.6\0GLIBC_2.9\0GLIBC_2.38\0GLIBC_2.17\0".to_vec();
        let strings = (0, file.len() as u64);
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
        let mut dynamic = Dynamic {
            strings: Some(strings),
            verneed: Some((verneed, 1)),
            ..Dynamic::default()
        };
        assert_eq!(
            highest_glibc(&file, layout, &dynamic).as_deref(),
            Some("GLIBC_2.17")
        );
        // A count that lies is stopped by vn_next, and a table past the end by the end.
        dynamic.verneed = Some((verneed, u64::MAX));
        assert_eq!(
            highest_glibc(&file, layout, &dynamic).as_deref(),
            Some("GLIBC_2.17")
        );
        dynamic.verneed = Some((u64::MAX - 3, 1));
        assert_eq!(highest_glibc(&file, layout, &dynamic), None);
    }
}
