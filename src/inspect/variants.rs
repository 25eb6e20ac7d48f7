//! The names of Go's variables for architecture variants, and how they are stored: as the variants of an
//! enum, so that another variable changes the schema of the cache.

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

/// All variables, in the order of the sidecar format.
pub(crate) const VARIANTS: [&str; 8] = [
    "GOAMD64",
    "GO386",
    "GOARM",
    "GOARM64",
    "GOMIPS",
    "GOMIPS64",
    "GOPPC64",
    "GORISCV64",
];

/// A variable as it is stored.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Variable {
    GoAmd64,
    Go386,
    GoArm,
    GoArm64,
    GoMips,
    GoMips64,
    GoPpc64,
    GoRiscv64,
}

impl Variable {
    /// All variables, in the order of [`VARIANTS`].
    const ALL: [Self; VARIANTS.len()] = [
        Self::GoAmd64,
        Self::Go386,
        Self::GoArm,
        Self::GoArm64,
        Self::GoMips,
        Self::GoMips64,
        Self::GoPpc64,
        Self::GoRiscv64,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::GoAmd64 => "GOAMD64",
            Self::Go386 => "GO386",
            Self::GoArm => "GOARM",
            Self::GoArm64 => "GOARM64",
            Self::GoMips => "GOMIPS",
            Self::GoMips64 => "GOMIPS64",
            Self::GoPpc64 => "GOPPC64",
            Self::GoRiscv64 => "GORISCV64",
        }
    }
}

/// Serializes a list of names and values.
pub(super) fn serialize<S: Serializer>(
    variants: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let stored = variants.iter().map(|(name, value)| {
        let mut all = Variable::ALL.into_iter();
        let variable = all.find(|variable| variable.name() == *name);
        Ok((
            variable.ok_or_else(|| ser::Error::custom("no such variable"))?,
            value,
        ))
    });
    let stored: Result<Vec<_>, S::Error> = stored.collect();
    stored?.serialize(serializer)
}

/// Deserializes a list of names and values.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(&'static str, String)>, D::Error> {
    let stored = Vec::<(Variable, String)>::deserialize(deserializer)?;
    let named = stored
        .into_iter()
        .map(|(variable, value)| (variable.name(), value));
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_stored_under_its_name() {
        assert_eq!(Variable::ALL.map(Variable::name), VARIANTS);
    }
}
