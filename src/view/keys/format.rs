//! Keys of an executable's format and of the platforms that it is for.

use super::Derive::{FromBinary, FromFile};
use super::ValueOf::{Number, Text, TextOrList};
use super::{Group, Key, Value};
use crate::inspect::{Binary, BinaryKind, Endian, FactSource, Format, Slice};

/// The version of the sidecar format, the value of `IMGFS_ARCH`.
const VERSION: &str = "1";

pub(super) const FORMAT: Group = Group {
    title: "The file",
    summary: "the version of the sidecar format, the path in the image, and the format of the file",
    keys: &[
        Key {
            name: "IMGFS_ARCH",
            value: Text(FromFile(|_| Some(VERSION.into()))),
            doc: "version of the sidecar format: `1`",
        },
        Key {
            name: "PATH",
            value: Text(FromFile(|file| Some(file.path.to_vec()))),
            doc: "path in the image",
        },
        Key {
            name: "FORMAT",
            value: Text(FromBinary(|binary| Some(format(binary.format).into()))),
            doc: "container format: `elf`, `pe`, `macho`, `macho-universal`, `wasm`, `xcoff`, `plan9`, \
                `go-archive`, `ar` or `script`",
        },
        Key {
            name: "TYPE",
            value: Text(FromBinary(|binary| Some(kind(binary.kind).into()))),
            doc: "`executable`, `shared-library`, `object`, `archive`, `kernel-module`, `core` or `script`",
        },
    ],
};

pub(super) const PLATFORM: Group = Group {
    title: "Platform",
    summary: "the platform, in the terms of Go and OCI; lists if a file contains several",
    keys: &[
        Key {
            name: "GOOS",
            value: TextOrList(FromBinary(os)),
            doc: "operating system, as a GOOS name",
        },
        Key {
            name: "GOARCH",
            value: TextOrList(FromBinary(arch)),
            doc: "architecture, as a GOARCH name, or its usual name if Go has none",
        },
        Key {
            name: "GOOS_SOURCE",
            value: Text(FromBinary(|binary| {
                binary.os.as_ref().map(|os| source(os.source).into())
            })),
            doc: "what `GOOS` was determined from: `header`, `note`, `osabi`, `buildinfo` or `assumed`",
        },
        Key {
            name: "GOARCH_SOURCE",
            value: Text(FromBinary(|binary| {
                binary.arch.as_ref().map(|arch| source(arch.source).into())
            })),
            doc: "what `GOARCH` was determined from, like `GOOS_SOURCE`",
        },
        Key {
            name: "GOAMD64",
            value: Text(FromBinary(|binary| variant(binary, "GOAMD64"))),
            doc: "variant of amd64, if the file records it: `v1` to `v4`",
        },
        Key {
            name: "GO386",
            value: Text(FromBinary(|binary| variant(binary, "GO386"))),
            doc: "variant of 386: `sse2` or `softfloat`",
        },
        Key {
            name: "GOARM",
            value: Text(FromBinary(|binary| variant(binary, "GOARM"))),
            doc: "variant of arm: `5`, `6` or `7`, also with `,softfloat` or `,hardfloat`",
        },
        Key {
            name: "GOARM64",
            value: Text(FromBinary(|binary| variant(binary, "GOARM64"))),
            doc: "variant of arm64: `v8.0` and above",
        },
        Key {
            name: "GOMIPS",
            value: Text(FromBinary(|binary| variant(binary, "GOMIPS"))),
            doc: "variant of mips and mipsle: `hardfloat` or `softfloat`",
        },
        Key {
            name: "GOMIPS64",
            value: Text(FromBinary(|binary| variant(binary, "GOMIPS64"))),
            doc: "variant of mips64 and mips64le: `hardfloat` or `softfloat`",
        },
        Key {
            name: "GOPPC64",
            value: Text(FromBinary(|binary| variant(binary, "GOPPC64"))),
            doc: "variant of ppc64 and ppc64le: `power8` and above",
        },
        Key {
            name: "GORISCV64",
            value: Text(FromBinary(|binary| variant(binary, "GORISCV64"))),
            doc: "variant of riscv64: `rva20u64` and above",
        },
        Key {
            name: "PLATFORM",
            value: TextOrList(FromBinary(platform)),
            doc: "platform in OCI's notation: `linux/arm/v7`",
        },
        Key {
            name: "BITS",
            value: Number(FromBinary(|binary| binary.bits.map(u64::from))),
            doc: "word size in bits",
        },
        Key {
            name: "ENDIAN",
            value: Text(FromBinary(|binary| {
                binary.endian.map(|endian| byte_order(endian).into())
            })),
            doc: "byte order: `little` or `big`",
        },
    ],
};

fn os(binary: &Binary) -> Option<Value> {
    let os = binary.os.as_ref().map(|os| os.value.as_str());
    one_or_each(binary, os, |slice| slice.os.clone())
}

fn arch(binary: &Binary) -> Option<Value> {
    let arch = binary.arch.as_ref().map(|arch| arch.value.as_str());
    one_or_each(binary, arch, |slice| slice.arch.clone())
}

fn platform(binary: &Binary) -> Option<Value> {
    let one = match (&binary.os, &binary.arch) {
        (Some(os), Some(arch)) => Some(oci_platform(&os.value, &arch.value, &binary.variants)),
        _ => None,
    };
    one_or_each(binary, one.as_deref(), |slice| {
        let (os, arch) = (slice.os.as_ref()?, slice.arch.as_ref()?);
        Some(oci_platform(os, arch, &slice.variants))
    })
}

/// The value of a file with a single platform, or the list of those of its slices without duplicates.
fn one_or_each(
    binary: &Binary,
    one: Option<&str>,
    of: impl Fn(&Slice) -> Option<String>,
) -> Option<Value> {
    if binary.slices.is_empty() {
        return Some(Value::One(one?.into()));
    }
    let list = super::each_once(binary.slices.iter().filter_map(of));
    (!list.is_empty()).then_some(Value::List(list))
}

/// The value of one of Go's variables for variants of architectures.
fn variant(binary: &Binary, name: &str) -> Option<Vec<u8>> {
    variant_of(&binary.variants, name).map(Vec::from)
}

fn variant_of<'a>(variants: &'a [(&'static str, String)], name: &str) -> Option<&'a str> {
    let found = variants.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

/// A platform in OCI's notation.
fn oci_platform(os: &str, arch: &str, variants: &[(&'static str, String)]) -> String {
    match oci_variant(arch, variants) {
        Some(variant) => format!("{os}/{arch}/{variant}"),
        None => format!("{os}/{arch}"),
    }
}

/// The variant in OCI's notation (image-index.md, "platform": `v6`, `v7`, `v8`), if Go's variant implies
/// one.
fn oci_variant(arch: &str, variants: &[(&'static str, String)]) -> Option<String> {
    match arch {
        // GOARM may be `6,softfloat`.
        "arm" => {
            let arm = variant_of(variants, "GOARM")?.split(',').next();
            arm.map(|version| format!("v{version}"))
        }
        // amd64 without a variant means v1.
        "amd64" => variant_of(variants, "GOAMD64")
            .filter(|version| *version != "v1")
            .map(str::to_owned),
        _ => None,
    }
}

fn format(format: Format) -> &'static str {
    match format {
        Format::Elf => "elf",
        Format::Pe => "pe",
        Format::MachO => "macho",
        Format::MachOUniversal => "macho-universal",
        Format::Wasm => "wasm",
        Format::Xcoff => "xcoff",
        Format::Plan9 => "plan9",
        Format::GoArchive => "go-archive",
        Format::Ar => "ar",
        Format::Script => "script",
    }
}

fn kind(kind: BinaryKind) -> &'static str {
    match kind {
        BinaryKind::Executable => "executable",
        BinaryKind::SharedLibrary => "shared-library",
        BinaryKind::Object => "object",
        BinaryKind::Archive => "archive",
        BinaryKind::KernelModule => "kernel-module",
        BinaryKind::Core => "core",
        BinaryKind::Script => "script",
    }
}

fn source(source: FactSource) -> &'static str {
    match source {
        FactSource::Header => "header",
        FactSource::Note => "note",
        FactSource::OsAbi => "osabi",
        FactSource::BuildInfo => "buildinfo",
        FactSource::Assumed => "assumed",
    }
}

fn byte_order(endian: Endian) -> &'static str {
    match endian {
        Endian::Little => "little",
        Endian::Big => "big",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::VARIANTS;
    use crate::view::keys::{Known, facts};

    #[test]
    fn the_variants_are_keys_in_their_order() {
        let keys = PLATFORM.keys.iter().map(|key| key.name);
        let known: Vec<_> = keys.filter(|key| VARIANTS.contains(key)).collect();
        assert_eq!(known, VARIANTS);
    }

    #[test]
    fn several_platforms_are_a_list() {
        let slice = |arch: &str, variants| Slice {
            os: Some("darwin".into()),
            arch: Some(arch.into()),
            variants,
        };
        let binary = Binary {
            slices: vec![
                slice("amd64", vec![("GOAMD64", "v3".to_owned())]),
                slice("arm64", Vec::new()),
            ],
            ..Binary::default()
        };
        let facts = facts(&Known {
            binary: Some(&binary),
            ..Known::default()
        });
        let lines: Vec<_> = facts
            .iter()
            .filter(|fact| PLATFORM.keys.iter().any(|key| key.name == fact.key))
            .map(|f| format!("{}={}", f.key, String::from_utf8_lossy(&f.value.escaped())))
            .collect();
        let expected = [
            "GOOS=darwin",
            "GOARCH=amd64 arm64",
            "PLATFORM=darwin/amd64/v3 darwin/arm64",
        ];
        assert_eq!(lines, expected);
    }
}
