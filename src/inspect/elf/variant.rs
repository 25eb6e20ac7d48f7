//! Which variant of its machine a file needs, in the terms of Go's variables (GOARM, GOAMD64, …).
//!
//! Go's linker leaves no mark of it outside the build information, so its settings are taken where
//! there are any. For C there are three marks: the build attributes of ARM, the ABI flags of MIPS,
//! and the GNU property of x86. Where there is none, nothing is said: no mark does not mean baseline.

use object::elf::{EM_MIPS, FileHeader32, PT_MIPS_ABIFLAGS, SHT_ARM_ATTRIBUTES, Tag_File};
use object::endian::Endianness;
use object::read::elf::AttributesSection;

use super::header::Header;
use super::note::Notes;
use super::section::Sections;
use super::segment::Segments;
use crate::inspect::binary::GoBuild;
use crate::inspect::read;
use crate::inspect::source::Source;

/// Some hundred bytes in practice.
const ATTRIBUTES_LIMIT: u64 = 64 << 10;

/// The variable of each machine (`internal/buildcfg`).
const VARIABLES: [(&str, &str); 11] = [
    ("386", "GO386"),
    ("amd64", "GOAMD64"),
    ("arm", "GOARM"),
    ("arm64", "GOARM64"),
    ("mips", "GOMIPS"),
    ("mipsle", "GOMIPS"),
    ("mips64", "GOMIPS64"),
    ("mips64le", "GOMIPS64"),
    ("ppc64", "GOPPC64"),
    ("ppc64le", "GOPPC64"),
    ("riscv64", "GORISCV64"),
];

/// The variant of a file for `arch`: none or one variable with its value.
pub(super) fn detect(
    source: &dyn Source,
    header: &Header,
    arch: &str,
    segments: Option<&Segments>,
    sections: Option<&Sections>,
    notes: &Notes,
    go: Option<&GoBuild>,
) -> Vec<(&'static str, String)> {
    let Some(&(_, variable)) = VARIABLES.iter().find(|(machine, _)| *machine == arch) else {
        return Vec::new();
    };
    let claimed = go
        .and_then(|go| go.setting(variable))
        .filter(|value| !value.is_empty());
    let marked = || match arch {
        "arm" => goarm(source, header, sections?).map(str::to_owned),
        "amd64" => goamd64(notes.x86_isa_needed?).map(str::to_owned),
        _ if header.machine == EM_MIPS => gomips(source, segments?).map(str::to_owned),
        _ => None,
    };
    let value = claimed.map(str::to_owned).or_else(marked);
    value.map(|value| (variable, value)).into_iter().collect()
}

/// GOARM from the build attributes, in the section `.ARM.attributes` (Addenda to the ABI for the Arm
/// architecture, section 3).
fn goarm(source: &dyn Source, header: &Header, sections: &Sections) -> Option<&'static str> {
    let section = sections.of_kind(SHT_ARM_ATTRIBUTES).next()?;
    let bytes = read::prefix(source, section.offset, section.size, ATTRIBUTES_LIMIT)?;
    goarm_of_architecture(cpu_arch(&bytes, header.layout.endian)?)
}

/// Tag_CPU_arch of the whole file.
fn cpu_arch(bytes: &[u8], endian: Endianness) -> Option<u64> {
    let section = AttributesSection::<FileHeader32<Endianness>>::new(endian, bytes).ok()?;
    for subsection in section.subsections().ok()?.map_while(Result::ok) {
        if subsection.vendor() != b"aeabi" {
            continue;
        }
        for part in subsection.subsubsections().map_while(Result::ok) {
            if part.tag() != Tag_File {
                continue;
            }
            let mut attributes = part.attributes();
            while let Ok(Some(tag)) = attributes.read_tag() {
                match tag {
                    TAG_CPU_ARCH => return attributes.read_integer().ok(),
                    // CPU_raw_name and CPU_name are strings; and above 32, the odd ones. Tag 32 is a
                    // number and a string.
                    4 | 5 => drop(attributes.read_string().ok()?),
                    32 => {
                        attributes.read_integer().ok()?;
                        attributes.read_string().ok()?;
                    }
                    33.. if tag % 2 == 1 => drop(attributes.read_string().ok()?),
                    _ => drop(attributes.read_integer().ok()?),
                }
            }
        }
    }
    None
}

/// Tag_CPU_arch (section 3.3.5.2 there).
const TAG_CPU_ARCH: u64 = 6;

/// The value of GOARM that such a processor is for. Go has nothing older than v5, and nothing for
/// microcontrollers, which do not have the A32 instructions.
fn goarm_of_architecture(cpu_arch: u64) -> Option<&'static str> {
    Some(match cpu_arch {
        // v5T, v5TE, v5TEJ
        3..=5 => "5",
        // v6, v6KZ, v6T2, v6K
        6..=9 => "6",
        // v7, v8-A, v8-R, v9-A
        10 | 14 | 15 | 22 => "7",
        _ => return None,
    })
}

/// GOMIPS and GOMIPS64 from PT_MIPS_ABIFLAGS (`Elf_MIPS_ABIFlags_v0`, MIPS O32 FPXX ABI): byte 7 is the
/// floating point ABI.
fn gomips(source: &dyn Source, segments: &Segments) -> Option<&'static str> {
    let flags = segments.first(PT_MIPS_ABIFLAGS)?;
    let flags = read::prefix(source, flags.offset, flags.filesz, 24)?;
    match flags.get(7)? {
        // Val_GNU_MIPS_ABI_FP_SOFT; then DOUBLE, SINGLE, OLD_64, XX, 64, 64A.
        3 => Some("softfloat"),
        1 | 2 | 4..=7 => Some("hardfloat"),
        _ => None,
    }
}

/// GOAMD64 from GNU_PROPERTY_X86_ISA_1_NEEDED (x86-64 psABI, linux extensions): the highest bit.
fn goamd64(needed: u32) -> Option<&'static str> {
    match needed & 0xf {
        0 => None,
        1 => Some("v1"),
        2..=3 => Some("v2"),
        4..=7 => Some("v3"),
        _ => Some("v4"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in Debian armhf: `readelf -A` says CPU_name "7-A", CPU_arch v7, …
    fn attributes(file_attributes: &[u8]) -> Vec<u8> {
        let file = [
            &[1][..],
            &(file_attributes.len() as u32 + 5).to_le_bytes(),
            file_attributes,
        ];
        let file = file.concat();
        let vendor = [
            &(file.len() as u32 + 10).to_le_bytes()[..],
            b"aeabi\0",
            &file,
        ]
        .concat();
        [b"A", &vendor[..]].concat()
    }

    #[test]
    fn the_architecture_is_an_attribute() {
        let arch = |bytes: &[u8]| cpu_arch(&attributes(bytes), Endianness::Little);
        assert_eq!(arch(b"\x05\x37-A\0\x06\x0a\x07\x41"), Some(10));
        assert_eq!(arch(b"\x43\x32.09\0\x06\x04"), Some(4));
        assert_eq!(arch(b"\x20\x01gnu\0\x06\x06"), Some(6));
        assert_eq!(arch(b"\x07\x41"), None);
        assert_eq!(arch(b"\x05abc"), None);
        assert_eq!(cpu_arch(b"", Endianness::Little), None);
        assert_eq!(
            cpu_arch(b"A\xff\xff\xff\xffaeabi\0", Endianness::Little),
            None
        );
    }

    #[test]
    fn architectures_of_arm() {
        let all = [
            (2, None),
            (4, Some("5")),
            (6, Some("6")),
            (10, Some("7")),
            (11, None),
            (14, Some("7")),
        ];
        for (arch, expected) in all {
            assert_eq!(goarm_of_architecture(arch), expected);
        }
    }

    #[test]
    fn levels_of_amd64() {
        let all = [
            (0, None),
            (1, Some("v1")),
            (3, Some("v2")),
            (5, Some("v3")),
            (15, Some("v4")),
        ];
        for (needed, expected) in all {
            assert_eq!(goamd64(needed), expected);
        }
    }
}
