//! The names of Go's variables for architecture variants. Facts are serialized by name, and
//! deserialized to the same static names.

use serde::{Deserialize, Deserializer, de};

/// All variables, in the order of the sidecar format.
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

/// Deserializes a list of names and values.
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
