//! Compares the facts of two executables.

use crate::view::facts::{Fact, Value, of_bytes};
use crate::view::{ImageFs, KEYS, ViewError};

/// A fact that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactChange {
    /// The key, as in a sidecar.
    pub key: &'static str,
    /// The value in the old image, or `None` if the key does not apply there.
    pub old: Option<Value>,
    /// The value in the new image, or `None` if the key does not apply there.
    pub new: Option<Value>,
}

impl FactChange {
    /// The two build ids, if this is a change of the build id.
    pub(super) fn build_ids(&self) -> Option<(&[u8], &[u8])> {
        match (self.key, &self.old, &self.new) {
            ("BUILD_ID", Some(Value::One(old)), Some(Value::One(new))) => Some((old, new)),
            _ => None,
        }
    }
}

/// Returns the facts that depend on a file's bytes. Empty for a file that is not an executable.
pub(super) fn of(view: &ImageFs, ino: u64) -> Result<Vec<Fact>, ViewError> {
    let Some(binary) = view.binary(ino)? else {
        return Ok(Vec::new());
    };
    Ok(of_bytes(&binary))
}

/// Returns the facts that differ, in the order of the format.
pub(super) fn changes(old: &[Fact], new: &[Fact]) -> Vec<FactChange> {
    let value = |facts: &[Fact], key| {
        let found = facts.iter().find(|fact| fact.key == key);
        found.map(|fact| fact.value.clone())
    };
    let change = |key| FactChange {
        key,
        old: value(old, key),
        new: value(new, key),
    };
    let changes = KEYS.into_iter().map(change);
    changes.filter(|change| change.old != change.new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_the_order_of_the_format() {
        let facts = |list: &[(&'static str, &str)]| -> Vec<Fact> {
            let fact = |&(key, value): &(&'static str, &str)| Fact {
                key,
                value: Value::One(value.into()),
            };
            list.iter().map(fact).collect()
        };
        let old = facts(&[("FORMAT", "elf"), ("LIBC", "musl"), ("PIE", "no")]);
        let new = facts(&[
            ("FORMAT", "elf"),
            ("GOOS", "linux"),
            ("LIBC", "glibc"),
            ("NX", "yes"),
        ]);
        let keys = |old: &[Fact], new: &[Fact]| -> Vec<&str> {
            changes(old, new).iter().map(|change| change.key).collect()
        };
        assert_eq!(keys(&old, &new), ["GOOS", "LIBC", "PIE", "NX"]);
        assert_eq!(keys(&old, &old), [""; 0]);
        assert_eq!(keys(&[], &old), ["FORMAT", "LIBC", "PIE"]);
        let nx = changes(&old, &new).pop().unwrap();
        assert_eq!((nx.old, nx.new), (None, Some(Value::One("yes".into()))));
    }
}
