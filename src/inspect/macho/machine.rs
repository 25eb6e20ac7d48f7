//! The names of architectures in Mach-O (`mach/machine.h`).

use object::macho::{
    CPU_SUBTYPE_ARM_V5TEJ, CPU_SUBTYPE_ARM_V6, CPU_SUBTYPE_ARM_V7, CPU_SUBTYPE_ARM_V7K,
    CPU_SUBTYPE_ARM_XSCALE, CPU_SUBTYPE_ARM64E, CPU_TYPE_ARM, CPU_TYPE_ARM64, CPU_TYPE_ARM64_32,
    CPU_TYPE_HPPA, CPU_TYPE_MC680X0, CPU_TYPE_POWERPC, CPU_TYPE_POWERPC64, CPU_TYPE_SPARC,
    CPU_TYPE_X86, CPU_TYPE_X86_64,
};

use super::header::MachHeader;

/// The bits of the subtype. The upper byte contains flags (CPU_SUBTYPE_MASK).
const SUBTYPE: u32 = 0x00ff_ffff;

/// CPU_SUBTYPE_X86_64_H: Haswell, which corresponds to GOAMD64=v3.
const X86_64_H: u32 = 8;

/// CPU_ARCH_ABI64.
const ABI64: u32 = 0x0100_0000;

/// Returns the name of the header's architecture.
pub(super) fn name(header: &MachHeader) -> String {
    match known(header.cpu_type.0, header.cpu_subtype.0) {
        Some(name) => name.into(),
        None => format!("macho-machine-0x{:x}", header.cpu_type),
    }
}

/// Returns the name of an architecture: the GOARCH name where Go has one.
pub(super) fn known(cpu_type: u32, cpu_subtype: u32) -> Option<&'static str> {
    let subtype = cpu_subtype & SUBTYPE;
    Some(match object::macho::CpuType(cpu_type) {
        CPU_TYPE_X86 => "386",
        CPU_TYPE_X86_64 => "amd64",
        CPU_TYPE_ARM => "arm",
        // Pointers are signed, so this is a separate ABI.
        CPU_TYPE_ARM64 if subtype == CPU_SUBTYPE_ARM64E.0 => "arm64e",
        CPU_TYPE_ARM64 => "arm64",
        CPU_TYPE_ARM64_32 => "arm64ilp32",
        CPU_TYPE_POWERPC => "ppc",
        CPU_TYPE_POWERPC64 => "ppc64",
        CPU_TYPE_MC680X0 => "m68k",
        CPU_TYPE_HPPA => "hppa",
        CPU_TYPE_SPARC => "sparc",
        _ => return None,
    })
}

/// Returns the word size, which is that of pointers: 32 for arm64_32.
pub(super) fn bits(header: &MachHeader) -> u8 {
    if header.cpu_type.0 & ABI64 != 0 {
        64
    } else {
        32
    }
}

/// Returns the variant that the subtype specifies.
pub(super) fn variant(header: &MachHeader) -> Option<(&'static str, String)> {
    let subtype = header.cpu_subtype.0 & SUBTYPE;
    let (variable, value) = match header.cpu_type {
        CPU_TYPE_X86_64 if subtype == X86_64_H => ("GOAMD64", "v3"),
        CPU_TYPE_ARM if subtype == CPU_SUBTYPE_ARM_V6.0 => ("GOARM", "6"),
        CPU_TYPE_ARM if [CPU_SUBTYPE_ARM_V5TEJ.0, CPU_SUBTYPE_ARM_XSCALE.0].contains(&subtype) => {
            ("GOARM", "5")
        }
        CPU_TYPE_ARM if (CPU_SUBTYPE_ARM_V7.0..=CPU_SUBTYPE_ARM_V7K.0).contains(&subtype) => {
            ("GOARM", "7")
        }
        _ => return None,
    };
    Some((variable, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_subtypes() {
        for (cpu_type, subtype, expected) in [
            (7, 3, Some("386")),
            (0x0100_0007, 0x8000_0003, Some("amd64")),
            (0x0100_000c, 0, Some("arm64")),
            (0x0100_000c, 0x8100_0002, Some("arm64e")),
            (0x0200_000c, 1, Some("arm64ilp32")),
            (18, 0, Some("ppc")),
            (52, 0, None),
        ] {
            assert_eq!(known(cpu_type, subtype), expected, "{cpu_type:#x}");
        }
    }
}
