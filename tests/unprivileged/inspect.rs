//! Results of `imgfs::internals::inspect` for ELF files and scripts.
//!
//! The expectations come from readelf and from the way in which each file was made
//! (`tests/data/inspect/README.md`).

use crate::inspect_support::{data, facts};
use imgfs::internals::inspect::{
    Binary, BinaryKind, Endian, FactSource, Format, Libc, Linkage, Relro, Sourced, inspect,
};

/// Operating system, machine and variant, word size and byte order.
#[test]
fn platforms() {
    use Endian::{Big, Little};
    use FactSource::{Assumed, Header};
    let table = [
        (
            "gcc-glibc-pie",
            ("linux", Header),
            "amd64",
            "GOAMD64=v1",
            64,
            Little,
        ),
        (
            "gcc-glibc-isa-v3",
            ("linux", Header),
            "amd64",
            "GOAMD64=v3",
            64,
            Little,
        ),
        (
            "gcc-musl-static",
            ("linux", Assumed),
            "amd64",
            "",
            64,
            Little,
        ),
        ("gcc-hello.o", ("linux", Assumed), "amd64", "", 64, Little),
        (
            "zig-aarch64_be-linux-gnu",
            ("linux", Header),
            "arm64be",
            "",
            64,
            Big,
        ),
        (
            "zig-arm-linux-gnueabihf-dyn",
            ("linux", Header),
            "arm",
            "GOARM=7",
            32,
            Little,
        ),
        (
            "zig-armeb-linux-gnueabi",
            ("linux", Header),
            "armbe",
            "",
            32,
            Big,
        ),
        (
            "zig-loongarch64-linux-gnu",
            ("linux", Header),
            "loong64",
            "",
            64,
            Little,
        ),
        (
            "zig-mips-linux-musleabi-dyn",
            ("linux", Header),
            "mips",
            "GOMIPS=softfloat",
            32,
            Big,
        ),
        (
            "zig-mips64el-linux-gnuabin32-dyn",
            ("linux", Header),
            "mips64p32le",
            "",
            32,
            Little,
        ),
        (
            "zig-powerpc64le-linux-gnu",
            ("linux", Header),
            "ppc64le",
            "",
            64,
            Little,
        ),
        (
            "zig-riscv64-linux-musl-dyn",
            ("linux", Header),
            "riscv64",
            "GORISCV64=rva20u64",
            64,
            Little,
        ),
        (
            "zig-s390x-linux-musl",
            ("linux", Assumed),
            "s390x",
            "",
            64,
            Big,
        ),
        (
            "zig-x86_64-freebsd",
            ("freebsd", Header),
            "amd64",
            "",
            64,
            Little,
        ),
        (
            "zig-x86_64-linux-muslx32-dyn",
            ("linux", Header),
            "x32",
            "",
            32,
            Little,
        ),
        (
            "zig-x86_64-netbsd",
            ("netbsd", Header),
            "amd64",
            "",
            64,
            Little,
        ),
        (
            "zig-x86_64-openbsd",
            ("openbsd", Header),
            "amd64",
            "",
            64,
            Little,
        ),
    ];
    for (name, (os, os_source), arch, variant, bits, endian) in table {
        let found = facts(name);
        assert_eq!(found.format, Format::Elf, "{name}");
        assert_eq!(
            found.os,
            Some(Sourced {
                value: os.into(),
                source: os_source
            }),
            "{name}"
        );
        let arch = Some(Sourced {
            value: arch.into(),
            source: Header,
        });
        assert_eq!(found.arch, arch, "{name}");
        let variants = found
            .variants
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        assert_eq!(variants.collect::<String>(), variant, "{name}");
        assert_eq!(
            (found.bits, found.endian),
            (Some(bits), Some(endian)),
            "{name}"
        );
    }
}

/// Kind, linkage, C library and its required version, loader, libraries.
#[test]
fn linking() {
    use BinaryKind::{Executable, Object, SharedLibrary};
    use Linkage::{Dynamic, InterpOnly, Static, StaticPie};
    let glibc = Some("/lib64/ld-linux-x86-64.so.2");
    let dynamic = Some(Dynamic);
    let table: [(_, _, _, _, Option<&str>, Option<&str>, &[&str]); 16] = [
        (
            "gcc-glibc-pie",
            Executable,
            dynamic,
            Some(Libc::Glibc),
            Some("GLIBC_2.34"),
            glibc,
            &["libc.so.6"],
        ),
        (
            "gcc-glibc-needs-libanswer",
            Executable,
            dynamic,
            Some(Libc::Glibc),
            Some("GLIBC_2.34"),
            glibc,
            &["libanswer.so.1", "libc.so.6"],
        ),
        (
            "gcc-lib-glibc.so",
            SharedLibrary,
            dynamic,
            Some(Libc::Glibc),
            Some("GLIBC_2.2.5"),
            None,
            &["libc.so.6"],
        ),
        (
            "gcc-lib-nodeps.so",
            SharedLibrary,
            Some(Static),
            Some(Libc::None),
            None,
            None,
            &[],
        ),
        (
            "gcc-musl-static",
            Executable,
            Some(Static),
            Some(Libc::Musl),
            None,
            None,
            &[],
        ),
        (
            "gcc-musl-pie",
            Executable,
            dynamic,
            Some(Libc::Musl),
            None,
            Some("/lib/ld-musl-x86_64.so.1"),
            &["libc.so"],
        ),
        (
            "gcc-nolibc-pie",
            Executable,
            Some(InterpOnly),
            Some(Libc::None),
            None,
            glibc,
            &[],
        ),
        ("gcc-hello.o", Object, None, None, None, None, &[]),
        ("only-keep-debug.debug", Object, None, None, None, None, &[]),
        (
            "zig-arm-linux-gnueabihf-dyn",
            Executable,
            dynamic,
            Some(Libc::Glibc),
            Some("GLIBC_2.34"),
            Some("/lib/ld-linux-armhf.so.3"),
            &["libc.so.6"],
        ),
        (
            "zig-powerpc64le-linux-gnu",
            Executable,
            dynamic,
            Some(Libc::Glibc),
            Some("GLIBC_2.32"),
            Some("/lib64/ld64.so.2"),
            &["libc.so.6"],
        ),
        (
            "zig-s390x-linux-musl",
            Executable,
            Some(Static),
            Some(Libc::Musl),
            None,
            None,
            &[],
        ),
        (
            "zig-x86_64-linux-musl-staticpie",
            Executable,
            Some(StaticPie),
            Some(Libc::Musl),
            None,
            None,
            &[],
        ),
        (
            "zig-x86_64-freebsd",
            Executable,
            dynamic,
            Some(Libc::FreeBsd),
            None,
            Some("/libexec/ld-elf.so.1"),
            &["libc.so.7"],
        ),
        (
            "zig-x86_64-netbsd",
            Executable,
            dynamic,
            Some(Libc::NetBsd),
            None,
            Some("/libexec/ld.elf_so"),
            &["libc.so.12"],
        ),
        (
            "zig-x86_64-openbsd",
            Executable,
            dynamic,
            Some(Libc::OpenBsd),
            None,
            Some("/usr/libexec/ld.so"),
            &["libc.so"],
        ),
    ];
    for (name, kind, linkage, libc, required, interpreter, needed) in table {
        let found = facts(name);
        assert_eq!(
            (found.kind, found.linkage, found.libc),
            (kind, linkage, libc),
            "{name}"
        );
        assert_eq!(found.libc_required.as_deref(), required, "{name}");
        assert_eq!(
            found.interpreter.as_deref(),
            interpreter.map(str::as_bytes),
            "{name}"
        );
        let needed: Vec<_> = needed.iter().map(|name| name.as_bytes().to_vec()).collect();
        assert_eq!(found.needed, needed, "{name}");
    }
    assert_eq!(
        facts("gcc-lib-glibc.so").soname.as_deref(),
        Some(&b"libanswer.so.1"[..])
    );
    assert_eq!(facts("gcc-glibc-needs-libanswer").runpath, [b"/opt/lib"]);
    assert_eq!(facts("gcc-glibc-rpath").runpath, [b"$ORIGIN/../lib"]);
    assert!(facts("gcc-glibc-rpath").rpath.is_empty());
}

/// Symbol table, PIE, RELRO, stack, canary, build id.
#[test]
fn hardening() {
    use Relro::{Full, No, Partial};
    let (yes, no) = (Some(true), Some(false));
    let table = [
        ("gcc-glibc-pie", yes, yes, Some(Partial), yes, no),
        ("gcc-lib-glibc.so", yes, None, Some(Partial), yes, no),
        ("gcc-musl-static", yes, no, Some(Partial), yes, None),
        ("gcc-hello.o", no, None, None, None, None),
        ("only-keep-debug.debug", no, None, None, None, None),
        ("zig-arm-linux-gnueabihf-dyn", yes, no, Some(Full), yes, no),
        ("zig-mips-linux-musleabi-dyn", yes, no, Some(No), yes, no),
        ("zig-x86_64-openbsd", yes, yes, Some(Full), yes, no),
        (
            "zig-x86_64-linux-musl-staticpie",
            yes,
            yes,
            Some(Full),
            yes,
            None,
        ),
    ];
    for (name, stripped, pie, relro, nx, canary) in table {
        let found = facts(name);
        assert_eq!(
            (found.stripped, found.pie, found.relro),
            (stripped, pie, relro),
            "{name}"
        );
        assert_eq!((found.nx, found.canary), (nx, canary), "{name}");
    }
    for (name, build_id) in [
        (
            "gcc-glibc-pie",
            Some("5f732da6ba837cb24d0c9348a1259bc4003fd9bb"),
        ),
        (
            "only-keep-debug.debug",
            Some("4b29b7c479f382f8d6268915f88230e543cfcbf7"),
        ),
        ("zig-s390x-linux-musl", None),
    ] {
        assert_eq!(facts(name).build_id.as_deref(), build_id, "{name}");
    }
}

/// Files that Linux runs despite their headers are decoded: each of these was tried.
#[test]
fn damage_costs_only_what_it_hits() {
    let whole = facts("gcc-glibc-pie");
    let patched = |at: usize, bytes: &[u8]| {
        let mut file = data("gcc-glibc-pie");
        file[at..at + bytes.len()].copy_from_slice(bytes);
        inspect(&file).unwrap()
    };
    // EI_CLASS, EI_DATA, EI_OSABI, AppImage's magic.
    assert_eq!(patched(4, &[1]), whole);
    assert_eq!(patched(5, &[2]), whole);
    assert_eq!(patched(7, &[9]), whole);
    assert_eq!(patched(8, b"AI\x02"), whole);
    // e_shoff past the end.
    let stripped = None;
    let build_id = whole.build_id.clone();
    assert_eq!(
        patched(40, &[0xff; 8]),
        Binary {
            stripped,
            build_id,
            ..whole.clone()
        }
    );
    // No section headers at all, as sstrip leaves it.
    let mut file = data("gcc-glibc-pie");
    file[40..48].fill(0);
    file[58..64].fill(0);
    assert_eq!(inspect(&file).unwrap(), whole);
    // e_phoff past the end: the machine is still reported.
    let blind = patched(32, &[0xff; 8]);
    assert_eq!(blind.arch, whole.arch);
    assert_eq!(
        (blind.linkage, blind.libc, blind.relro),
        (None, Some(Libc::Unknown), None)
    );
    // e_phnum says that the number is in a section header, which does not exist.
    assert_eq!(patched(56, &[0xff; 2]).linkage, None);
}

#[test]
fn what_is_no_executable_is_none() {
    let file = data("gcc-glibc-pie");
    for len in [0, 1, 4, 40, 63] {
        assert_eq!(inspect(&&file[..len]), None, "{len}");
    }
    for text in [
        &b"#!"[..],
        b"#!\n",
        b"echo\n",
        b"MZ",
        b"\xef\xbb\xbf#!/bin/sh\n",
    ] {
        assert_eq!(inspect(&text), None, "{text:?}");
    }
}

#[test]
fn scripts_name_their_interpreter() {
    let found = inspect(&&b"#!/bin/bash -e\r\necho\n"[..]).unwrap();
    let expected = Binary {
        format: Format::Script,
        kind: BinaryKind::Script,
        interpreter: Some(b"/bin/bash".to_vec()),
        interpreter_argument: Some(b"-e\r".to_vec()),
        ..Binary::default()
    };
    assert_eq!(found, expected);
}
