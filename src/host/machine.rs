//! The first bytes of each architecture's programs, as the kernel compares them to find a handler.

/// `e_type` of a program at a fixed address, and of a position-independent one (elf(5)).
pub(super) const ET_EXEC: u16 = 2;
pub(super) const ET_DYN: u16 = 3;

/// `EI_OSABI`: none, used by nearly all programs, and GNU, used by static glibc programs (they
/// contain indirect functions).
pub(super) const OSABIS: [u8; 2] = [0, 3];

/// The architectures that Go supports on Linux (`go tool dist list`). Released images use the same
/// ones.
pub(crate) const ARCHES: [&str; 13] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x",
];

/// Whether `EI_CLASS` is 64-bit, whether `EI_DATA` is big-endian, `e_machine`, and the `e_flags`
/// that compilers set.
fn header_of(arch: &str) -> Option<(bool, bool, u16, u32)> {
    Some(match arch {
        "386" => (false, false, 3, 0),
        "amd64" => (true, false, 62, 0),
        "arm" => (false, false, 40, 0x0500_0400),
        "arm64" => (true, false, 183, 0),
        "loong64" => (true, false, 258, 0x43),
        "mips" => (false, true, 8, 0x7000_1007),
        "mips64" => (true, true, 8, 0x8000_0007),
        "mips64le" => (true, false, 8, 0x8000_0007),
        "mipsle" => (false, false, 8, 0x7000_1007),
        "ppc64" => (true, true, 21, 1),
        "ppc64le" => (true, false, 21, 2),
        "riscv64" => (true, false, 243, 5),
        "s390x" => (true, true, 22, 0),
        _ => return None,
    })
}

/// Returns the ELF header of a program of this architecture (elf(5), `Elf32_Ehdr` and
/// `Elf64_Ehdr`).
pub(super) fn head(arch: &str, kind: u16, osabi: u8) -> Option<Vec<u8>> {
    let (wide, big, machine, flags) = header_of(arch)?;
    let half = |value: u16| match big {
        true => value.to_be_bytes(),
        false => value.to_le_bytes(),
    };
    let word = |value: u32| match big {
        true => value.to_be_bytes(),
        false => value.to_le_bytes(),
    };
    let class = if wide { 2 } else { 1 };
    let data = if big { 2 } else { 1 };
    let mut head = vec![0x7f, b'E', b'L', b'F', class, data, 1, osabi];
    head.resize(16, 0);
    head.extend(half(kind));
    head.extend(half(machine));
    head.extend(word(1));
    // The entry point and the offsets of the two tables. No handler matches on them.
    head.extend(vec![0; if wide { 24 } else { 12 }]);
    head.extend(word(flags));
    // The kernel compares at most 256 bytes (BINPRM_BUF_SIZE of binfmts.h).
    head.resize(256, 0);
    Some(head)
}

/// Whether a kernel of architecture `host` runs programs of architecture `arch` natively.
pub(super) fn runs(host: &str, arch: &str) -> bool {
    host == arch
        || matches!(
            (host, arch),
            ("amd64", "386") | ("arm64", "arm") | ("mips64", "mips") | ("mips64le", "mipsle")
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decoder of executables recognizes the architecture of each header.
    #[test]
    fn heads_are_those_of_their_machines() {
        for arch in ARCHES {
            for kind in [ET_EXEC, ET_DYN] {
                let head = head(arch, kind, 0).unwrap();
                let binary = crate::inspect::inspect(&head.as_slice());
                let found = binary.and_then(|b| b.arch).map(|a| a.value);
                assert_eq!(found.as_deref(), Some(arch));
            }
        }
        assert_eq!(head("vax", ET_EXEC, 0), None);
    }
}
