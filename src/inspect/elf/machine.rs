//! The names of architectures: GOARCH names where Go has one, else the usual name in lower case.
//!
//! The name depends on four fields: e_machine, EI_CLASS (x32 is amd64 code with 32-bit pointers),
//! EI_DATA (mips and mipsle) and, for MIPS, e_flags (n32). Go's names come from `internal/goarch`
//! and `go tool dist list`, including the reserved ones (`armbe`, `sparc64`).

use object::elf::{
    self, EF_MIPS_ABI2, EM_68K, EM_386, EM_AARCH64, EM_ALPHA, EM_ALTERA_NIOS2, EM_ARC_COMPACT,
    EM_ARC_COMPACT2, EM_ARM, EM_BPF, EM_CSKY, EM_FAKE_ALPHA, EM_HEXAGON, EM_IA_64, EM_LOONGARCH,
    EM_MCST_ELBRUS, EM_MICROBLAZE, EM_MIPS, EM_MIPS_RS3_LE, EM_OPENRISC, EM_PARISC, EM_PPC,
    EM_PPC64, EM_RISCV, EM_S390, EM_SH, EM_SPARC, EM_SPARC32PLUS, EM_SPARCV9, EM_X86_64, EM_XTENSA,
};
use object::endian::Endianness;

use super::header::ElfHeader;

/// Returns the name of the header's architecture.
pub(super) fn name(header: &ElfHeader) -> String {
    let big = header.layout.endian == Endianness::Big;
    let wide = header.layout.wide;
    let name = match (header.machine, wide, big) {
        (EM_386, _, _) => "386",
        (EM_X86_64, true, _) => "amd64",
        (EM_X86_64, false, _) => "x32",
        (EM_ARM, _, false) => "arm",
        (EM_ARM, _, true) => "armbe",
        (EM_AARCH64, true, false) => "arm64",
        (EM_AARCH64, true, true) => "arm64be",
        (EM_AARCH64, false, false) => "arm64ilp32",
        (EM_AARCH64, false, true) => "arm64beilp32",
        (EM_PPC64, _, false) => "ppc64le",
        (EM_PPC64, _, true) => "ppc64",
        (EM_PPC, _, false) => "ppcle",
        (EM_PPC, _, true) => "ppc",
        (EM_MIPS | EM_MIPS_RS3_LE, _, _) => mips(header.flags, wide, big),
        (EM_S390, true, _) => "s390x",
        (EM_S390, false, _) => "s390",
        (EM_RISCV, true, _) => "riscv64",
        (EM_RISCV, false, _) => "riscv32",
        (EM_LOONGARCH, true, _) => "loong64",
        (EM_LOONGARCH, false, _) => "loong32",
        (EM_SPARC | EM_SPARC32PLUS, _, _) => "sparc",
        (EM_SPARCV9, _, _) => "sparc64",
        (EM_BPF, _, _) => "bpf",
        (EM_ALPHA | EM_FAKE_ALPHA, _, _) => "alpha",
        (EM_68K, _, _) => "m68k",
        (EM_PARISC, false, _) => "hppa",
        (EM_PARISC, true, _) => "hppa64",
        (EM_IA_64, _, _) => "ia64",
        (EM_SH, _, false) => "sh",
        (EM_SH, _, true) => "sheb",
        (elf::EM_ARC | EM_ARC_COMPACT | EM_ARC_COMPACT2, _, _) => "arc",
        (EM_XTENSA, _, _) => "xtensa",
        (EM_MICROBLAZE, _, false) => "microblazeel",
        (EM_MICROBLAZE, _, true) => "microblaze",
        (EM_OPENRISC, _, _) => "or1k",
        (EM_ALTERA_NIOS2, _, _) => "nios2",
        (EM_CSKY, _, _) => "csky",
        (EM_HEXAGON, _, _) => "hexagon",
        (EM_MCST_ELBRUS, _, _) => "e2k",
        (elf::EM_AVR, _, _) => "avr",
        (elf::EM_MSP430, _, _) => "msp430",
        (elf::EM_VAX, _, _) => "vax",
        (elf::EM_TILEGX, _, _) => "tilegx",
        (elf::EM_AMDGPU, _, _) => "amdgpu",
        (elf::EM_CUDA, _, _) => "cuda",
        (machine, _, _) => return format!("elf-machine-0x{machine:x}"),
    };
    name.into()
}

/// The n32 ABI is 64-bit code in 32-bit files. EF_MIPS_ABI2 distinguishes it from o32.
fn mips(flags: u32, wide: bool, big: bool) -> &'static str {
    let n32 = flags & EF_MIPS_ABI2.0 != 0;
    match (wide, n32, big) {
        (true, _, true) => "mips64",
        (true, _, false) => "mips64le",
        (false, true, true) => "mips64p32",
        (false, true, false) => "mips64p32le",
        (false, false, true) => "mips",
        (false, false, false) => "mipsle",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only magic, class, data and machine matter here. See `Elf64_Ehdr` for the other fields.
    fn named(class: u8, data: u8, machine: u16, flags: u32) -> String {
        let big = data == 2;
        let half = |value: u16| {
            if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        let word = |value: u32| {
            if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        let (len, flags_at) = if class == 2 { (64, 48) } else { (52, 36) };
        let mut bytes = vec![0; len];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, data]);
        bytes[18..20].copy_from_slice(&half(machine));
        bytes[flags_at..flags_at + 4].copy_from_slice(&word(flags));
        bytes[flags_at + 4..flags_at + 6].copy_from_slice(&half(len as u16));
        name(&ElfHeader::read(&bytes).unwrap())
    }

    #[test]
    fn go_names() {
        // From `go tool dist list` and the machine numbers of the ELF registry.
        for (class, data, machine, expected) in [
            (1, 1, 3, "386"),
            (2, 1, 62, "amd64"),
            (1, 1, 40, "arm"),
            (2, 1, 183, "arm64"),
            (2, 1, 258, "loong64"),
            (1, 2, 8, "mips"),
            (1, 1, 8, "mipsle"),
            (2, 2, 8, "mips64"),
            (2, 1, 8, "mips64le"),
            (2, 2, 21, "ppc64"),
            (2, 1, 21, "ppc64le"),
            (2, 1, 243, "riscv64"),
            (2, 2, 22, "s390x"),
        ] {
            assert_eq!(named(class, data, machine, 0), expected);
        }
    }

    #[test]
    fn class_and_byte_order_change_the_name() {
        assert_eq!(named(1, 1, 62, 0), "x32");
        assert_eq!(named(1, 1, 183, 0), "arm64ilp32");
        assert_eq!(named(2, 2, 183, 0), "arm64be");
        assert_eq!(named(1, 2, 40, 0), "armbe");
        assert_eq!(named(1, 1, 243, 0), "riscv32");
        assert_eq!(named(1, 2, 22, 0), "s390");
    }

    #[test]
    fn n32_is_told_by_a_flag() {
        assert_eq!(named(1, 2, 8, 0x8000_0027), "mips64p32");
        assert_eq!(named(1, 1, 8, 0x8000_0027), "mips64p32le");
        assert_eq!(named(1, 2, 8, 0x7000_1007), "mips");
    }

    #[test]
    fn machines_without_a_name_show_their_number() {
        assert_eq!(named(1, 1, 0x1234, 0), "elf-machine-0x1234");
        assert_eq!(named(1, 1, 0, 0), "elf-machine-0x0");
    }
}
