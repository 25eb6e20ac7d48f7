//! Go's variables for architecture variants, and their values in the build information.

use crate::inspect::binary::GoBuild;

/// The variable of each architecture (`internal/buildcfg`).
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

/// Returns the variable of an architecture.
pub(in crate::inspect) fn of_machine(arch: &str) -> Option<&'static str> {
    let found = VARIABLES.iter().find(|(machine, _)| *machine == arch);
    found.map(|(_, variable)| *variable)
}

impl GoBuild {
    /// Returns the variant of `arch` that the program was built for: the variable and its value.
    pub(in crate::inspect) fn variant(&self, arch: &str) -> Option<(&'static str, String)> {
        let variable = of_machine(arch)?;
        let value = self.setting(variable).filter(|value| !value.is_empty())?;
        Some((variable, value.to_owned()))
    }
}
