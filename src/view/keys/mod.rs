//! The schema of keys: one declaration for each fact.
//!
//! A row ([`Key`]) is the only place that names a key. It says what the value is, how it is derived, and
//! what it means. Everything else follows from the rows and their order: sidecars, extended attributes,
//! the columns of `binaries.tsv`, JSON, the checks of `imgfs find --where`, the facts that `imgfs diff`
//! compares, and the tables of keys in `README.md` and `docs/keys.md`.
//!
//! To add a key, add a row to one of the groups, and update the documents with
//! `IMGFS_RENEW=1 cargo test --lib view::keys`. If the fact is not in [`Binary`](crate::inspect::Binary)
//! yet, add a field there and set it where the format is decoded.

mod derive;
#[cfg(test)]
mod documents;
mod file;
mod findings;
mod format;
mod go;
mod hardening;
mod hidden;
mod layer;
mod linking;
mod on_request;
#[cfg(test)]
mod test_key;
#[cfg(test)]
mod tests;

pub(super) use derive::{Derive, Known, NumberedLayer, Source, ValueOf};

use super::facts::{Fact, Value};

/// A key: one row of the table.
#[derive(Debug)]
pub(crate) struct Key {
    /// The name, in upper case, with words separated by `_`.
    pub name: &'static str,
    /// The type of the value, and how it is derived.
    pub(super) value: ValueOf,
    /// What the value means, in one line of Markdown.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the documents use it"))]
    pub doc: &'static str,
}

/// Keys about one subject, which follow each other in the order of the format.
struct Group {
    /// The heading of the group in `docs/keys.md`.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the documents use it"))]
    title: &'static str,
    /// What the keys are about, in one line of Markdown, as in the README.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the documents use it"))]
    summary: &'static str,
    keys: &'static [Key],
}

/// All groups, in the order in which facts are written.
const GROUPS: &[Group] = &[
    format::FORMAT,
    format::PLATFORM,
    linking::LINKING,
    hardening::HARDENING,
    go::GO,
    #[cfg(test)]
    test_key::TEST,
    file::FILE,
    layer::LAYER,
    findings::FINDINGS,
    hidden::HIDDEN,
    on_request::ON_REQUEST,
];

/// Names are distinct.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Key {}

impl Key {
    /// Returns whether the key depends on the findings, which require examining the whole image.
    pub(crate) fn needs_findings(&self) -> bool {
        self.value.source() == Source::Findings
    }

    /// Returns whether executables of the merged tree may have the key: it is a column of `binaries.tsv`
    /// and can be used in conditions.
    const fn is_column(&self) -> bool {
        match self.value.source() {
            Source::Binary | Source::File | Source::Layer | Source::Findings => true,
            Source::Hidden | Source::Digest | Source::Content => false,
        }
    }

    /// Returns whether the value is computed only if it is requested by name, because it requires reading
    /// the bytes of files.
    fn is_on_request(&self) -> bool {
        matches!(self.value.source(), Source::Digest | Source::Content)
    }

    /// Returns what a value of the key must be, if `value` cannot be one: `yes or no`, or `a number`.
    pub(crate) fn mismatch(&self, value: &[u8]) -> Option<&'static str> {
        self.value.mismatch(value)
    }
}

/// Returns all keys, in the order in which facts are written.
fn all() -> impl Iterator<Item = &'static Key> {
    GROUPS.iter().flat_map(|group| group.keys)
}

/// Returns the keys that executables of the merged tree may have, in the order of the format.
fn columns() -> impl Iterator<Item = &'static Key> {
    all().filter(|key| key.is_column())
}

/// Returns the key with this name, if executables of the merged tree may have it.
pub(crate) fn column(name: &str) -> Option<&'static Key> {
    columns().find(|key| key.name == name)
}

/// Returns the keys that depend on the findings.
pub(super) fn of_findings() -> impl Iterator<Item = &'static Key> {
    all().filter(|key| key.needs_findings())
}

/// Returns the keys whose values are computed only if they are requested by name.
pub(super) fn on_request() -> impl Iterator<Item = &'static Key> {
    all().filter(|key| key.is_on_request())
}

/// Derives the facts of a file, in the order of the format. Keys that do not apply are left out.
pub(super) fn facts(known: &Known<'_>) -> Vec<Fact> {
    facts_of(known, &|_| true)
}

/// Like [`facts`], but only derives the keys that are wanted.
pub(super) fn facts_of(known: &Known<'_>, wanted: &dyn Fn(&Key) -> bool) -> Vec<Fact> {
    let fact = |key: &'static Key| {
        let value = key.value.derive(known)?;
        let key = key.name;
        Some(Fact { key, value })
    };
    all().filter(|key| wanted(key)).filter_map(fact).collect()
}

/// The values of a list without duplicates.
fn each_once(values: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
    let mut list: Vec<Vec<u8>> = Vec::new();
    for value in values.map(String::into_bytes) {
        if !list.contains(&value) {
            list.push(value);
        }
    }
    list
}

/// The number of keys that executables of the merged tree may have.
const COLUMNS: usize = {
    let (mut group, mut count) = (0, 0);
    while group < GROUPS.len() {
        let mut key = 0;
        while key < GROUPS[group].keys.len() {
            count += GROUPS[group].keys[key].is_column() as usize;
            key += 1;
        }
        group += 1;
    }
    count
};

/// The names of the keys that executables of the merged tree may have, in the order of the format. They are
/// the columns of `binaries.tsv` and the names that a condition may use.
pub const KEYS: [&str; COLUMNS] = {
    let (mut group, mut count) = (0, 0);
    let mut names = [""; COLUMNS];
    while group < GROUPS.len() {
        let mut key = 0;
        while key < GROUPS[group].keys.len() {
            if GROUPS[group].keys[key].is_column() {
                names[count] = GROUPS[group].keys[key].name;
                count += 1;
            }
            key += 1;
        }
        group += 1;
    }
    names
};
