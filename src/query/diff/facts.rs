//! What differs in what two executables are.

use crate::view::facts::{Fact, Subject, Value, of_binary};
use crate::view::{ImageFs, KEYS, ViewError};

/// Facts of the file, not of its bytes: they are compared as attributes, or are nothing to compare.
const OF_THE_FILE: [&str; 7] = [
    "IMGFS_ARCH",
    "PATH",
    "EXECUTABLE",
    "SIZE",
    "MODE",
    "UID",
    "GID",
];

/// A fact that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactChange {
    /// Its key, as in a sidecar.
    pub key: &'static str,
    /// What the old image has; `None` if the key does not apply there.
    pub old: Option<Value>,
    /// What the new image has.
    pub new: Option<Value>,
}

impl FactChange {
    /// The two build ids, if it is those that differ.
    pub(super) fn build_ids(&self) -> Option<(&[u8], &[u8])> {
        match (self.key, &self.old, &self.new) {
            ("BUILD_ID", Some(Value::One(old)), Some(Value::One(new))) => Some((old, new)),
            _ => None,
        }
    }
}

/// The facts of a file's bytes; of what is no executable, none.
pub(super) fn of(view: &ImageFs, ino: u64) -> Result<Vec<Fact>, ViewError> {
    let Some(binary) = view.binary(ino)? else {
        return Ok(Vec::new());
    };
    let attr = view.getattr(ino)?;
    let subject = Subject {
        path: b"",
        size: attr.size,
        mode: attr.mode.into(),
        uid: attr.uid,
        gid: attr.gid,
    };
    let mut facts = of_binary(subject, &binary);
    facts.retain(|fact| !OF_THE_FILE.contains(&fact.key));
    Ok(facts)
}

/// The facts that differ, in the order of the format.
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
