//! [`Binary`]: the facts of one executable file.
//!
//! Every field is a fact that follows from the file's own bytes. Facts that depend on the rest of
//! the image (whether the interpreter exists, whether the libraries resolve) are determined
//! elsewhere. `None` means that the fact does not apply to the file. If it applies but cannot be
//! determined, the value is `unknown`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::runtime::{Contradiction, ExecError};
use super::variants;

/// The facts of one executable, library, object, archive or script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binary {
    /// The container format.
    pub format: Format,
    /// The kind of file within the format.
    pub kind: BinaryKind,
    /// Operating system as a GOOS name, and the source of the fact. `None` for scripts.
    pub os: Option<Sourced<String>>,
    /// Architecture as a GOARCH name, or its usual name where Go has none.
    pub arch: Option<Sourced<String>>,
    /// The platforms of a universal binary's slices or an archive's members, in file order and
    /// without duplicates. Empty for formats with a single platform. All other facts are those of
    /// the first slice.
    pub slices: Vec<Slice>,
    /// Variants of the architecture, such as GOARM: the name of Go's variable and its value.
    #[serde(with = "variants")]
    pub variants: Vec<(&'static str, String)>,
    /// Word size in bits.
    pub bits: Option<u8>,
    /// Byte order.
    pub endian: Option<Endian>,
    /// How it is linked. `None` for files that cannot be started or loaded (objects, scripts).
    pub linkage: Option<Linkage>,
    /// The C library it was built against.
    pub libc: Option<Libc>,
    /// The highest symbol version of the C library that it requires: `GLIBC_2.34`.
    pub libc_required: Option<String>,
    /// PT_INTERP, LC_LOAD_DYLINKER, or the interpreter of a script, as written.
    pub interpreter: Option<Vec<u8>>,
    /// The single argument after the interpreter in a `#!` line.
    pub interpreter_argument: Option<Vec<u8>>,
    /// DT_NEEDED, LC_LOAD_DYLIB, or the imported DLLs, in order.
    pub needed: Vec<Vec<u8>>,
    /// DT_RPATH, split at colons; LC_RPATH.
    pub rpath: Vec<Vec<u8>>,
    /// DT_RUNPATH, split at colons; LIBPATH of XCOFF.
    pub runpath: Vec<Vec<u8>>,
    /// DT_SONAME; LC_ID_DYLIB.
    pub soname: Option<Vec<u8>>,
    /// DT_VERNEED: the symbol versions that it requires of each library.
    pub versions_needed: Vec<VersionsNeeded>,
    /// DT_VERDEF: the symbol versions that it defines, except the one that names the file itself.
    pub versions_defined: Vec<Vec<u8>>,
    /// Whether the symbol table has been removed.
    pub stripped: Option<bool>,
    /// Position-independent executable: ET_DYN, DYNAMICBASE, MH_PIE.
    pub pie: Option<bool>,
    /// How much of the relocation data is read-only after start.
    pub relro: Option<Relro>,
    /// Whether the stack is not executable.
    pub nx: Option<bool>,
    /// Whether functions check a stack canary.
    pub canary: Option<bool>,
    /// Whether it calls the checked variants of functions (`-D_FORTIFY_SOURCE`).
    pub fortify: Option<bool>,
    /// The id that debuggers use, in hex: the GNU build id, LC_UUID, or the GUID of the PDB.
    pub build_id: Option<String>,
    /// Whether it is packed (UPX): its contents are visible only at run time.
    pub packed: bool,
    /// Go's build information.
    pub go: Option<GoBuild>,
    /// Whether the loader binds all symbols when it starts the program or loads the library, so
    /// that a missing one is fatal at once (DT_BIND_NOW, DF_BIND_NOW, DF_1_NOW; glibc's
    /// `elf_get_dynamic_info`). `None` except for ELF executables and libraries with a dynamic
    /// section.
    pub bind_now: Option<bool>,
    /// Whether the loader skips `ld.so.cache` and its default directories when it searches for the
    /// libraries of this file (DF_1_NODEFLIB; glibc's `_dl_map_object`).
    pub no_default_lib: bool,
    /// The result of execve(2) if the kernel cannot start this ELF file in any environment. `None`
    /// if it can, and for other formats.
    pub exec_error: Option<ExecError>,
    /// DT_AUXILIARY: libraries that glibc loads before this one if they exist.
    pub auxiliary: Vec<Vec<u8>>,
    /// DT_FILTER: libraries that glibc loads before this one. A missing one is an error.
    pub filter: Vec<Vec<u8>>,
    /// DT_AUDIT and DT_DEPAUDIT, split at colons: libraries that glibc loads to observe the dynamic
    /// loader.
    pub audit: Vec<Vec<u8>>,
    /// Contradictions between the headers of an ELF file.
    pub contradictions: Vec<Contradiction>,
    /// The length in bytes that an ELF file needs to contain its PT_LOAD segments, if it is
    /// shorter.
    pub cut_short: Option<u64>,
}

impl Binary {
    /// The approximate memory use in bytes.
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

/// The symbol versions that a file requires of one library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionsNeeded {
    /// The name of the library at link time.
    pub library: Vec<u8>,
    /// Versions without which the loader refuses the file.
    pub strong: Vec<Vec<u8>>,
    /// Versions that may be missing (VER_FLG_WEAK).
    pub weak: Vec<Vec<u8>>,
}

/// A dynamic symbol that a file requires from other files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undefined {
    /// Its name.
    pub name: Vec<u8>,
    /// The required version, if the reference has one.
    pub version: Option<Vec<u8>>,
    /// Whether the symbol may be missing (STB_WEAK).
    pub weak: bool,
    /// The position of its first relocation among those that are applied at load time and refer to a
    /// symbol. `None` if none refers to this symbol.
    pub data: Option<u32>,
    /// Like `data`, for the relocations of function calls (DT_JMPREL), which glibc applies at the first
    /// call unless the file is bound at start.
    pub call: Option<u32>,
}

/// The dynamic symbols of an ELF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// The undefined symbols, in the order of the table.
    pub undefined: Vec<Undefined>,
    /// The library data that a program keeps a copy of (R_X86_64_COPY and its equivalents). The program
    /// defines these symbols itself, and does not start if no library defines them.
    pub copied: Vec<Undefined>,
    /// The defined symbols: for each name the version index of each definition (DT_VERSYM; 1 if there
    /// is none).
    pub defined: HashMap<Vec<u8>, Vec<u16>>,
    /// The names of the versions that it defines, by index (DT_VERDEF).
    pub versions: HashMap<u16, Vec<u8>>,
    /// Whether it has DT_VERSYM.
    pub versioned: bool,
    /// Whether all its symbols are bound at load time (DT_BIND_NOW, DF_BIND_NOW, DF_1_NOW).
    pub bind_now: bool,
}

impl Symbols {
    /// Whether glibc resolves a reference with this name and version to a definition in this file
    /// (`check_match` in glibc's `elf/dl-lookup.c`).
    pub fn defines(&self, name: &[u8], version: Option<&[u8]>) -> bool {
        let Some(indices) = self.defined.get(name) else {
            return false;
        };
        indices.iter().any(|&raw| {
            let (index, hidden) = (raw & 0x7fff, raw & 0x8000 != 0);
            match version {
                _ if !self.versioned => true,
                // References without a version match the first version that a library defines.
                None => index < 3 || !hidden,
                Some(version) => match self.versions.get(&index) {
                    Some(own) => own == version,
                    None => !hidden,
                },
            }
        })
    }

    /// Whether musl resolves a reference with this name to a definition in this file. musl ignores
    /// versions, but skips hidden definitions (`gnu_lookup` in musl's `ldso/dynlink.c`).
    pub fn defines_by_name(&self, name: &[u8]) -> bool {
        let indices = self.defined.get(name);
        indices.is_some_and(|indices| indices.iter().any(|raw| raw & 0x8000 == 0))
    }

    /// The approximate memory use in bytes.
    pub fn footprint(&self) -> usize {
        let undefined = self.undefined.iter();
        let undefined = undefined.map(|symbol| size_of::<Undefined>() + symbol.name.len());
        let defined = self.defined.keys().map(|name| 64 + name.len());
        undefined.chain(defined).sum::<usize>() + size_of::<Self>()
    }
}

/// One of several platforms in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Operating system, as a GOOS name.
    pub os: Option<String>,
    /// Architecture, as a GOARCH name or its usual name.
    pub arch: Option<String>,
    /// Variants of the architecture, as in [`Binary`].
    #[serde(with = "variants")]
    pub variants: Vec<(&'static str, String)>,
}

/// A fact and its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced<T> {
    /// The fact.
    pub value: T,
    /// The part of the file that the fact comes from.
    pub source: FactSource,
}

/// The source of a fact. The header is authoritative for the architecture; build info is only a
/// claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FactSource {
    /// The file header or the program headers, including the path of the loader.
    Header,
    /// An ELF note.
    Note,
    /// EI_OSABI of the ELF header.
    OsAbi,
    /// Go's build information.
    BuildInfo,
    /// No part of the file. It is the value that such files nearly always have.
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
    /// XCOFF: AIX.
    Xcoff,
    /// Plan 9's `a.out`.
    Plan9,
    /// A package written by Go's compiler.
    GoArchive,
    /// An archive of object files for a linker, thin or not.
    Ar,
    /// A text file that names its interpreter after `#!`.
    Script,
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BinaryKind {
    /// Can be started.
    #[default]
    Executable,
    /// Is loaded by another file.
    SharedLibrary,
    /// Input for a linker.
    Object,
    /// An archive of object files.
    Archive,
    /// A kernel module.
    KernelModule,
    /// A core dump.
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
    /// Needs no other file, and is loaded at a fixed address.
    Static,
    /// Needs no other file, and relocates itself.
    StaticPie,
    /// Needs a loader and libraries.
    Dynamic,
    /// Names a loader but no library. It still does not start without the loader.
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
    /// The C library of Solaris and illumos.
    Solaris,
    /// The Universal C Runtime of Windows.
    Ucrt,
    /// The older C libraries of Windows: `msvcrt.dll`, `msvcr120.dll`.
    Msvcrt,
    /// The C library of macOS and its relatives.
    LibSystem,
    /// No C library, as in most Go programs.
    None,
    /// There is a C library, but it is not known which.
    Unknown,
}

/// RELRO, as defined by `checksec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relro {
    /// PT_GNU_RELRO, and all symbols are bound at start.
    Full,
    /// PT_GNU_RELRO only.
    Partial,
    /// Neither.
    No,
}

/// Go's build information (`debug/buildinfo`), and the facts that imgfs derives from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoBuild {
    /// The version of the toolchain: `go1.22.1`.
    pub version: String,
    /// The import path of the main package.
    pub path: Option<String>,
    /// The path of the main module.
    pub module: Option<String>,
    /// The version of the main module.
    pub module_version: Option<String>,
    /// The `build` lines, in file order, unquoted.
    pub settings: Vec<(String, String)>,
    /// The variables that were set at link time (`-ldflags "-X main.version=1.2"`):
    /// `(main.version, 1.2)`. Read from the recorded flags or, if those are not recorded, from the
    /// symbols.
    pub injected: Vec<(String, String)>,
}

impl GoBuild {
    /// Returns the value of a `build` line.
    pub fn setting(&self, key: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    }
}
