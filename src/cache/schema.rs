//! Schemas: the layout of the types that a cache file stores, as text.
//!
//! The text is derived from the types themselves. [`SchemaBuilder::stores`] deserializes a type from
//! made-up values and records what the type asks for: its fields with their names and order, the
//! variants of its enums, and the types in them. Every change of a stored type changes the text, so a
//! file that was written with another layout is not read. A change of meaning that leaves the types as
//! they are needs a new revision.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use serde::Deserialize;
use serde::de::value::U32Deserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use sha2::{Digest as _, Sha256};

/// The layout of one kind of cache file.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    version: u64,
    #[cfg(test)]
    text: String,
}

impl Schema {
    /// Returns the layout as text.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the version that is written into files: the first 8 bytes of the text's SHA-256.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

/// Collects the types of a schema.
#[derive(Debug)]
pub(crate) struct SchemaBuilder {
    types: Types,
    text: String,
}

impl SchemaBuilder {
    /// Starts a schema. Increase `revision` if stored values change their meaning but not their types.
    pub(crate) fn new(revision: u32) -> Self {
        Self {
            types: Types::default(),
            text: format!("revision {revision}\n"),
        }
    }

    /// Adds a type that is stored under a name, such as that of a section.
    #[must_use]
    pub(crate) fn stores<T: for<'de> Deserialize<'de>>(mut self, name: &str) -> Self {
        let mut root = String::new();
        // Each pass visits at least one new variant of an enum, so the loop terminates.
        loop {
            let before = self.types.explored;
            root.clear();
            let tracer = TypeTracer {
                types: &mut self.types,
                out: &mut root,
            };
            if let Err(error) = T::deserialize(tracer) {
                root.push_str(&format!(" error: {error}"));
                break;
            }
            if self.types.explored == before {
                break;
            }
        }
        self.text.push_str(&format!("{name}: {root}\n"));
        self
    }

    /// Completes the schema.
    pub(crate) fn build(mut self) -> Schema {
        for ((name, _), definitions) in &self.types.structs {
            for definition in definitions {
                self.text
                    .push_str(&format!("struct {name} {{{definition}}}\n"));
            }
        }
        for ((name, names), variants) in &self.types.enums {
            let variant = |(name, variant): (&&str, &Variant)| format!("{name}{}", variant.content);
            let list: Vec<_> = names.iter().zip(variants).map(variant).collect();
            self.text
                .push_str(&format!("enum {name} {{{}}}\n", list.join(", ")));
        }
        let digest = Sha256::digest(self.text.as_bytes());
        let first = digest.first_chunk().copied().unwrap_or_default();
        Schema {
            version: u64::from_le_bytes(first),
            #[cfg(test)]
            text: self.text,
        }
    }
}

/// The name of a type, and the names of its fields or variants.
type TypeName = (&'static str, &'static [&'static str]);

/// The structs and enums found so far.
#[derive(Debug, Default)]
struct Types {
    /// The fields of each struct. A generic struct has several lists.
    structs: BTreeMap<TypeName, BTreeSet<String>>,
    enums: BTreeMap<TypeName, Vec<Variant>>,
    /// The number of visits of variants that were not finished.
    explored: u64,
}

#[derive(Clone, Debug, Default)]
struct Variant {
    content: String,
    /// Whether the last visit found nothing new inside this variant.
    is_finished: bool,
}

#[derive(Debug)]
struct TraceError(String);

impl Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TraceError {}

impl de::Error for TraceError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Writes the type that is deserialized from it to `out`, and answers with made-up values.
struct TypeTracer<'a> {
    types: &'a mut Types,
    out: &'a mut String,
}

/// Methods for types without parts: the name of the type, and the made-up value.
macro_rules! simple {
    ($($method:ident $visit:ident $name:literal $value:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TraceError> {
            self.out.push_str($name);
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for TypeTracer<'_> {
    type Error = TraceError;

    simple! {
        deserialize_bool visit_bool "bool" false;
        deserialize_i8 visit_i8 "i8" 0;
        deserialize_i16 visit_i16 "i16" 0;
        deserialize_i32 visit_i32 "i32" 0;
        deserialize_i64 visit_i64 "i64" 0;
        deserialize_u8 visit_u8 "u8" 0;
        deserialize_u16 visit_u16 "u16" 0;
        deserialize_u32 visit_u32 "u32" 0;
        deserialize_u64 visit_u64 "u64" 0;
        deserialize_f32 visit_f32 "f32" 0.0;
        deserialize_f64 visit_f64 "f64" 0.0;
        deserialize_char visit_char "char" 'a';
        deserialize_str visit_str "string" "";
        deserialize_string visit_str "string" "";
        deserialize_bytes visit_bytes "bytes" b"";
        deserialize_byte_buf visit_bytes "bytes" b"";
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TraceError> {
        Err(TraceError("the type asks for any value".to_owned()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TraceError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TraceError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TraceError> {
        self.out.push_str("()");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TraceError> {
        self.out.push_str(name);
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TraceError> {
        self.out.push_str("option ");
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TraceError> {
        self.out.push_str(&format!("{name} of "));
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TraceError> {
        self.out.push_str("list of ");
        visitor.visit_seq(Parts::new(self.types, self.out, 1))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, TraceError> {
        self.out.push('(');
        let value = visitor.visit_seq(Parts::new(self.types, self.out, len))?;
        self.out.push(')');
        Ok(value)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, TraceError> {
        self.out.push_str(name);
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TraceError> {
        self.out.push_str("map of ");
        visitor.visit_map(Parts::new(self.types, self.out, 1))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TraceError> {
        self.out.push_str(name);
        let mut text = String::new();
        let value = visitor.visit_seq(Parts::named(self.types, &mut text, fields))?;
        let definitions = self.types.structs.entry((name, fields)).or_default();
        definitions.insert(text);
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TraceError> {
        self.out.push_str(name);
        let key = (name, variants);
        let known = self.types.enums.entry(key).or_default();
        known.resize(variants.len(), Variant::default());
        let unfinished = known.iter().position(|variant| !variant.is_finished);
        if unfinished.is_some() {
            self.types.explored += 1;
        }
        let (number, before) = (unfinished.unwrap_or(0), self.types.explored);
        let mut content = String::new();
        let value = visitor.visit_enum(OneVariant {
            number: number as u32,
            tracer: TypeTracer {
                types: self.types,
                out: &mut content,
            },
        })?;
        let is_finished = self.types.explored == before;
        if let Some(variant) = self
            .types
            .enums
            .get_mut(&key)
            .and_then(|v| v.get_mut(number))
        {
            *variant = Variant {
                content,
                is_finished,
            };
        }
        Ok(value)
    }
}

/// The parts of a list, tuple, map or struct.
struct Parts<'a> {
    types: &'a mut Types,
    out: &'a mut String,
    names: &'static [&'static str],
    len: usize,
    done: usize,
}

impl<'a> Parts<'a> {
    fn new(types: &'a mut Types, out: &'a mut String, len: usize) -> Self {
        Self {
            types,
            out,
            names: &[],
            len,
            done: 0,
        }
    }

    fn named(types: &'a mut Types, out: &'a mut String, names: &'static [&'static str]) -> Self {
        Self {
            names,
            ..Self::new(types, out, names.len())
        }
    }

    fn part<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, TraceError> {
        if self.done > 0 {
            self.out.push_str(", ");
        }
        if let Some(name) = self.names.get(self.done) {
            self.out.push_str(&format!("{name}: "));
        }
        self.done += 1;
        seed.deserialize(TypeTracer {
            types: self.types,
            out: self.out,
        })
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = TraceError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, TraceError> {
        match self.done < self.len {
            true => self.part(seed).map(Some),
            false => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.done)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = TraceError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, TraceError> {
        match self.done < self.len {
            true => self.part(seed).map(Some),
            false => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, TraceError> {
        self.out.push_str(" to ");
        seed.deserialize(TypeTracer {
            types: self.types,
            out: self.out,
        })
    }
}

/// One variant of an enum.
struct OneVariant<'a> {
    number: u32,
    tracer: TypeTracer<'a>,
}

impl<'de, 'a> EnumAccess<'de> for OneVariant<'a> {
    type Error = TraceError;
    type Variant = TypeTracer<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, TypeTracer<'a>), TraceError> {
        let number: U32Deserializer<TraceError> = self.number.into_deserializer();
        Ok((seed.deserialize(number)?, self.tracer))
    }
}

impl<'de> VariantAccess<'de> for TypeTracer<'_> {
    type Error = TraceError;

    fn unit_variant(self) -> Result<(), TraceError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, TraceError> {
        self.out.push(' ');
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, TraceError> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TraceError> {
        self.out.push_str(" {");
        let value = visitor.visit_seq(Parts::named(self.types, self.out, fields))?;
        self.out.push('}');
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema<T: for<'de> Deserialize<'de>>() -> Schema {
        SchemaBuilder::new(1).stores::<T>("value").build()
    }

    mod original {
        #[derive(serde::Deserialize)]
        #[expect(dead_code)]
        pub(super) struct Stored {
            name: Box<[u8]>,
            size: Option<u64>,
            kind: Kind,
        }
        #[derive(serde::Deserialize)]
        #[expect(dead_code)]
        pub(super) enum Kind {
            File,
            Link(String),
            Device { major: u32, inner: Inner },
        }
        #[derive(serde::Deserialize)]
        #[expect(dead_code)]
        pub(super) enum Inner {
            A,
            B(u8, bool),
        }
    }

    #[test]
    fn the_text_says_every_field_and_variant() {
        let expected = "revision 1\n\
            value: list of Stored\n\
            struct Stored {name: list of u8, size: option u64, kind: Kind}\n\
            enum Inner {A, B(u8, bool)}\n\
            enum Kind {File, Link string, Device {major: u32, inner: Inner}}\n";
        assert_eq!(schema::<Vec<original::Stored>>().text(), expected);
    }

    /// Defines `Stored` with these fields, and returns its version.
    macro_rules! version {
        ($($fields:tt)*) => {{
            #[derive(Deserialize)]
            #[expect(dead_code)]
            struct Stored { $($fields)* }
            schema::<Stored>().version()
        }};
    }

    #[test]
    fn every_change_of_a_type_changes_the_version() {
        let same = [version!(a: u32, b: String), version!(a: u32, b: String)];
        assert_eq!(same[0], same[1]);
        let versions = [
            same[0],
            version!(a: u32, c: String),
            version!(b: String, a: u32),
            version!(a: u64, b: String),
            version!(a: u32),
            version!(a: u32, b: Option<String>),
            version!(a: u32, b: String, c: ()),
            version!(a: u32, b: original::Kind),
            version!(a: u32, b: original::Inner),
        ];
        let distinct: BTreeSet<_> = versions.iter().collect();
        assert_eq!(distinct.len(), versions.len());
        let revised = SchemaBuilder::new(2).stores::<u8>("value").build();
        assert_ne!(revised.version(), schema::<u8>().version());
    }

    #[test]
    fn a_variant_more_changes_the_version() {
        #[derive(Deserialize)]
        enum Two {
            A,
            B,
        }
        let two = schema::<Two>();
        let three = {
            #[derive(Deserialize)]
            enum Two {
                A,
                B,
                C,
            }
            let _ = [Two::A, Two::B, Two::C];
            schema::<Two>()
        };
        let _ = [Two::A, Two::B];
        assert_ne!(two.version(), three.version());
        assert_eq!(three.text(), "revision 1\nvalue: Two\nenum Two {A, B, C}\n");
    }
}
