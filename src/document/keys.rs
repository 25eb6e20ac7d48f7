//! The entries of maps. Their keys are data, not the names of fields.

use std::borrow::Cow;
use std::collections::HashMap;
use std::vec;

use super::ambiguity::{Ambiguities, AmbiguityKind};
use super::path::Path;
use super::text::decode;
use super::values::{Members, same_value};

/// Iterates over the entries of all objects that are decoded into one map. Records an ambiguity for each
/// key that occurs in one object with different values.
pub(super) struct Entries<'a, 'p> {
    objects: vec::IntoIter<&'a [u8]>,
    members: Option<Members<'a>>,
    /// The keys of the current object, each with its last value.
    seen: HashMap<Cow<'a, str>, &'a [u8]>,
    path: &'p Path<'p>,
    ambiguities: &'p Ambiguities,
}

impl<'a, 'p> Entries<'a, 'p> {
    pub(super) fn new(
        objects: Vec<&'a [u8]>,
        path: &'p Path<'p>,
        ambiguities: &'p Ambiguities,
    ) -> Self {
        Self {
            objects: objects.into_iter(),
            members: None,
            seen: HashMap::new(),
            path,
            ambiguities,
        }
    }
}

impl<'a> Iterator for Entries<'a, '_> {
    type Item = (Cow<'a, str>, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = loop {
            if let Some(member) = self.members.as_mut().and_then(Iterator::next) {
                break member;
            }
            self.members = Some(Members::new(self.objects.next()?));
            self.seen.clear();
        };
        let key = decode(key);
        let path = Path::Member(self.path, &key.text);
        if key.replaced {
            self.ambiguities.add(&path, AmbiguityKind::ReplacedText);
        }
        let last = self.seen.insert(key.text.clone(), value);
        if last.is_some_and(|last| !same_value(last, value)) {
            self.ambiguities.add(&path, AmbiguityKind::DuplicateName);
        }
        Some((key.text, value))
    }
}
