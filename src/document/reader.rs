//! One value of a document while it is read, and the rules for scalar values.
//!
//! If a name occurs twice, several texts of the document are decoded into the same Go value. A
//! [`Reader`] therefore has a list of all texts for one value, in document order. An empty list means an
//! absent member.

use serde::de::{self, Expected, Unexpected, Visitor};

use super::ambiguity::{Ambiguities, AmbiguityKind};
use super::error::{JsonError, MAX_DEPTH};
use super::path::Path;
use super::text::decode;
use super::values::{JsonType, json_type};

fn mismatch(text: &[u8], expected: &dyn Expected) -> JsonError {
    let number = String::from_utf8_lossy(text);
    let found = match json_type(text) {
        JsonType::Null => Unexpected::Unit,
        JsonType::Bool => Unexpected::Bool(text == b"true"),
        JsonType::Number => Unexpected::Other(&number),
        JsonType::String => Unexpected::Other("a string"),
        JsonType::Array => Unexpected::Seq,
        JsonType::Object => Unexpected::Map,
    };
    de::Error::invalid_type(found, expected)
}

/// The position of a value that is read.
#[derive(Clone, Copy)]
pub(super) struct Position<'p> {
    pub(super) path: &'p Path<'p>,
    /// The number of enclosing values.
    pub(super) depth: usize,
    /// Collects the ambiguities.
    pub(super) ambiguities: &'p Ambiguities,
}

impl<'p> Position<'p> {
    /// Returns the position of a value that is contained in this one, with path `path`.
    pub(super) fn part<'q>(self, path: &'q Path<'q>) -> Position<'q>
    where
        'p: 'q,
    {
        Position {
            path,
            depth: self.depth + 1,
            ambiguities: self.ambiguities,
        }
    }
}

/// Deserializes one value.
pub(super) struct Reader<'a, 'p> {
    /// The texts that are decoded into the value, one after the other.
    pub(super) texts: Vec<&'a [u8]>,
    pub(super) position: Position<'p>,
}

impl<'a> Reader<'a, '_> {
    /// Returns an error if a text is neither of this kind nor null. Go decodes all texts and rejects the
    /// document after any type error.
    pub(super) fn only(&self, wanted: JsonType, expected: &dyn Expected) -> Result<(), JsonError> {
        let other =
            |text: &&&[u8]| !matches!(json_type(text), JsonType::Null) && json_type(text) != wanted;
        match self.texts.iter().find(other) {
            None => Ok(()),
            Some(text) => Err(mismatch(text, expected)),
        }
    }

    /// Returns the last text that is not null. In Go, `null` does not change a scalar.
    pub(super) fn scalar(
        &self,
        wanted: JsonType,
        expected: &dyn Expected,
    ) -> Result<Option<&'a [u8]>, JsonError> {
        self.only(wanted, expected)?;
        let last = self
            .texts
            .iter()
            .rfind(|text| json_type(text) != JsonType::Null);
        Ok(last.copied())
    }

    /// Returns the texts after the last `null`, which empties a list or map.
    pub(super) fn since_null(&self) -> &[&'a [u8]] {
        let last = self
            .texts
            .rsplit(|text| json_type(text) == JsonType::Null)
            .next();
        last.unwrap_or_default()
    }

    pub(super) fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.only(JsonType::Number, &visitor)?;
        let mut last = 0;
        for text in &self.texts {
            if json_type(text) != JsonType::Null {
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

    pub(super) fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.only(JsonType::Number, &visitor)?;
        let mut last = 0.0;
        for text in &self.texts {
            if json_type(text) != JsonType::Null {
                last = finite(text).ok_or_else(|| mismatch(text, &visitor))?;
            }
        }
        visitor.visit_f64(last)
    }

    pub(super) fn string<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let Some(text) = self.scalar(JsonType::String, &visitor)? else {
            return visitor.visit_str("");
        };
        let decoded = decode(text);
        if decoded.replaced {
            self.position
                .ambiguities
                .add(self.position.path, AmbiguityKind::ReplacedText);
        }
        visitor.visit_str(&decoded.text)
    }

    /// Returns an error if the parts of this value would exceed the depth limit.
    pub(super) fn check_depth(&self) -> Result<(), JsonError> {
        if self.position.depth == MAX_DEPTH {
            let path = self.position.path.to_string();
            return Err(JsonError::TooDeep { path });
        }
        Ok(())
    }
}

/// Returns the text of a number or a literal, which is ASCII.
pub(super) fn as_str(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

/// Parses a number as a float64. Returns `None` if it is out of range.
fn finite(text: &[u8]) -> Option<f64> {
    let number: f64 = as_str(text).parse().ok()?;
    number.is_finite().then_some(number)
}
