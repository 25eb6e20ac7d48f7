//! A serde deserializer that follows the rules of Go's `encoding/json` (`decode.go`: `object`, `array`
//! and `literalStore`).

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::access::{List, Map, Struct};
use super::ambiguity::{Ambiguities, Spellings};
use super::error::JsonError;
use super::keys::Entries;
use super::name;
use super::path::Path;
use super::reader::{Position, Reader, as_str};
use super::text::decode;
use super::values::{Elements, JsonType, Members, json_type};

/// Reads a value. `document` is its checked text without surrounding white space.
pub(super) fn read<T: for<'de> Deserialize<'de>>(
    document: &[u8],
    ambiguities: &Ambiguities,
) -> Result<T, JsonError> {
    T::deserialize(Reader {
        texts: vec![document],
        position: Position {
            path: &Path::Root,
            depth: 0,
            ambiguities,
        },
    })
}

/// Forwards methods of [`Deserializer`] to a method of [`Reader`].
macro_rules! forward {
    ($to:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
            self.$to(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = JsonError;

    /// Reads a value of arbitrary type, like Go for an `interface{}`: the last text is used, and nothing
    /// is merged.
    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, JsonError> {
        let Some(text) = self.texts.last().copied() else {
            return visitor.visit_unit();
        };
        self.texts = vec![text];
        match json_type(text) {
            JsonType::Null => visitor.visit_unit(),
            JsonType::Bool => visitor.visit_bool(text == b"true"),
            JsonType::String => self.string(visitor),
            JsonType::Array => self.deserialize_seq(visitor),
            JsonType::Object => self.deserialize_map(visitor),
            JsonType::Number if as_str(text).parse::<i64>().is_ok() => self.integer(visitor),
            JsonType::Number => self.float(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let text = self.scalar(JsonType::Bool, &visitor)?;
        visitor.visit_bool(text == Some(b"true"))
    }

    forward! {
        integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }
    forward! { float: deserialize_f32 deserialize_f64 }
    forward! { string: deserialize_char deserialize_str deserialize_string deserialize_identifier }

    /// In Go, `null` sets a pointer, a list or a map to nil, and does not change a string, a number or a
    /// bool. The JSON type of the other texts determines which of these applies.
    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, JsonError> {
        let is_null = |text: &&[u8]| json_type(text) == JsonType::Null;
        let Some(last) = self.texts.iter().rfind(|text| !is_null(text)).copied() else {
            return visitor.visit_none();
        };
        self.only(json_type(last), &visitor)?;
        if matches!(json_type(last), JsonType::Array | JsonType::Object) {
            let emptied = self.texts.iter().rposition(is_null);
            self.texts.drain(..emptied.map_or(0, |null| null + 1));
            if self.texts.is_empty() {
                return visitor.visit_none();
            }
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.only(JsonType::Null, &visitor)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_newtype_struct(self)
    }

    /// Reads the elements of the last array. Go decodes each element into the one that an earlier array
    /// left at its index, unless the list was emptied in between.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.only(JsonType::Array, &visitor)?;
        self.check_depth()?;
        let arrays = self.since_null();
        let is_empty = |array: &&[u8]| Elements::new(array).next().is_none();
        let start = arrays.iter().rposition(is_empty).unwrap_or_default();
        let mut earlier: Vec<_> = arrays.get(start..).unwrap_or_default().to_vec();
        let last = earlier.pop().unwrap_or_default();
        visitor.visit_seq(List {
            earlier: earlier.into_iter().map(Elements::new).collect(),
            last: Elements::new(last),
            index: 0,
            position: self.position,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.deserialize_seq(visitor)
    }

    /// Reads the entries of all objects. A key that occurs twice is passed on twice: maps keep the last
    /// value. As in Go, the first value is decoded and discarded.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.only(JsonType::Object, &visitor)?;
        self.check_depth()?;
        let objects = self.since_null().to_vec();
        visitor.visit_map(Map {
            entries: Entries::new(objects, self.position.path, self.position.ambiguities),
            value: None,
            position: self.position,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.only(JsonType::Object, &visitor)?;
        self.check_depth()?;
        let mut found: Vec<Vec<&[u8]>> = names.iter().map(|_| Vec::new()).collect();
        let objects = self
            .texts
            .iter()
            .filter(|text| json_type(text) == JsonType::Object);
        for object in objects {
            let mut spellings: Vec<_> = names.iter().map(|_| Spellings::default()).collect();
            for (key, value) in Members::new(object) {
                let key = decode(key).text;
                let Some(matched) = name::find(names, &key) else {
                    continue;
                };
                let field = found.get_mut(matched.field);
                if let Some((texts, spellings)) = field.zip(spellings.get_mut(matched.field)) {
                    texts.push(value);
                    spellings.add(value, (!matched.exact).then_some(key));
                }
            }
            // A difference between merged objects is an ambiguity of the member that contains them.
            for (name, spellings) in names.iter().zip(spellings) {
                if let Some(kind) = spellings.ambiguity() {
                    self.position
                        .ambiguities
                        .add(&Path::Member(self.position.path, name), kind);
                }
            }
        }
        visitor.visit_map(Struct {
            names: names.iter(),
            found: found.into_iter(),
            name: "",
            position: self.position,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let text = self.scalar(JsonType::String, &visitor)?;
        let decoded = decode(text.unwrap_or_default());
        let variant: StrDeserializer<'_, JsonError> = decoded.text.as_ref().into_deserializer();
        visitor.visit_enum(variant)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { bytes byte_buf }
}
