//! Reads JSON documents of images by the rules of Go's `encoding/json`.
//!
//! Docker, containerd, Podman and BuildKit are written in Go, so containers run as `json.Unmarshal`
//! reads the documents. Its rules differ from those of `serde_json`, which rejects or ignores some input
//! that Go accepts:
//!
//! - The name of a field may be written in any case: `Layers` matches `layers`. An exact match with
//!   another field takes precedence. Keys of maps (`annotations`, `Labels`) are data and are not
//!   changed.
//! - If a name occurs twice, the last value is used. Objects are merged member by member, and arrays
//!   element by element, up to the length of the last array.
//! - `null` is equivalent to an absent member. It does not change strings, numbers and structs, and it
//!   empties lists and maps.
//! - An absent field has Go's zero value: an empty string, 0, false, no elements.
//! - Unknown members are skipped.
//! - An integer has neither a fraction nor an exponent, and fits an int64.
//! - Bytes that are not UTF-8 and unpaired surrogates become U+FFFD.
//! - Arrays and objects may be nested up to 10000 levels deep.
//!
//! `docs/documents.md` lists the remaining differences between imgfs and Go.
//!
//! Like in Go, the syntax of the whole document is checked first ([`syntax`]). Then a serde deserializer
//! walks the checked text ([`deserialize`]); a [`reader`] holds the texts of the value that is decoded.
//! The type that is read decides which names are fields and which are keys of a map, because serde passes
//! the names of the fields to `deserialize_struct`. The walk reads each byte once for each enclosing
//! struct. The depth of the recursion is that of the type, and at most
//! [`MAX_DEPTH`](error::MAX_DEPTH).

mod access;
mod ambiguity;
mod deserialize;
mod error;
mod keys;
mod name;
mod path;
mod reader;
mod syntax;
#[cfg(test)]
mod tests;
mod text;
mod values;

use serde::de::DeserializeOwned;

use ambiguity::Ambiguities;
pub(crate) use ambiguity::Ambiguity;
pub(crate) use error::JsonError;

/// The result of reading a document.
#[derive(Debug)]
pub(crate) struct Document<T> {
    /// The value, as Go reads it.
    pub(crate) value: T,
    /// The parts that other readers interpret differently. Covers only the fields of `T`, and at most
    /// [`MAX_AMBIGUITIES`](ambiguity::MAX_AMBIGUITIES) parts.
    pub(crate) ambiguities: Vec<Ambiguity>,
}

/// Reads a JSON document like Go's `json.Unmarshal` with a struct that has the fields of `T`.
///
/// `T` must have fields with ASCII names, and no `flatten`, `alias` or `untagged`, which hide the names
/// from the reader. serde's `default` is ignored: an absent field has Go's zero value. `Option`
/// corresponds to a Go pointer, and is `None` also if the document has `null`.
///
/// The caller must limit the length of the document.
///
/// # Errors
/// If the bytes are not JSON, if a value does not fit its field, or if values are nested too deeply.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Document<T>, JsonError> {
    syntax::check(bytes)?;
    let ambiguities = Ambiguities::default();
    let value = deserialize::read(values::trim(bytes), &ambiguities)?;
    Ok(Document {
        value,
        ambiguities: ambiguities.into_vec(),
    })
}
