//! The libraries of an image that a plugin meets when it is loaded: its C library, and the libraries that
//! define symbol versions.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::rc::Rc;

use crate::inspect::{Format, Kind as BinaryKind, Libc};
use crate::launch::image::{File, Image, Machine};
use crate::launch::loader::usual_path;
use crate::layer::printable;

/// Of so many plugins the symbols are compared with those of the image's C library.
const COMPARED: usize = 256;

/// So many symbols of a plugin are looked for, and so many that are missing are listed.
const SYMBOLS: usize = 1 << 14;
const SHOWN: usize = 6;

/// Libraries of glibc that musl does not take for itself, beside the loader `ld-linux*`.
const NOT_IN_MUSL: [&[u8]; 5] = [
    b"libresolv.so.2",
    b"libanl.so.1",
    b"libnsl.so.1",
    b"libcrypt.so.1",
    b"libmvec.so.1",
];

/// So many libraries of one name are asked for the versions that they define.
const SAME_NAME: usize = 16;

/// The libraries of the image itself, by the names that plugins need them by.
pub(super) struct Libraries<'a> {
    image: &'a Image<'a>,
    /// By soname or file name.
    by_name: HashMap<&'a [u8], Vec<Library<'a>>>,
    /// Of so many more plugins the symbols are compared.
    compared: Cell<usize>,
}

/// A library and the symbol versions that it defines.
struct Library<'a> {
    file: &'a File,
    defined: Rc<HashSet<&'a [u8]>>,
}

impl<'a> Libraries<'a> {
    /// Those that define symbol versions, and the C libraries.
    pub fn new(image: &'a Image<'a>, is_apart: &mut impl FnMut(&File) -> bool) -> Self {
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

    /// The libraries of a name for a machine.
    fn named(&self, machine: &Machine, name: &[u8]) -> impl Iterator<Item = &Library<'a>> {
        let all = self.by_name.get(name).into_iter().flatten();
        all.filter(move |library| library.file.machine().as_ref() == Some(machine))
    }

    /// The C library that a plugin is built for, and the one that the image has for its machine. `None`
    /// if either is not known, or the image has both.
    pub fn libcs(&self, machine: &Machine, libc: Option<Libc>) -> Option<(Libc, Libc)> {
        let wants = libc.filter(|libc| matches!(libc, Libc::Glibc | Libc::Musl))?;
        let glibc = self.named(machine, b"libc.so.6").next().is_some();
        let musl = self.image.regular(&usual_path(machine, true)).is_some();
        match (glibc, musl) {
            (true, false) => Some((wants, Libc::Glibc)),
            (false, true) => Some((wants, Libc::Musl)),
            _ => None,
        }
    }

    /// What a plugin for glibc needs and musl does not have, as the end of a sentence. `None` if it loads:
    /// musl takes `libc.so.6` and most other libraries of glibc for itself, and has no symbol versions
    /// (`load_library`, ldso/dynlink.c).
    pub fn lacking_in_musl(&self, machine: &Machine, file: &File) -> io::Result<Option<String>> {
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

    /// A library and a version of it that a file needs and no library of that name defines.
    pub fn lacking(&self, machine: &Machine, file: &File) -> Option<(Box<[u8]>, Vec<u8>)> {
        file.binary.versions_needed.iter().find_map(|needed| {
            let mut lacks = None;
            for (number, library) in self.named(machine, &needed.library).enumerate() {
                // The last one is the highest.
                let mut strong = needed.strong.iter().rev();
                let missing = strong.find(|version| !library.defined.contains(version.as_slice()));
                // A library without versions satisfies all (glibc, elf/dl-version.c).
                let missing = missing.filter(|_| !library.defined.is_empty())?;
                // Among so many of one name, one may do.
                if number == SAME_NAME {
                    return None;
                }
                lacks.get_or_insert((library.file.path.clone(), missing.clone()));
            }
            lacks
        })
    }
}
