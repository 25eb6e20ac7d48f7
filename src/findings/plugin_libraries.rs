//! The libraries of an image that matter when a plugin is loaded: the C library, and libraries that
//! define symbol versions.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::rc::Rc;

use crate::inspect::{BinaryKind, Format, Libc};
use crate::launch::image::{File, Image, Machine};
use crate::launch::loader::usual_path;
use crate::layer::printable;

/// The maximum number of plugins whose symbols are compared with those of the image's C library.
const COMPARED: usize = 256;

/// The maximum number of symbols of a plugin that are looked up, and of missing symbols that are
/// listed.
const SYMBOLS: usize = 1 << 14;
const SHOWN: usize = 6;

/// Libraries of glibc that musl does not provide itself. The loader `ld-linux*` is another.
const NOT_IN_MUSL: [&[u8]; 5] = [
    b"libresolv.so.2",
    b"libanl.so.1",
    b"libnsl.so.1",
    b"libcrypt.so.1",
    b"libmvec.so.1",
];

/// The maximum number of libraries of one name whose defined versions are compared.
const SAME_NAME: usize = 16;

/// The image's own libraries, by the names that plugins need.
pub(super) struct Libraries<'a> {
    image: &'a Image<'a>,
    /// The libraries by soname and by file name.
    by_name: HashMap<&'a [u8], Vec<Library<'a>>>,
    /// The number of plugins whose symbols may still be compared.
    compared: Cell<usize>,
}

/// A library and the symbol versions that it defines.
struct Library<'a> {
    file: &'a File,
    defined: Rc<HashSet<&'a [u8]>>,
}

impl<'a> Libraries<'a> {
    /// Collects the libraries that define symbol versions, and the C libraries. Libraries for which
    /// `is_apart` returns true are left out.
    pub(super) fn new(image: &'a Image<'a>, is_apart: &mut impl FnMut(&File) -> bool) -> Self {
        let mut libraries = Self {
            image,
            by_name: HashMap::new(),
            compared: Cell::new(COMPARED),
        };
        for file in &image.files {
            if file.binary.kind != BinaryKind::SharedLibrary || file.binary.format != Format::Elf {
                continue;
            }
            let name = file.name();
            if name != b"libc.so.6" && file.binary.versions_defined.is_empty() {
                continue;
            }
            if is_apart(file) {
                continue;
            }
            let soname = file.binary.soname.as_deref();
            let defined = file.binary.versions_defined.iter();
            let defined = Rc::new(defined.map(Vec::as_slice).collect::<HashSet<_>>());
            for name in [Some(name), soname.filter(|&soname| soname != name)]
                .into_iter()
                .flatten()
            {
                let defined = Rc::clone(&defined);
                let named = libraries.by_name.entry(name).or_default();
                named.push(Library { file, defined });
            }
        }
        libraries
    }

    /// Returns the libraries with a name for a machine.
    fn named(&self, machine: &Machine, name: &[u8]) -> impl Iterator<Item = &Library<'a>> {
        let all = self.by_name.get(name).into_iter().flatten();
        all.filter(move |library| library.file.machine().as_ref() == Some(machine))
    }

    /// Returns the C library that a plugin is built for, and the one that the image has for the
    /// plugin's machine. `None` if either is unknown, or if the image has both C libraries.
    pub(super) fn libcs(&self, machine: &Machine, libc: Option<Libc>) -> Option<(Libc, Libc)> {
        let wants = libc.filter(|libc| matches!(libc, Libc::Glibc | Libc::Musl))?;
        let glibc = self.named(machine, b"libc.so.6").next().is_some();
        let musl = self.image.regular(&usual_path(machine, true)).is_some();
        match (glibc, musl) {
            (true, false) => Some((wants, Libc::Glibc)),
            (false, true) => Some((wants, Libc::Musl)),
            _ => None,
        }
    }

    /// Returns the end of a sentence saying what a plugin for glibc needs and musl lacks. `None` if the
    /// plugin loads: musl provides `libc.so.6` and most other libraries of glibc itself, and ignores
    /// symbol versions (`load_library`, ldso/dynlink.c).
    pub(super) fn lacking_in_musl(
        &self,
        machine: &Machine,
        file: &File,
    ) -> io::Result<Option<String>> {
        let Some(left) = self.compared.get().checked_sub(1) else {
            return Ok(Some(String::new()));
        };
        self.compared.set(left);
        let absent = file.binary.needed.iter().find(|name| {
            let own = name.starts_with(b"ld-linux") || NOT_IN_MUSL.contains(&name.as_slice());
            own && self.named(machine, name).next().is_none()
        });
        if let Some(name) = absent {
            return Ok(Some(format!("; {} is not in the image", printable(name))));
        }
        let Some(musl) = self.image.regular(&usual_path(machine, true)) else {
            return Ok(Some(String::new()));
        };
        let symbols = self.image.evidence.symbols(file.node)?;
        let (Some(symbols), Some(musl)) = (symbols, self.image.evidence.symbols(musl)?) else {
            return Ok(Some(String::new()));
        };
        let of_libc = |version: &Option<Vec<u8>>| {
            version
                .as_ref()
                .is_some_and(|version| version.starts_with(b"GLIBC_"))
        };
        let wanted = symbols.undefined.iter();
        let wanted = wanted.filter(|symbol| !symbol.weak && of_libc(&symbol.version));
        let missing = wanted
            .take(SYMBOLS)
            .filter(|symbol| !musl.defines_by_name(&symbol.name));
        let missing: Vec<String> = missing.map(|symbol| printable(&symbol.name)).collect();
        Ok(match missing.as_slice() {
            [] => None,
            few if few.len() <= SHOWN => Some(format!(", which lacks {}", few.join(", "))),
            many => {
                let shown = many.get(..SHOWN).unwrap_or_default().join(", ");
                let more = many.len() - SHOWN;
                Some(format!(", which lacks {shown} and {more} more symbols"))
            }
        })
    }

    /// Returns the first library with a version that a file needs and that no library of that name
    /// defines.
    pub(super) fn lacking(&self, machine: &Machine, file: &File) -> Option<(Box<[u8]>, Vec<u8>)> {
        file.binary.versions_needed.iter().find_map(|needed| {
            let mut lacks = None;
            for (number, library) in self.named(machine, &needed.library).enumerate() {
                // The last version is the highest.
                let mut strong = needed.strong.iter().rev();
                let missing = strong.find(|version| !library.defined.contains(version.as_slice()));
                // A library without versions satisfies every request (glibc, elf/dl-version.c).
                let missing = missing.filter(|_| !library.defined.is_empty())?;
                // With so many libraries of one name, one of them probably defines it.
                if number == SAME_NAME {
                    return None;
                }
                lacks.get_or_insert((library.file.path.clone(), missing.clone()));
            }
            lacks
        })
    }
}
