//! [`Binary`]: what one executable file says of itself.
//!
//! Every field is a fact that the file's own bytes tell; what needs the rest of the image (does the
//! interpreter exist, do the libraries resolve) is found elsewhere. `None` means that the fact does
//! not apply to this file; where it applies but cannot be told, the value says `unknown`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::runtime::{Contradiction, ExecError};
use super::variants;

/// The facts of one executable, library, object, archive or script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binary {
    /// The container format.
    pub format: Format,
    /// What kind of file it is within the format.
    pub kind: Kind,
    /// Operating system, in Go's names, and where the fact comes from. `None` for scripts.
    pub os: Option<Sourced<String>>,
    /// Machine, in Go's names, or the common one where Go has none.
    pub arch: Option<Sourced<String>>,
    /// What else it holds: the platforms of a universal binary's slices, or of an archive's members,
    /// in the order of the file and each once. Empty unless there can be several. All other facts
    /// are those of the first slice.
    pub slices: Vec<Slice>,
    /// Variant of the machine, such as GOARM: the name of Go's variable and its value.
    #[serde(deserialize_with = "variants::deserialize")]
    pub variants: Vec<(&'static str, String)>,
    /// Word size in bits.
    pub bits: Option<u8>,
    /// Byte order.
    pub endian: Option<Endian>,
    /// How it is linked. `None` for what cannot be started or loaded (objects, scripts).
    pub linkage: Option<Linkage>,
    /// The C library it was built against.
    pub libc: Option<Libc>,
    /// The highest version of the C library's symbols that it asks for: `GLIBC_2.34`.
    pub libc_required: Option<String>,
    /// PT_INTERP, LC_LOAD_DYLINKER, or the interpreter of a script, as written.
    pub interpreter: Option<Vec<u8>>,
    /// The one argument that `#!` may give its interpreter.
    pub interpreter_argument: Option<Vec<u8>>,
    /// DT_NEEDED, LC_LOAD_DYLIB, the imported DLLs: in order.
    pub needed: Vec<Vec<u8>>,
    /// DT_RPATH, split at colons; LC_RPATH.
    pub rpath: Vec<Vec<u8>>,
    /// DT_RUNPATH, split at colons; LIBPATH of XCOFF.
    pub runpath: Vec<Vec<u8>>,
    /// DT_SONAME; LC_ID_DYLIB.
    pub soname: Option<Vec<u8>>,
    /// DT_VERNEED: the symbol versions that it asks of each library.
    pub versions_needed: Vec<VersionsNeeded>,
    /// DT_VERDEF: the symbol versions that it defines, without the one that is its own name.
    pub versions_defined: Vec<Vec<u8>>,
    /// Whether the symbol table is gone.
    pub stripped: Option<bool>,
    /// Position independent executable: ET_DYN, DYNAMICBASE, MH_PIE.
    pub pie: Option<bool>,
    /// How much of the relocation data is read-only after start.
    pub relro: Option<Relro>,
    /// Whether the stack is not executable.
    pub nx: Option<bool>,
    /// Whether functions check a stack canary.
    pub canary: Option<bool>,
    /// Whether it calls checked variants of functions (`-D_FORTIFY_SOURCE`).
    pub fortify: Option<bool>,
    /// What debuggers know it by, in hex: the GNU build id, LC_UUID, the GUID of its PDB.
    pub build_id: Option<String>,
    /// Packed (UPX): what is in it shows only when it runs.
    pub packed: bool,
    /// Go's build information.
    pub go: Option<GoBuild>,
    /// Whether the loader binds all symbols when it starts the program or loads the library, so that a
    /// missing one is fatal at once (DT_BIND_NOW, DF_BIND_NOW, DF_1_NOW; glibc's
    /// `elf_get_dynamic_info`). `None` for all but ELF executables and libraries with a dynamic section.
    pub bind_now: Option<bool>,
    /// Whether the loader leaves out `ld.so.cache` and its default directories when it looks for the
    /// libraries of this file (DF_1_NODEFLIB; glibc's `_dl_map_object`).
    pub no_default_lib: bool,
    /// What execve(2) answers if the kernel cannot start this ELF file, whatever is around it. `None` if
    /// it can, and for other formats.
    pub exec_error: Option<ExecError>,
    /// DT_AUXILIARY: libraries that glibc loads before this one if they are there.
    pub auxiliary: Vec<Vec<u8>>,
    /// DT_FILTER: libraries that glibc loads before this one, and cannot do without.
    pub filter: Vec<Vec<u8>>,
    /// DT_AUDIT and DT_DEPAUDIT, split at colons: libraries that glibc loads into an executable to
    /// watch its loader.
    pub audit: Vec<Vec<u8>>,
    /// Where the headers of an ELF file tell one reader something else than another.
    pub contradictions: Vec<Contradiction>,
    /// How many bytes an ELF file must have to hold its PT_LOAD segments, if it has fewer.
    pub cut_short: Option<u64>,
}

impl Binary {
    /// About how much memory it takes, in bytes.
    pub fn footprint(&self) -> usize {
        let lists = [
            &self.needed,
            &self.rpath,
            &self.runpath,
            &self.versions_defined,
            &self.auxiliary,
            &self.filter,
            &self.audit,
        ];
        let asked = self
            .versions_needed
            .iter()
            .flat_map(|v| v.strong.iter().chain(&v.weak));
        let contradicted = self.contradictions.iter().flat_map(Contradiction::names);
        let names = lists.into_iter().flatten().chain(asked).chain(contradicted);
        let names: usize = names.map(|name| size_of::<Vec<u8>>() + name.len()).sum();
        let settings = self
            .go
            .iter()
            .flat_map(|go| go.settings.iter().chain(&go.injected));
        let settings: usize = settings
            .map(|(k, v)| 2 * size_of::<String>() + k.len() + v.len())
            .sum();
        size_of::<Self>()
            + names
            + settings
            + self.slices.len() * size_of::<Slice>()
            + self.contradictions.len() * size_of::<Contradiction>()
    }
}

/// The symbol versions that a file asks of one library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionsNeeded {
    /// The library, by the name that it was linked by.
    pub library: Vec<u8>,
    /// Those without which the loader refuses the file.
    pub strong: Vec<Vec<u8>>,
    /// Those that may be missing (VER_FLG_WEAK).
    pub weak: Vec<Vec<u8>>,
}

/// A dynamic symbol that a file wants from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undefined {
    /// Its name.
    pub name: Vec<u8>,
    /// The version of it, if it names one.
    pub version: Option<Vec<u8>>,
    /// Whether it may be missing (STB_WEAK).
    pub weak: bool,
    /// Its place among the relocations that are applied when the file is loaded; `None` if none of them
    /// needs it.
    pub data: Option<u32>,
    /// Its place among the relocations of function calls (DT_JMPREL), which glibc applies at the first
    /// call unless the file is bound at start; `None` if none of them needs it.
    pub call: Option<u32>,
}

/// The dynamic symbols of an ELF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// What it wants from others, in the order of the table.
    pub undefined: Vec<Undefined>,
    /// What it defines for others: for each name the version index of each definition (DT_VERSYM; 1
    /// where there is none).
    pub defined: HashMap<Vec<u8>, Vec<u16>>,
    /// The names of the versions that it defines, by their index (DT_VERDEF).
    pub versions: HashMap<u16, Vec<u8>>,
    /// Whether it has DT_VERSYM.
    pub versioned: bool,
    /// Whether all its symbols are bound when it is loaded (DT_BIND_NOW, DF_BIND_NOW, DF_1_NOW).
    pub bind_now: bool,
}

impl Symbols {
    /// Whether glibc takes one of its definitions for a reference of that name and version (glibc,
    /// `check_match` in `elf/dl-lookup.c`).
    pub fn defines(&self, name: &[u8], version: Option<&[u8]>) -> bool {
        let Some(indices) = self.defined.get(name) else {
            return false;
        };
        indices.iter().any(|&raw| {
            let (index, hidden) = (raw & 0x7fff, raw & 0x8000 != 0);
            match version {
                _ if !self.versioned => true,
                // The first version that a library defines counts for references without one.
                None => index < 3 || !hidden,
                Some(version) => match self.versions.get(&index) {
                    Some(own) => own == version,
                    None => !hidden,
                },
            }
        })
    }

    /// Whether musl takes one of its definitions for a reference of that name. musl knows no versions,
    /// but passes over hidden definitions (musl, `gnu_lookup` in `ldso/dynlink.c`).
    pub fn defines_by_name(&self, name: &[u8]) -> bool {
        let indices = self.defined.get(name);
        indices.is_some_and(|indices| indices.iter().any(|raw| raw & 0x8000 == 0))
    }

    /// About how much memory it takes, in bytes.
    pub fn footprint(&self) -> usize {
        let undefined = self.undefined.iter();
        let undefined = undefined.map(|symbol| size_of::<Undefined>() + symbol.name.len());
        let defined = self.defined.keys().map(|name| 64 + name.len());
        undefined.chain(defined).sum::<usize>() + size_of::<Self>()
    }
}

/// One platform of several in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Operating system.
    pub os: Option<String>,
    /// Machine.
    pub arch: Option<String>,
    /// Variant of the machine, as in [`Binary`].
    #[serde(deserialize_with = "variants::deserialize")]
    pub variants: Vec<(&'static str, String)>,
}

/// A fact and where in the file it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced<T> {
    /// The fact.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

/// Where a fact comes from. The header is the truth about the machine; build info is a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// The file header or the program headers (the loader's path among them).
    Header,
    /// An ELF note.
    Note,
    /// EI_OSABI of the ELF header.
    OsAbi,
    /// Go's build information.
    BuildInfo,
    /// Nothing says so; it is what such a file nearly always is.
    Assumed,
}

/// Container formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Executable and Linkable Format.
    #[default]
    Elf,
    /// Portable Executable: Windows, EFI, .NET.
    Pe,
    /// Mach-O: macOS and its relatives.
    MachO,
    /// Several Mach-O files in one.
    MachOUniversal,
    /// WebAssembly, a module or a component.
    Wasm,
    /// AIX.
    Xcoff,
    /// `a.out` of Plan 9.
    Plan9,
    /// A package that Go's compiler wrote.
    GoArchive,
    /// An archive of objects for a linker, thin or not.
    Ar,
    /// A text file that names its interpreter after `#!`.
    Script,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Can be started.
    #[default]
    Executable,
    /// Is loaded by something else.
    SharedLibrary,
    /// Input of a linker.
    Object,
    /// An archive of objects.
    Archive,
    /// A module of a kernel.
    KernelModule,
    /// The memory of a process that crashed.
    Core,
    /// A script.
    Script,
}

/// Byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// How an executable is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Linkage {
    /// Needs nothing else, loaded at a fixed address.
    Static,
    /// Needs nothing else, relocates itself.
    StaticPie,
    /// Needs a loader and libraries.
    Dynamic,
    /// Names a loader and no library: it still dies without its loader.
    InterpOnly,
}

/// C libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Libc {
    /// The GNU C library.
    Glibc,
    /// musl.
    Musl,
    /// Android's.
    Bionic,
    /// uClibc and uClibc-ng.
    Uclibc,
    /// FreeBSD's.
    FreeBsd,
    /// NetBSD's.
    NetBsd,
    /// OpenBSD's.
    OpenBsd,
    /// That of Solaris and illumos.
    Solaris,
    /// The Universal C Runtime of Windows.
    Ucrt,
    /// The older ones of Windows: `msvcrt.dll`, `msvcr120.dll`.
    Msvcrt,
    /// That of macOS and its relatives.
    LibSystem,
    /// None at all, as in most Go programs.
    None,
    /// There is one, and nothing tells which.
    Unknown,
}

/// RELRO, as `checksec` defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relro {
    /// PT_GNU_RELRO, and all symbols bound at start.
    Full,
    /// PT_GNU_RELRO alone.
    Partial,
    /// Neither.
    No,
}

/// Go's build information (`debug/buildinfo`), and what imgfs reads out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoBuild {
    /// Version of the toolchain: `go1.22.1`.
    pub version: String,
    /// Import path of the main package.
    pub path: Option<String>,
    /// Path of the main module.
    pub module: Option<String>,
    /// Version of the main module.
    pub module_version: Option<String>,
    /// `build` lines in the order they are written, unquoted.
    pub settings: Vec<(String, String)>,
    /// Variables that were given a value at link time (`-ldflags "-X main.version=1.2"`), from the
    /// recorded flags or, where those are not recorded, from the symbols: `(main.version, 1.2)`.
    pub injected: Vec<(String, String)>,
}

impl GoBuild {
    /// The value of a `build` line.
    pub fn setting(&self, key: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    }
}
