//! Results of `imgfs::internals::inspect` for files that are not ELF.
//!
//! The expectations come from llvm-readobj, llvm-objdump and the way in which each file was made
//! (`tests/data/inspect/README.md`).

use crate::inspect_support::*;
use imgfs::internals::inspect::{
    Binary, BinaryKind, Endian, FactSource, Format, Libc, Linkage, inspect,
};

type Expected = (
    &'static str,
    Format,
    BinaryKind,
    &'static str,
    &'static str,
    Option<Linkage>,
    Option<Libc>,
    &'static [&'static str],
);

#[test]
fn files_of_all_formats() {
    use BinaryKind::{Archive, Executable, KernelModule, Object, SharedLibrary};
    let dynamic = Some(Linkage::Dynamic);
    let fixed = Some(Linkage::Static);
    let system = Some(Libc::LibSystem);
    let unknown = Some(Libc::Unknown);
    let none = Some(Libc::None);
    let libraries: &[&str] = &["/usr/lib/libSystem.B.dylib"];
    let table: [Expected; 17] = [
        (
            "zig-x86-windows.exe",
            Format::Pe,
            Executable,
            "windows",
            "386",
            dynamic,
            unknown,
            &["KERNEL32.dll"],
        ),
        (
            "zig-x86_64-windows.dll",
            Format::Pe,
            SharedLibrary,
            "windows",
            "amd64",
            fixed,
            none,
            &[],
        ),
        (
            "zig-x86_64-uefi.efi",
            Format::Pe,
            Executable,
            "unknown",
            "amd64",
            fixed,
            none,
            &[],
        ),
        (
            "zig-x86_64-macos",
            Format::MachO,
            Executable,
            "darwin",
            "amd64",
            dynamic,
            system,
            libraries,
        ),
        (
            "zig-aarch64-macos",
            Format::MachO,
            Executable,
            "darwin",
            "arm64",
            dynamic,
            system,
            libraries,
        ),
        (
            "zig-aarch64-macos.dylib",
            Format::MachO,
            SharedLibrary,
            "darwin",
            "arm64",
            dynamic,
            system,
            libraries,
        ),
        (
            "zig-aarch64-macos.o",
            Format::MachO,
            Object,
            "darwin",
            "arm64",
            None,
            None,
            &[],
        ),
        (
            "zig-wasm32-wasi.wasm",
            Format::Wasm,
            Executable,
            "wasip1",
            "wasm",
            fixed,
            unknown,
            &[],
        ),
        (
            "zig-wasm32-freestanding.wasm",
            Format::Wasm,
            SharedLibrary,
            "unknown",
            "wasm",
            fixed,
            unknown,
            &[],
        ),
        (
            "zig-wasm32-wasi.o",
            Format::Wasm,
            Object,
            "unknown",
            "wasm",
            None,
            None,
            &[],
        ),
        (
            "llc-aix-ppc.o",
            Format::Xcoff,
            Object,
            "aix",
            "ppc",
            None,
            None,
            &[],
        ),
        (
            "gcc-module.ko",
            Format::Elf,
            KernelModule,
            "linux",
            "amd64",
            None,
            None,
            &[],
        ),
        (
            "gcc-lib.a",
            Format::Ar,
            Archive,
            "linux",
            "amd64",
            None,
            None,
            &[],
        ),
        (
            "gcc-lib-thin.a",
            Format::Ar,
            Archive,
            "-",
            "-",
            None,
            None,
            &[],
        ),
        (
            "zig-x86_64-windows.lib",
            Format::Ar,
            Archive,
            "windows",
            "amd64",
            None,
            None,
            &[],
        ),
        (
            "go1.15-linux-arm64.o",
            Format::GoArchive,
            Archive,
            "linux",
            "arm64",
            None,
            None,
            &[],
        ),
        (
            "go1.27-windows-386.a",
            Format::GoArchive,
            Archive,
            "windows",
            "386",
            None,
            None,
            &[],
        ),
    ];
    for (name, format, kind, os, arch, linkage, libc, needed) in table {
        let found = facts(name);
        assert_eq!((found.format, found.kind), (format, kind), "{name}");
        assert_eq!(os_arch(&found), (os.into(), arch.into()), "{name}");
        assert_eq!((found.linkage, found.libc), (linkage, libc), "{name}");
        let needed: Vec<_> = needed.iter().map(|name| name.as_bytes().to_vec()).collect();
        assert_eq!(found.needed, needed, "{name}");
        assert!(found.slices.is_empty() && !found.packed, "{name}");
    }
}

#[test]
fn hardening_and_identity() {
    let (yes, no) = (Some(true), Some(false));
    for (name, stripped, pie, nx, canary) in [
        ("zig-x86-windows.exe", yes, yes, yes, None),
        ("zig-x86_64-windows.dll", yes, None, yes, None),
        ("zig-x86_64-macos", no, yes, yes, no),
        ("zig-aarch64-macos.dylib", no, None, None, no),
        ("zig-aarch64-macos.o", no, None, None, None),
        ("zig-wasm32-wasi.wasm", yes, None, None, None),
        ("zig-wasm32-freestanding.wasm", no, None, None, None),
        ("llc-aix-ppc.o", no, None, None, None),
    ] {
        let found = facts(name);
        assert_eq!((found.stripped, found.pie), (stripped, pie), "{name}");
        assert_eq!((found.nx, found.canary), (nx, canary), "{name}");
    }
    let uuid = "7b30d6df690a366b847488cacfb39b32";
    assert_eq!(facts("zig-x86_64-macos").build_id.as_deref(), Some(uuid));
    let dylib = facts("zig-aarch64-macos.dylib");
    assert_eq!(
        dylib.soname.as_deref(),
        Some(&b"@rpath/libanswer.dylib"[..])
    );
    assert_eq!(dylib.rpath, [b"@loader_path/../lib"]);
    let loader = Some(&b"/usr/lib/dyld"[..]);
    assert_eq!(facts("zig-aarch64-macos").interpreter.as_deref(), loader);
    let aix = facts("llc-aix-ppc.o");
    assert_eq!((aix.bits, aix.endian), (Some(32), Some(Endian::Big)));
}

#[test]
fn assemblies_are_for_any_machine() {
    const IL_ONLY: u32 = 1;
    const REQUIRED_32: u32 = 2;
    const PREFERRED_32: u32 = 0x2_0000;
    for (machine, wide, flags, native, os, arch) in [
        (0x14c, false, IL_ONLY, false, "unknown", "anycpu"),
        (
            0x14c,
            false,
            IL_ONLY | REQUIRED_32 | PREFERRED_32,
            false,
            "unknown",
            "anycpu",
        ),
        (0x14c, false, IL_ONLY | REQUIRED_32, false, "unknown", "386"),
        (0x8664, true, IL_ONLY, false, "unknown", "amd64"),
        // Mixed with native code; compiled ahead of time for Windows and for Linux.
        (0x8664, true, 0, false, "windows", "amd64"),
        (0x8664, true, 4, true, "windows", "amd64"),
        (0x8664 ^ 0x7b79, true, 4, true, "linux", "amd64"),
        (0xaa64 ^ 0x4644, true, 4, true, "darwin", "arm64"),
    ] {
        let found = inspect(&assembly(machine, wide, flags, native)).unwrap();
        assert_eq!(os_arch(&found), (os.into(), arch.into()), "{machine:#x}");
        assert_eq!(found.libc, Some(Libc::None));
        assert_eq!(found.bits, Some(if wide { 64 } else { 32 }));
    }
}

#[test]
fn universal_binaries_are_lists() {
    let (intel, arm) = (data("zig-x86_64-macos"), data("zig-aarch64-macos"));
    for wide in [false, true] {
        let file = universal(wide, &[(0x0100_0007, 3, &intel), (0x0100_000c, 0, &arm)]);
        let found = inspect(&file).unwrap();
        let slices = found
            .slices
            .iter()
            .map(|s| (s.os.as_deref(), s.arch.as_deref()));
        let darwin = Some("darwin");
        let expected = [(darwin, Some("amd64")), (darwin, Some("arm64"))];
        assert!(slices.eq(expected));
        // All other facts are those of the first slice.
        let alone = Binary {
            format: Format::MachOUniversal,
            slices: found.slices.clone(),
            ..facts("zig-x86_64-macos")
        };
        assert_eq!(found, alone);
        // A truncated slice is still named in the table.
        let cut = file.len() - arm.len();
        let cut = inspect(&&file[..cut]).unwrap();
        assert_eq!(cut.slices, found.slices);
        assert_eq!(inspect(&&file[..8000]), None);
    }
    // A universal static library has archives as slices.
    let library = universal(false, &[(0x0100_0007, 3, b"!<arch>\n")]);
    let found = inspect(&library).unwrap();
    assert_eq!((found.kind, found.arch), (BinaryKind::Archive, None));
    assert_eq!(found.slices[0].arch.as_deref(), Some("amd64"));
}

#[test]
fn archives_are_for_the_platforms_of_their_members() {
    let (elf, macho) = (data("gcc-hello.o"), data("zig-aarch64-macos.o"));
    let found = inspect(&ar(&[("a.o/", &elf), ("b.o/", &elf), ("c.txt/", b"text")])).unwrap();
    assert_eq!(os_arch(&found), ("linux".into(), "amd64".into()));
    assert_eq!((found.bits, found.slices.len()), (Some(64), 0));
    let found = inspect(&ar(&[("a.o/", &elf), ("b.o/", &macho), ("c.o/", &elf)])).unwrap();
    let slices: Vec<_> = found
        .slices
        .iter()
        .map(|s| {
            format!(
                "{}/{}",
                s.os.as_deref().unwrap(),
                s.arch.as_deref().unwrap()
            )
        })
        .collect();
    assert_eq!(slices, ["linux/amd64", "darwin/arm64"]);
    // A Debian package is not decoded; an archive without members may be.
    assert_eq!(inspect(&ar(&[("debian-binary", b"2.0\n")])), None);
    assert_eq!(inspect(&ar(&[])).unwrap().format, Format::Ar);
}

#[test]
fn libraries_of_aix_are_members() {
    let found = inspect(&xcoff(b"")).unwrap();
    assert_eq!(
        (found.format, found.kind),
        (Format::Xcoff, BinaryKind::Executable)
    );
    assert_eq!(os_arch(&found), ("aix".into(), "ppc64".into()));
    assert_eq!(found.needed, [b"libc.a(shr_64.o)"]);
    assert_eq!(found.runpath, [&b"/usr/lib"[..], b"/lib"]);
    assert_eq!(found.stripped, Some(true));
}

#[test]
fn what_is_packed_is_said_to_be() {
    // `l_info` of UPX: a checksum, the magic, and versions.
    let found = inspect(&elf(5, b"\x12\x34\x56\x78UPX!\x1c\x08\x0e\x16")).unwrap();
    assert!(found.packed);
    assert_eq!((found.libc, found.go), (Some(Libc::Unknown), None));
    assert!(!inspect(&elf(5, b"plain")).unwrap().packed);
}

#[test]
fn cores_and_modules_are_what_they_are() {
    let mut core = data("gcc-glibc-pie");
    core[16] = 4; // ET_CORE
    let found = inspect(&core).unwrap();
    assert_eq!(
        (found.kind, found.libc, found.linkage),
        (BinaryKind::Core, None, None)
    );
    let module = facts("gcc-module.ko");
    assert_eq!(module.os.unwrap().source, FactSource::Assumed);
}

#[test]
fn what_is_no_executable_is_none() {
    for bytes in [
        // Java 8 and 17, LLVM bitcode, DOS, APE, Plan 9's magic number in something else.
        &b"\xca\xfe\xba\xbe\0\0\0\x34\0\x1d\x0a\0\x06\0\x0f\x09\0\x10\0\x11\x08\0\x12\x0a\0\x13\0\x14"[..],
        b"\xca\xfe\xba\xbe\0\0\0\x3d\0\x1d\x0a\0\x02\0\x03\x07\0\x04\x0c\0\x05\0\x06\x01\0\x10java",
        b"BC\xc0\xde\x35\x14\0\0\x05\0\0\0",
        b"MZ\0\0",
        b"MZqFpD='\n",
        b"\0\0\x01\xeb\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x10\x20\0\0\0\0\0\0\0\0",
        b"\x01\xf7\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0junkjunk",
        b"\0asm\x01\0\0",
        b"go objects\n",
    ] {
        assert_eq!(inspect(&bytes), None, "{bytes:?}");
    }
    let mut dos = b"MZ".to_vec();
    dos.resize(0x3c, 0);
    dos.extend(0x7fff_ffffu32.to_le_bytes());
    dos.resize(1 << 17, 0);
    assert_eq!(inspect(&dos), None);
}
