//! The loader section: the libraries that are loaded at run time, and the path to search for them.

use crate::inspect::go::Region;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum length in bytes of all library names together.
const IMPORTS_LIMIT: u64 = 1 << 20;

/// The libraries and the search path.
pub(super) type Imports = (Vec<Vec<u8>>, Vec<Vec<u8>>);

/// Reads the import file ids of the loader section: paths, base names and members, each with its
/// NUL. The first path is the search path.
pub(super) fn imports(source: &dyn Source, loader: Region, wide: bool) -> Option<Imports> {
    // LDHDR: l_version, l_nsyms, l_nreloc, l_istlen, l_nimpid, l_impoff (in the 64-bit form,
    // l_impoff has 8 bytes and follows l_stlen).
    let header = source.piece(loader.offset, 32, 32).ok()?;
    let word = |at: usize| {
        let bytes = header.get(at..)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes))
    };
    let (len, count) = (word(12)?, word(16)?);
    let offset = if wide {
        u64::from(word(24)?) << 32 | u64::from(word(28)?)
    } else {
        word(20)?.into()
    };
    let at = loader.offset.checked_add(offset)?;
    let bytes = read::prefix(source, at, len.into(), IMPORTS_LIMIT)?;
    let mut strings = bytes.split(|&byte| byte == 0);
    let mut imports = Imports::default();
    for index in 0..count {
        let (Some(path), Some(base), Some(member)) =
            (strings.next(), strings.next(), strings.next())
        else {
            break;
        };
        if index == 0 {
            let search = path.split(|&byte| byte == b':').map(<[u8]>::to_vec);
            imports.1 = search.filter(|_| !path.is_empty()).collect();
        } else if !base.is_empty() {
            imports.0.push(library(path, base, member));
        }
    }
    Some(imports)
}

/// Formats a library as AIX's `dump -H` and `ldd` do: `libc.a(shr_64.o)`.
fn library(path: &[u8], base: &[u8], member: &[u8]) -> Vec<u8> {
    let mut name = path.to_vec();
    if !path.is_empty() {
        name.push(b'/');
    }
    name.extend(base);
    if !member.is_empty() {
        name.push(b'(');
        name.extend(member);
        name.push(b')');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_members() {
        assert_eq!(library(b"", b"libc.a", b"shr_64.o"), b"libc.a(shr_64.o)");
        assert_eq!(library(b"/opt/lib", b"x.so", b""), b"/opt/lib/x.so");
    }
}
