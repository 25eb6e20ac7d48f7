//! Go build information in files of every format that Go is linked into.

use crate::inspect_support::*;
use imgfs::internals::inspect::{
    Binary, BinaryKind, FactSource, Format, Libc, Linkage, Sourced, inspect,
};

#[test]
fn build_info_is_a_claim() {
    // Static programs for DragonFly and Linux differ in nothing else.
    let file = go_elf(&[
        ("-ldflags", "\"-X 'main.v=a\\\"b'\""),
        ("CGO_ENABLED", "0"),
        ("GOARCH", "arm64"),
        ("GOOS", "dragonfly"),
        ("GOAMD64", "v3"),
    ]);
    let found = inspect(&file).unwrap();
    let os = Sourced {
        value: "dragonfly".into(),
        source: FactSource::BuildInfo,
    };
    assert_eq!(found.os, Some(os));
    // But the machine comes from the header.
    assert_eq!(found.arch.unwrap().value, "amd64");
    assert_eq!(found.variants, [("GOAMD64", "v3".to_owned())]);
    assert_eq!(
        (found.linkage, found.libc),
        (Some(Linkage::Static), Some(Libc::None))
    );
    assert_eq!(
        (found.stripped, found.pie, found.canary),
        (Some(true), Some(false), None)
    );
    let go = found.go.unwrap();
    assert_eq!(go.version, "go1.22.1");
    assert_eq!(go.path.as_deref(), Some("example.com/hello"));
    assert_eq!(go.module_version.as_deref(), Some("(devel)"));
    assert_eq!(go.setting("GOARCH"), Some("arm64"));
    assert_eq!(go.setting("-ldflags"), Some("-X 'main.v=a\"b'"));
    assert_eq!(go.injected, [("main.v".to_owned(), "a\"b".to_owned())]);
}

fn go_pe(section: u32, content: Vec<u8>) -> Vec<u8> {
    Pe {
        machine: 0x8664,
        wide: true,
        subsystem: 3,
        section,
        content,
        directories: Vec::new(),
    }
    .bytes()
}

#[test]
fn build_info_in_every_format() {
    let settings = [("GOARCH", "any"), ("GOOS", "any"), ("GOAMD64", "v2")];
    let info = build_info(&settings);
    // In WebAssembly only the text remains, and the version is the producer's.
    let text = modinfo(&[("GOOS", "wasip1")]);
    let producers = b"\x09producers\x01\x08language\x01\x02Go\x08go1.22.1";
    let module = wasm(&[(0, producers), (11, &text)]);
    for (format, file, os, arch) in [
        (Format::Elf, go_elf(&settings), "any", "amd64"),
        (
            Format::Pe,
            go_pe(READ_WRITE, info.clone()),
            "windows",
            "amd64",
        ),
        (
            Format::MachO,
            macho(b"__go_buildinfo", &info),
            "any",
            "arm64",
        ),
        // The name of the section is only a hint.
        (Format::MachO, macho(b"__data", &info), "any", "arm64"),
        (Format::Xcoff, xcoff(&info), "aix", "ppc64"),
        (Format::Plan9, plan9(&info), "plan9", "amd64"),
        (Format::Wasm, module, "wasip1", "wasm"),
    ] {
        let found = inspect(&file).unwrap();
        assert_eq!(found.format, format);
        assert_eq!(os_arch(&found), (os.into(), arch.into()), "{format:?}");
        let go = found.go.unwrap_or_else(|| panic!("{format:?}"));
        assert_eq!(go.version, "go1.22.1", "{format:?}");
        assert_eq!(go.path.as_deref(), Some("example.com/hello"), "{format:?}");
    }
}

#[test]
fn go_is_told_by_its_tables() {
    // As esbuild 0.28 is built: no header, but the tables, the version and the text exist.
    let mut constants = b"\xf1\xff\xff\xff\0\0\x01\x08\x10\x07\0\0\0\0\0\0".to_vec();
    constants.extend(b"\0\0\0\0\0\0\0\xffgo1.26.5\0");
    constants.extend(modinfo(&[("GOOS", "linux"), ("GOAMD64", "v1")]));
    let check = |found: Binary| {
        let go = found.go.expect("Go is recognised by its tables");
        assert_eq!(go.version, "go1.26.5");
        assert_eq!(go.setting("GOAMD64"), Some("v1"));
        assert_eq!(found.libc, Some(Libc::None));
    };
    check(inspect(&elf(4, &constants)).unwrap());
    check(inspect(&go_pe(READ, constants.clone())).unwrap());
    // With only the tables it is still Go.
    constants.truncate(16);
    let go = inspect(&elf(4, &constants)).unwrap().go.unwrap();
    assert_eq!((&go.version[..], go.path), ("unknown", None));
    // Without them, a Go version in some text has no meaning.
    assert_eq!(inspect(&elf(4, b"\0go1.26.5\0")).unwrap().go, None);
}

/// `-buildmode=c-archive`: one object contains all of the Go code.
#[test]
fn an_archive_for_c_has_go_in_it() {
    let file = ar(&[
        ("go.o/", &go_elf(&[("GOOS", "linux"), ("GOAMD64", "v1")])),
        ("000000.o/", &data("gcc-hello.o")),
    ]);
    let found = inspect(&file).unwrap();
    assert_eq!(
        (found.format, found.kind),
        (Format::Ar, BinaryKind::Archive)
    );
    assert_eq!(os_arch(&found), ("linux".into(), "amd64".into()));
    assert_eq!(found.os.unwrap().source, FactSource::BuildInfo);
    assert_eq!(found.go.unwrap().version, "go1.22.1");
}

#[test]
fn packages_say_what_made_them() {
    let version = |name: &str| facts(name).go.unwrap().version;
    assert_eq!(version("go1.15-linux-arm64.o"), "go1.15.15");
    assert_eq!(version("go1.27-windows-386.a"), "go1.27.3");
    let variants = facts("go1.27-windows-386.a").variants;
    assert_eq!(variants, [("GO386", "sse2".to_owned())]);
}
