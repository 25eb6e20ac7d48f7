//! The variant of the architecture that a file needs, as the value of a Go variable (GOARM,
//! GOAMD64, …).
//!
//! Go's linker records it only in the build information, so those settings take precedence. For C
//! there are four sources: the build attributes of ARM and RISC-V, the ABI flags of MIPS, and the
//! GNU property of x86. Without any of them the variant is unknown: their absence does not imply
//! the baseline.

use object::elf::{
    EM_MIPS, PT_MIPS_ABIFLAGS, PT_RISCV_ATTRIBUTES, SHT_ARM_ATTRIBUTES, SHT_RISCV_ATTRIBUTES,
};

use super::attributes;
use super::header::ElfHeader;
use super::note::Notes;
use super::riscv;
use super::section::SectionTable;
use super::segment::Segments;
use crate::inspect::binary::GoBuild;
use crate::inspect::go;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum length of build attributes in bytes. Real ones have some hundred.
const ATTRIBUTES_LIMIT: u64 = 64 << 10;

/// Returns the variant of a file for `arch`: at most one variable with its value.
pub(super) fn detect(
    source: &dyn Source,
    header: &ElfHeader,
    arch: &str,
    segments: Option<&Segments>,
    sections: Option<&SectionTable>,
    notes: &Notes,
    go_build: Option<&GoBuild>,
) -> Vec<(&'static str, String)> {
    let Some(variable) = go::variable(arch) else {
        return Vec::new();
    };
    let claimed = go_build.and_then(|go| go.variant(arch));
    let marked = || match arch {
        "arm" => goarm(source, header, sections?).map(str::to_owned),
        "amd64" => goamd64(notes.x86_isa_needed?).map(str::to_owned),
        "riscv64" => goriscv64(source, header, segments, sections).map(str::to_owned),
        _ if header.machine == EM_MIPS => gomips(source, segments?).map(str::to_owned),
        _ => None,
    };
    let variant = claimed.or_else(|| Some((variable, marked()?)));
    variant.into_iter().collect()
}

/// Returns GOARM from the build attributes in the section `.ARM.attributes` (Addenda to the ABI for
/// the Arm architecture, section 3).
fn goarm(source: &dyn Source, header: &ElfHeader, sections: &SectionTable) -> Option<&'static str> {
    let section = sections.of_kind(SHT_ARM_ATTRIBUTES).next()?;
    let bytes = read::prefix(source, section.offset, section.size, ATTRIBUTES_LIMIT)?;
    goarm_of_architecture(attributes::cpu_arch(&bytes, header.layout.endian)?)
}

/// Returns the value of GOARM for a processor architecture. Go supports nothing older than v5, and
/// no microcontrollers, because they lack the A32 instructions.
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

/// Returns GORISCV64 from the build attributes, which are in a segment or a section of their own
/// (RISC-V ELF psABI, "Attributes").
fn goriscv64(
    source: &dyn Source,
    header: &ElfHeader,
    segments: Option<&Segments>,
    sections: Option<&SectionTable>,
) -> Option<&'static str> {
    let segment = segments.and_then(|s| s.first(PT_RISCV_ATTRIBUTES));
    let segment = segment.map(|s| (s.offset, s.filesz));
    let section = || sections?.of_kind(SHT_RISCV_ATTRIBUTES).next();
    let (offset, len) = segment.or_else(|| section().map(|s| (s.offset, s.size)))?;
    let bytes = read::prefix(source, offset, len, ATTRIBUTES_LIMIT)?;
    riscv::profile(&attributes::riscv_arch(&bytes, header.layout.endian)?)
}

/// Returns GOMIPS and GOMIPS64 from PT_MIPS_ABIFLAGS (`Elf_MIPS_ABIFlags_v0`, MIPS O32 FPXX ABI).
/// Byte 7 is the floating-point ABI.
fn gomips(source: &dyn Source, segments: &Segments) -> Option<&'static str> {
    let flags = segments.first(PT_MIPS_ABIFLAGS)?;
    let flags = read::prefix(source, flags.offset, flags.filesz, 24)?;
    match flags.get(7)? {
        // Val_GNU_MIPS_ABI_FP_SOFT, then DOUBLE, SINGLE, OLD_64, XX, 64, 64A.
        3 => Some("softfloat"),
        1 | 2 | 4..=7 => Some("hardfloat"),
        _ => None,
    }
}

/// Returns GOAMD64 from the highest bit of GNU_PROPERTY_X86_ISA_1_NEEDED (x86-64 psABI, linux
/// extensions).
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
