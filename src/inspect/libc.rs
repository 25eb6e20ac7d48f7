//! Determines which C library a file was built against: from the names that it requires or, if the
//! library is linked statically, from traces of it in the file.
//!
//! A dynamically linked file shows it in the path of its loader, the libraries that it needs, and
//! the versions of their symbols. A static file is recognized by the note of glibc's start files
//! and by strings that only one library contains. The strings were chosen by measurement: every
//! static executable with `printf` or `strerror` from either library contains them, none with the
//! other library does, and no Go program does. Without evidence the answer is unknown.

use memchr::memmem;

use super::binary::{BinaryKind, Libc, Linkage};
use super::read;
use super::source::Source;

/// The toolchain that made the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Toolchain {
    /// A compiler that uses the C library: for C, C++, Rust and all other languages.
    C,
    /// Go with its own linker. A static program from it contains no C, with or without cgo.
    Go,
    /// Go, possibly with cgo. Only strings in the file could show it.
    GoWithCgo,
    /// Go, linked by the linker of a C toolchain.
    GoLinkedByC,
}

/// The evidence collected from a file.
pub(super) struct Evidence<'a> {
    pub source: &'a dyn Source,
    pub kind: BinaryKind,
    pub linkage: Linkage,
    pub os: &'a str,
    pub interpreter: Option<&'a [u8]>,
    pub needed: &'a [Vec<u8>],
    pub soname: Option<&'a [u8]>,
    /// Whether it needs symbols with a version `GLIBC_…`.
    pub glibc_versions: bool,
    /// The operating system that its notes name.
    pub os_note: Option<&'static str>,
    /// Whether it has the ABI tag note of glibc's start files.
    pub gnu_linux_note: bool,
    pub toolchain: Toolchain,
    /// The ranges `(offset, end)` of its read-only data in the file.
    pub read_only: &'a [(u64, u64)],
}

/// Returns the C library of an executable or a shared library.
pub(super) fn detect(e: &Evidence<'_>) -> Libc {
    // A loader but no libraries: Go with -buildmode=pie, and programs without a libc.
    if e.linkage == Linkage::InterpOnly && !e.glibc_versions {
        return Libc::None;
    }
    let system = of_system(e.os);
    if e.linkage == Linkage::Dynamic {
        let named = system
            .or_else(|| e.interpreter.and_then(of_loader))
            .or_else(|| of_needed(e.needed, e.os_note))
            .or_else(|| e.glibc_versions.then_some(Libc::Glibc))
            .or_else(|| e.soname.and_then(of_soname));
        return named.unwrap_or(Libc::Unknown);
    }
    if e.kind == BinaryKind::SharedLibrary {
        // It needs no libraries: it is a C library itself, or does not use one.
        let itself = e.soname.and_then(of_soname);
        return itself
            .or_else(|| of_strings(e.source, e.read_only))
            .unwrap_or(Libc::None);
    }
    of_static(e, system)
}

/// Returns the library that is linked into a static executable.
fn of_static(e: &Evidence<'_>, system: Option<Libc>) -> Libc {
    if e.toolchain == Toolchain::Go {
        return Libc::None;
    }
    if e.gnu_linux_note || e.glibc_versions {
        return Libc::Glibc;
    }
    match (of_strings(e.source, e.read_only), e.toolchain) {
        (Some(libc), _) => libc,
        (None, Toolchain::GoWithCgo) => Libc::None,
        // Each other system has a single libc, whose start files added the note that names the
        // system.
        (None, _) if e.os_note.is_some() => system.unwrap_or(Libc::Unknown),
        (None, _) => Libc::Unknown,
    }
}

/// Returns the C library of a system that has only one.
fn of_system(os: &str) -> Option<Libc> {
    Some(match os {
        "freebsd" => Libc::FreeBsd,
        "netbsd" => Libc::NetBsd,
        "openbsd" => Libc::OpenBsd,
        "solaris" | "illumos" => Libc::Solaris,
        "android" => Libc::Bionic,
        _ => return None,
    })
}

/// By the path of the loader on Linux. Only the file name counts, because nix and bundled
/// applications have loaders in other directories.
fn of_loader(path: &[u8]) -> Option<Libc> {
    let name = path.rsplit(|&byte| byte == b'/').next()?;
    if name.starts_with(b"ld-musl-") {
        Some(Libc::Musl)
    } else if name.starts_with(b"ld-uClibc") || name.starts_with(b"ld64-uClibc") {
        Some(Libc::Uclibc)
    } else if matches!(
        name,
        b"linker" | b"linker64" | b"linker_asan" | b"linker_asan64"
    ) {
        Some(Libc::Bionic)
    } else if name.starts_with(b"ld-linux")
        || matches!(name, b"ld64.so.1" | b"ld64.so.2" | b"ld.so.1")
    {
        Some(Libc::Glibc)
    } else {
        None
    }
}

/// By the names of the needed libraries on Linux.
fn of_needed(needed: &[Vec<u8>], os_note: Option<&str>) -> Option<Libc> {
    let has = |name: &[u8]| needed.iter().any(|library| library == name);
    let glibc = |library: &Vec<u8>| {
        matches!(
            &library[..],
            b"libc.so.6" | b"libc.so.6.1" | b"libm.so.6" | b"libm.so.6.1"
        ) || library.starts_with(b"ld-linux")
    };
    if needed.iter().any(glibc) {
        return Some(Libc::Glibc);
    }
    if needed
        .iter()
        .any(|library| library.starts_with(b"libc.musl-"))
    {
        return Some(Libc::Musl);
    }
    if has(b"libc.so.0") || has(b"libc.so.1") {
        return Some(Libc::Uclibc);
    }
    if has(b"libc.so") {
        // musl has everything in `libc.so`. Bionic has a separate `libdl.so`.
        let bionic = has(b"libdl.so") || os_note == Some("android");
        return Some(if bionic { Libc::Bionic } else { Libc::Musl });
    }
    None
}

/// By the soname of the library, if it belongs to a C library.
fn of_soname(soname: &[u8]) -> Option<Libc> {
    if soname.starts_with(b"libc.musl-") || soname.starts_with(b"ld-musl-") {
        Some(Libc::Musl)
    } else if soname.starts_with(b"ld-uClibc") || matches!(soname, b"libc.so.0" | b"libc.so.1") {
        Some(Libc::Uclibc)
    } else if soname.starts_with(b"ld-linux")
        || matches!(
            soname,
            b"libc.so.6" | b"libc.so.6.1" | b"ld64.so.1" | b"ld64.so.2" | b"ld.so.1"
        )
    {
        Some(Libc::Glibc)
    } else {
        None
    }
}

/// Strings that only glibc contains: its tunables and the path of its character set converters.
const GLIBC: [&[u8]; 3] = [b"glibc.malloc.", b"GLIBC_TUNABLES", b"GCONV_PATH"];

/// Strings that only musl contains: the first messages of `strerror` (`src/errno/__strerror.h`),
/// and the number prefixes in `printf` (`src/stdio/vfprintf.c`), which only musl writes in this
/// form.
const MUSL: [&[u8]; 4] = [
    b"No error information\0",
    b"Illegal byte sequence\0Domain error\0",
    b"-+   0X0x\0",
    b"-0X+0X 0X-0x+0x 0x\0",
];

/// Longer than any of these strings, so that none is split between two windows.
const OVERLAP: u64 = 64;

/// By strings among the constants of the library.
fn of_strings(source: &dyn Source, read_only: &[(u64, u64)]) -> Option<Libc> {
    let finders: Vec<_> = (GLIBC.iter().map(|s| (Libc::Glibc, memmem::Finder::new(s))))
        .chain(MUSL.iter().map(|s| (Libc::Musl, memmem::Finder::new(s))))
        .collect();
    read_only.iter().find_map(|&(offset, end)| {
        read::scan(
            source,
            offset,
            end.saturating_sub(offset),
            OVERLAP,
            |_, window| {
                finders
                    .iter()
                    .find_map(|(libc, finder)| finder.find(window).map(|_| *libc))
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(source: &Vec<u8>) -> Evidence<'_> {
        Evidence {
            source,
            kind: BinaryKind::Executable,
            linkage: Linkage::Dynamic,
            os: "linux",
            interpreter: None,
            needed: &[],
            soname: None,
            glibc_versions: false,
            os_note: None,
            gnu_linux_note: false,
            toolchain: Toolchain::C,
            read_only: &[(0, u64::MAX)],
        }
    }

    fn dynamic(interpreter: Option<&str>, needed: &[&str], os_note: Option<&'static str>) -> Libc {
        let needed: Vec<_> = needed.iter().map(|name| name.as_bytes().to_vec()).collect();
        let interpreter = interpreter.map(str::as_bytes);
        detect(&Evidence {
            interpreter,
            needed: &needed,
            os_note,
            ..evidence(&Vec::new())
        })
    }

    #[test]
    fn by_loader() {
        for (path, expected) in [
            ("/lib64/ld-linux-x86-64.so.2", Libc::Glibc),
            ("/lib64/ld64.so.2", Libc::Glibc),
            ("/lib32/ld.so.1", Libc::Glibc),
            ("/lib/ld-musl-mips-sf.so.1", Libc::Musl),
            ("/lib/ld-uClibc.so.0", Libc::Uclibc),
            ("/system/bin/linker64", Libc::Bionic),
            ("/opt/loader", Libc::Unknown),
        ] {
            assert_eq!(dynamic(Some(path), &[], None), expected, "{path}");
        }
        // The loader determines what runs, even if another library was named at link time.
        assert_eq!(
            dynamic(Some("/lib/ld-linux.so.2"), &["libc.so"], None),
            Libc::Glibc
        );
    }

    #[test]
    fn by_libraries() {
        for (needed, note, expected) in [
            (&["libanswer.so.1", "libc.so.6"][..], None, Libc::Glibc),
            (&["libc.so.6.1"], None, Libc::Glibc),
            (&["libc.musl-x86_64.so.1"], None, Libc::Musl),
            (&["libc.so"], None, Libc::Musl),
            (&["libc.so", "libdl.so"], None, Libc::Bionic),
            (&["libc.so"], Some("android"), Libc::Bionic),
            (&["libc.so.1"], None, Libc::Uclibc),
            (&["libz.so.1"], None, Libc::Unknown),
        ] {
            assert_eq!(dynamic(None, needed, note), expected, "{needed:?}");
        }
    }

    #[test]
    fn by_system() {
        let file = Vec::new();
        let on = |os| {
            detect(&Evidence {
                os,
                ..evidence(&file)
            })
        };
        assert_eq!(on("freebsd"), Libc::FreeBsd);
        assert_eq!(on("illumos"), Libc::Solaris);
        assert_eq!(on("dragonfly"), Libc::Unknown);
    }

    #[test]
    fn a_loader_without_libraries_is_no_libc() {
        let loader: Option<&[u8]> = Some(b"/lib64/ld-linux-x86-64.so.2");
        let file = Vec::new();
        let only = Evidence {
            linkage: Linkage::InterpOnly,
            interpreter: loader,
            ..evidence(&file)
        };
        assert_eq!(detect(&only), Libc::None);
    }

    #[test]
    fn static_executables() {
        let of = |bytes: &[u8], toolchain, gnu_linux_note| {
            let linkage = Linkage::Static;
            let file = bytes.to_vec();
            detect(&Evidence {
                linkage,
                toolchain,
                gnu_linux_note,
                ..evidence(&file)
            })
        };
        let musl = b"xx\0No error information\0";
        assert_eq!(of(b"", Toolchain::C, true), Libc::Glibc);
        assert_eq!(of(b"\0GCONV_PATH\0", Toolchain::C, false), Libc::Glibc);
        assert_eq!(of(musl, Toolchain::C, false), Libc::Musl);
        assert_eq!(of(b"-+   0X0x", Toolchain::C, false), Libc::Unknown);
        assert_eq!(of(b"", Toolchain::C, false), Libc::Unknown);
        // A Go program can contain any string as data, and no libc.
        assert_eq!(of(musl, Toolchain::Go, false), Libc::None);
        assert_eq!(of(musl, Toolchain::GoLinkedByC, false), Libc::Musl);
        assert_eq!(of(b"", Toolchain::GoWithCgo, false), Libc::None);
        assert_eq!(of(b"", Toolchain::GoLinkedByC, false), Libc::Unknown);
    }

    #[test]
    fn libraries_that_need_nothing() {
        let of = |bytes: &[u8], soname| {
            let (kind, linkage) = (BinaryKind::SharedLibrary, Linkage::Static);
            let file = bytes.to_vec();
            detect(&Evidence {
                kind,
                linkage,
                soname,
                ..evidence(&file)
            })
        };
        assert_eq!(of(b"", Some(b"ld-linux-x86-64.so.2")), Libc::Glibc);
        assert_eq!(of(b"", Some(b"libanswer.so.1")), Libc::None);
        assert_eq!(of(b"\0No error information\0", None), Libc::Musl);
    }
}
