//! The names of Go's variables for variants of a machine. Facts are written down by name and read
//! back as the same names.

use serde::{Deserialize, Deserializer, de};

/// All of them, in the order of the sidecar's format.
pub const VARIANTS: [&str; 8] = [
    "GOAMD64",
    "GO386",
    "GOARM",
    "GOARM64",
    "GOMIPS",
    "GOMIPS64",
    "GOPPC64",
    "GORISCV64",
];

/// Reads a list of names and values.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(&'static str, String)>, D::Error> {
    let read = Vec::<(String, String)>::deserialize(deserializer)?;
    let known = read.into_iter().map(|(name, value)| {
        let name = VARIANTS.into_iter().find(|known| *known == name);
        Ok((
            name.ok_or_else(|| de::Error::custom("no such variable"))?,
            value,
        ))
    });
    known.collect()
}
