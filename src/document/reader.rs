//! A serde deserializer that follows the rules of Go's `encoding/json` (`decode.go`: `object`, `array`
//! and `literalStore`).
//!
//! If a name occurs twice, several texts of the document are decoded into the same Go value. A
//! [`Reader`] therefore has a list of all texts for one value, in document order. An empty list means an
//! absent member.

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::access::{List, Map, Struct};
use super::ambiguity::{AmbiguityKind, Met, Spellings};
use super::keys::Entries;
use super::path::Path;
use super::text::decode;
use super::values::{Elements, Kind, Members, kind};
use super::{JsonError, MAX_DEPTH, name};

/// Reads a value. `document` is its checked text without surrounding white space.
pub(super) fn read<T: for<'de> Deserialize<'de>>(
    document: &[u8],
    met: &Met,
) -> Result<T, JsonError> {
    T::deserialize(Reader {
        texts: vec![document],
        place: Place {
            path: &Path::Root,
            depth: 0,
            met,
        },
    })
}

fn mismatch(text: &[u8], expected: &dyn Expected) -> JsonError {
    let number = String::from_utf8_lossy(text);
    let found = match kind(text) {
        Kind::Null => Unexpected::Unit,
        Kind::Bool => Unexpected::Bool(text == b"true"),
        Kind::Number => Unexpected::Other(&number),
        Kind::String => Unexpected::Other("a string"),
        Kind::Array => Unexpected::Seq,
        Kind::Object => Unexpected::Map,
    };
    de::Error::invalid_type(found, expected)
}

/// The position of a value that is read.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) path: &'p Path<'p>,
    /// The number of enclosing values.
    depth: usize,
    /// Collects the ambiguities.
    pub(super) met: &'p Met,
}

impl<'p> Place<'p> {
    /// Returns the place of a value that is contained in this one, with path `path`.
    pub(super) fn part<'q>(self, path: &'q Path<'q>) -> Place<'q>
    where
        'p: 'q,
    {
        Place {
            path,
            depth: self.depth + 1,
            met: self.met,
        }
    }
}

/// Deserializes one value.
pub(super) struct Reader<'a, 'p> {
    /// The texts that are decoded into the value, one after the other.
    pub(super) texts: Vec<&'a [u8]>,
    pub(super) place: Place<'p>,
}

impl<'a> Reader<'a, '_> {
    /// Returns an error if a text is neither of this kind nor null. Go decodes all texts and rejects the
    /// document after any type error.
    fn only(&self, wanted: Kind, expected: &dyn Expected) -> Result<(), JsonError> {
        let other = |text: &&&[u8]| !matches!(kind(text), Kind::Null) && kind(text) != wanted;
        match self.texts.iter().find(other) {
            None => Ok(()),
            Some(text) => Err(mismatch(text, expected)),
        }
    }

    /// Returns the last text that is not null. In Go, `null` does not change a scalar.
    fn scalar(&self, wanted: Kind, expected: &dyn Expected) -> Result<Option<&'a [u8]>, JsonError> {
        self.only(wanted, expected)?;
        let last = self.texts.iter().rfind(|text| kind(text) != Kind::Null);
        Ok(last.copied())
    }

    /// Returns the texts after the last `null`, which empties a list or map.
    fn since_null(&self) -> &[&'a [u8]] {
        let last = self.texts.rsplit(|text| kind(text) == Kind::Null).next();
        last.unwrap_or_default()
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.only(Kind::Number, &visitor)?;
        let mut last = 0;
        for text in &self.texts {
            if kind(text) != Kind::Null {
                // Like `strconv.ParseInt`, which accepts neither a fraction nor an exponent.
                let number: Option<i64> = as_str(text).parse().ok();
                last = number.ok_or_else(|| mismatch(text, &visitor))?;
            }
        }
        match u64::try_from(last) {
            Ok(last) => visitor.visit_u64(last),
            Err(_) => visitor.visit_i64(last),
        }
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.only(Kind::Number, &visitor)?;
        let mut last = 0.0;
        for text in &self.texts {
            if kind(text) != Kind::Null {
                last = finite(text).ok_or_else(|| mismatch(text, &visitor))?;
            }
        }
        visitor.visit_f64(last)
    }

    fn string<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let Some(text) = self.scalar(Kind::String, &visitor)? else {
            return visitor.visit_str("");
        };
        let decoded = decode(text);
        if decoded.replaced {
            self.place
                .met
                .add(self.place.path, AmbiguityKind::ReplacedText);
        }
        visitor.visit_str(&decoded.text)
    }

    /// Returns an error if the parts of this value would exceed the depth limit.
    fn check_depth(&self) -> Result<(), JsonError> {
        if self.place.depth == MAX_DEPTH {
            let path = self.place.path.to_string();
            return Err(JsonError::TooDeep { path });
        }
        Ok(())
    }
}

/// Returns the text of a number or a literal, which is ASCII.
fn as_str(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

/// Parses a number as a float64. Returns `None` if it is out of range.
fn finite(text: &[u8]) -> Option<f64> {
    let number: f64 = as_str(text).parse().ok()?;
    number.is_finite().then_some(number)
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
        match kind(text) {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool => visitor.visit_bool(text == b"true"),
            Kind::String => self.string(visitor),
            Kind::Array => self.deserialize_seq(visitor),
            Kind::Object => self.deserialize_map(visitor),
            Kind::Number if as_str(text).parse::<i64>().is_ok() => self.integer(visitor),
            Kind::Number => self.float(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let text = self.scalar(Kind::Bool, &visitor)?;
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
        let is_null = |text: &&[u8]| kind(text) == Kind::Null;
        let Some(last) = self.texts.iter().rfind(|text| !is_null(text)).copied() else {
            return visitor.visit_none();
        };
        self.only(kind(last), &visitor)?;
        if matches!(kind(last), Kind::Array | Kind::Object) {
            let emptied = self.texts.iter().rposition(is_null);
            self.texts.drain(..emptied.map_or(0, |null| null + 1));
            if self.texts.is_empty() {
                return visitor.visit_none();
            }
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.only(Kind::Null, &visitor)?;
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
        self.only(Kind::Array, &visitor)?;
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
            place: self.place,
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
        self.only(Kind::Object, &visitor)?;
        self.check_depth()?;
        let objects = self.since_null().to_vec();
        visitor.visit_map(Map {
            entries: Entries::new(objects, self.place.path, self.place.met),
            value: None,
            place: self.place,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.only(Kind::Object, &visitor)?;
        self.check_depth()?;
        let mut found: Vec<Vec<&[u8]>> = names.iter().map(|_| Vec::new()).collect();
        let objects = self.texts.iter().filter(|text| kind(text) == Kind::Object);
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
                    self.place
                        .met
                        .add(&Path::Member(self.place.path, name), kind);
                }
            }
        }
        visitor.visit_map(Struct {
            names: names.iter(),
            found: found.into_iter(),
            name: "",
            place: self.place,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let text = self.scalar(Kind::String, &visitor)?;
        let decoded = decode(text.unwrap_or_default());
        let variant: StrDeserializer<'_, JsonError> = decoded.text.as_ref().into_deserializer();
        visitor.visit_enum(variant)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { bytes byte_buf }
}
