//! RISC-V profiles, which Go and OCI use as variants, derived from the extensions that a file was
//! compiled for.

/// The extensions of RVA20U64 (RISC-V Profiles), and the parts of them that have since been named
/// separately.
const RVA20: [&str; 16] = [
    "i", "m", "a", "f", "d", "c", "zicsr", "zifencei", "zicntr", "zmmul", "zaamo", "zalrsc", "zca",
    "zcd", "ziccrse", "za128rs",
];

/// The additional extensions of RVA22U64.
const RVA22: [&str; 14] = [
    "zihintpause",
    "zihpm",
    "zba",
    "zbb",
    "zbs",
    "zic64b",
    "zicbom",
    "zicbop",
    "zicboz",
    "zfhmin",
    "zkt",
    "za64rs",
    "ziccif",
    "ziccamoa",
];

/// The additional extensions of RVA23U64.
const RVA23: [&str; 12] = [
    "v",
    "zvfhmin",
    "zvbb",
    "zvkb",
    "zvkt",
    "zihintntl",
    "zicond",
    "zimop",
    "zcmop",
    "zcb",
    "zfa",
    "zawrs",
];

/// Returns the value of GORISCV64 for a string such as
/// `rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0`: the lowest profile that includes all extensions.
/// `None` if no profile does.
pub(super) fn profile(arch: &[u8]) -> Option<&'static str> {
    let arch = std::str::from_utf8(arch).ok()?.strip_prefix("rv64")?;
    let mut profile = 0;
    for extension in arch.split('_') {
        let name = without_version(extension);
        // The parts of V.
        let vector = name.starts_with("zve") || name.starts_with("zvl");
        profile = profile.max(if RVA20.contains(&name) {
            0
        } else if RVA22.contains(&name) {
            1
        } else if vector || RVA23.contains(&name) {
            2
        } else {
            return None;
        });
    }
    ["rva20u64", "rva22u64", "rva23u64"].get(profile).copied()
}

/// Removes the version from an extension such as `zicsr2p0`: a name, then a version of two numbers.
fn without_version(extension: &str) -> &str {
    let digits = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let minor = extension.get(..digits(extension)).unwrap_or_default();
    match minor.strip_suffix('p') {
        Some(major) if digits(major) < major.len() => {
            major.get(..digits(major)).unwrap_or_default()
        }
        _ => extension,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_by_extension() {
        for (arch, expected) in [
            (
                "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0_zifencei2p0",
                Some("rva20u64"),
            ),
            ("rv64i2p1_m2p0_zmmul1p0_zba1p0_zbs1p0", Some("rva22u64")),
            ("rv64i2p1_m2p0_v1p0_zve32f1p0_zvl128b1p0", Some("rva23u64")),
            ("rv64i2p1_xtheadba1p0", None),
            ("rv32i2p1_m2p0", None),
            ("", None),
        ] {
            assert_eq!(profile(arch.as_bytes()), expected, "{arch}");
        }
        assert_eq!(without_version("zvl128b1p0"), "zvl128b");
        assert_eq!(without_version("zvl128b"), "zvl128b");
    }
}
