//! The parts of lists, maps and structs. Each part is passed to serde with a [`Reader`] of its own.

use std::{slice, vec};

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::error::JsonError;
use super::keys::Entries;
use super::path::Path;
use super::reader::{Position, Reader};
use super::values::{Elements, JsonType, json_type};

/// The elements of a list.
pub(super) struct List<'a, 'p> {
    /// Earlier arrays, which left elements that the last array is decoded into.
    pub(super) earlier: Vec<Elements<'a>>,
    pub(super) last: Elements<'a>,
    pub(super) index: usize,
    pub(super) position: Position<'p>,
}

impl<'de> SeqAccess<'de> for List<'_, '_> {
    type Error = JsonError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, JsonError> {
        let Some(last) = self.last.next() else {
            return Ok(None);
        };
        let mut texts = Vec::new();
        // An array without further elements is dropped, so the total number of steps is the number of
        // elements.
        self.earlier.retain_mut(|array| {
            let text = array.next();
            texts.extend(text);
            text.is_some()
        });
        texts.push(last);
        let path = Path::Element(self.position.path, self.index);
        self.index += 1;
        let element = seed.deserialize(Reader {
            texts,
            position: self.position.part(&path),
        });
        element.map(Some).map_err(|error| error.at(&path))
    }
}

/// The entries of a map.
pub(super) struct Map<'a, 'p> {
    pub(super) entries: Entries<'a, 'p>,
    /// The key and the text of the value that is returned next.
    pub(super) value: Option<(String, &'a [u8])>,
    pub(super) position: Position<'p>,
}

impl<'de> MapAccess<'de> for Map<'_, '_> {
    type Error = JsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, JsonError> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        let read: StrDeserializer<'_, JsonError> = key.as_ref().into_deserializer();
        let read = seed.deserialize(read);
        let read = read.map_err(|error| error.at(&Path::Member(self.position.path, &key)))?;
        self.value = Some((key.into_owned(), value));
        Ok(Some(read))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, JsonError> {
        let (key, text) = self.value.take().unwrap_or_default();
        let path = Path::Member(self.position.path, &key);
        let value = seed.deserialize(Reader {
            texts: vec![text],
            position: self.position.part(&path),
        });
        value.map_err(|error| error.at(&path))
    }
}

/// All fields of a struct. An absent field has Go's zero value.
pub(super) struct Struct<'a, 'p> {
    pub(super) names: slice::Iter<'static, &'static str>,
    pub(super) found: vec::IntoIter<Vec<&'a [u8]>>,
    pub(super) name: &'static str,
    pub(super) position: Position<'p>,
}

impl<'de> MapAccess<'de> for Struct<'_, '_> {
    type Error = JsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, JsonError> {
        let Some(name) = self.names.next() else {
            return Ok(None);
        };
        self.name = name;
        let name: StrDeserializer<'_, JsonError> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, JsonError> {
        let texts = self.found.next().unwrap_or_default();
        let path = Path::Member(self.position.path, self.name);
        let absent = texts.iter().all(|text| json_type(text) == JsonType::Null);
        let value = seed.deserialize(Reader {
            texts,
            position: self.position.part(&path),
        });
        value.map_err(|error| {
            if absent {
                // The type cannot have the zero value: for example, a digest must not be empty.
                let missing: JsonError = de::Error::missing_field(self.name);
                return missing.at(self.position.path);
            }
            error.at(&path)
        })
    }
}
