//! [`Facts`]: what the bytes of an executable say about it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::path::path;
use crate::inspect::{Binary, BinaryKind, Format, Libc, Linkage};
use crate::view::{Fact, Value};

/// What the bytes of an executable, library, object file, archive or script say about it.
///
/// The methods return the most used facts with their types. All facts are available under the keys of a
/// sidecar: see [`get`](Self::get). Facts that depend on other files of an image (`VERDICT`,
/// `INTERPRETER_STATUS`, `MISSING`) are not among them: see
/// [`Entry::findings`](super::Entry::findings).
///
/// `None` means that a fact does not apply to the file.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// use imgfs::{Format, Linkage};
///
/// let facts = image.entry("/usr/bin/app")?.facts()?.expect("an executable");
/// assert_eq!((facts.os(), facts.architecture()), (Some("linux"), Some("arm64")));
/// assert_eq!(facts.format(), Format::Elf);
/// assert_eq!(facts.linkage(), Some(Linkage::Static));
/// for (key, value) in facts.iter() {
///     println!("{key}={}", String::from_utf8_lossy(&value.escaped()));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    binary: Binary,
    list: Vec<Fact>,
}

impl Facts {
    pub(super) fn of(binary: Binary, list: Vec<Fact>) -> Self {
        Self { binary, list }
    }

    /// The container format.
    pub fn format(&self) -> Format {
        self.binary.format
    }

    /// The kind of file within the format.
    pub fn kind(&self) -> BinaryKind {
        self.binary.kind
    }

    /// The operating system that it is for, a GOOS name. `None` for scripts. For a file with several
    /// platforms, that of the first; [`get`](Self::get) has them all.
    pub fn os(&self) -> Option<&str> {
        let slice = self.binary.slices.first();
        match slice {
            Some(slice) => slice.os.as_deref(),
            None => self.binary.os.as_ref().map(|os| os.value.as_str()),
        }
    }

    /// The architecture that it is for: a GOARCH name, or the usual name if Go has none. `None` for
    /// scripts. For a file with several platforms, that of the first; [`get`](Self::get) has them all.
    pub fn architecture(&self) -> Option<&str> {
        let slice = self.binary.slices.first();
        match slice {
            Some(slice) => slice.arch.as_deref(),
            None => self.binary.arch.as_ref().map(|arch| arch.value.as_str()),
        }
    }

    /// The word size in bits.
    pub fn bits(&self) -> Option<u8> {
        self.binary.bits
    }

    /// How it is linked.
    pub fn linkage(&self) -> Option<Linkage> {
        self.binary.linkage
    }

    /// The C library that it was built against.
    pub fn libc(&self) -> Option<Libc> {
        self.binary.libc
    }

    /// The highest version of the C library that it requires, such as `GLIBC_2.34`.
    pub fn libc_required(&self) -> Option<&str> {
        self.binary.libc_required.as_deref()
    }

    /// The loader that it names, or the interpreter of a script.
    pub fn interpreter(&self) -> Option<&Path> {
        self.binary.interpreter.as_deref().map(path)
    }

    /// The libraries that it names, in order.
    pub fn needed(&self) -> impl Iterator<Item = &OsStr> {
        self.binary
            .needed
            .iter()
            .map(|name| OsStr::from_bytes(name))
    }

    /// The name that a library has for programs that are linked with it.
    pub fn soname(&self) -> Option<&OsStr> {
        self.binary.soname.as_deref().map(OsStr::from_bytes)
    }

    /// Whether its symbol table has been removed.
    pub fn is_stripped(&self) -> Option<bool> {
        self.binary.stripped
    }

    /// Whether it is a position-independent executable.
    pub fn is_pie(&self) -> Option<bool> {
        self.binary.pie
    }

    /// The id by which debuggers find its symbols, in hexadecimal.
    pub fn build_id(&self) -> Option<&str> {
        self.binary.build_id.as_deref()
    }

    /// The version of the Go toolchain that built it, such as `go1.22.1`.
    pub fn go_version(&self) -> Option<&str> {
        let go = self.binary.go.as_ref()?;
        Some(go.version.as_str()).filter(|version| !version.is_empty())
    }

    /// The path of the Go module that it was built from.
    pub fn go_module(&self) -> Option<&str> {
        self.binary.go.as_ref()?.module.as_deref()
    }

    /// Returns the value of a key, as in a sidecar: `GOARCH`, `NEEDED`, `VCS_REVISION`. The README lists
    /// the keys.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
    /// # let _dir = doc::enter();
    /// # fn main() -> imgfs::Result<()> {
    /// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
    /// use imgfs::FactValue;
    ///
    /// let facts = image.entry("/usr/bin/app")?.facts()?.expect("an executable");
    /// let platform = facts.get("PLATFORM");
    /// assert_eq!(platform, Some(&FactValue::One(b"linux/arm64".to_vec())));
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, key: &str) -> Option<&Value> {
        let fact = self.list.iter().find(|fact| fact.key == key);
        fact.map(|fact| &fact.value)
    }

    /// Returns all keys that apply, with their values, in the order of a sidecar.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.list.iter().map(|fact| (fact.key, &fact.value))
    }
}
