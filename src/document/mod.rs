//! JSON documents of images, read as Go's `encoding/json` reads them.
//!
//! Docker, containerd, Podman and BuildKit are written in Go, so what `json.Unmarshal` makes of a
//! manifest is what runs. It differs from `serde_json`, which refuses or ignores some of what Go accepts:
//!
//! - The name of a field may be written in any case: `Layers` is `layers`. An exact name is preferred only
//!   if another field has it. Keys of maps (`annotations`, `Labels`) are data and stay as they are.
//! - Of a name that occurs twice, the last value counts; objects are merged, member by member; and so are
//!   the elements of arrays, at the same place, up to the length of the last array.
//! - `null` is the same as an absent member: it leaves strings, numbers and structs as they were, and
//!   empties lists and maps.
//! - An absent field has Go's zero value: an empty string, 0, false, no elements.
//! - Unknown members are skipped, whatever they hold.
//! - An integer is written without fraction and exponent and fits an int64.
//! - Bytes that are not UTF-8, and surrogates without their other half, become U+FFFD.
//! - Arrays and objects nest up to 10000 deep.
//!
//! `docs/documents.md` lists where imgfs still differs from Go.
//!
//! A document is checked as a whole first ([`syntax`]), like in Go. Then a serde deserializer walks the
//! checked text ([`reader`]): the type that is read decides what is a field and what is the key of a map,
//! because serde hands the names of the fields to `deserialize_struct`. The walk reads each byte once for
//! each struct around it, and recursion is as deep as the type is, at most [`MAX_DEPTH`].

mod access;
mod ambiguity;
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

pub(crate) use ambiguity::Ambiguity;
pub(crate) use error::JsonError;

/// How deep values may nest that are read as they come, like a [`serde_json::Value`]. Go follows up to
/// 10000 levels; types with named fields never get near either.
pub(crate) const MAX_DEPTH: usize = 128;

/// A document that was read.
#[derive(Debug)]
pub(crate) struct Document<T> {
    /// What Go reads.
    pub(crate) value: T,
    /// Where other readers see something else: in the fields of `T` only, the first
    /// [`MAX_AMBIGUITIES`](ambiguity::MAX_AMBIGUITIES) of them.
    pub(crate) ambiguities: Vec<Ambiguity>,
}

/// Reads a JSON document as Go's `json.Unmarshal` does into a struct with the fields of `T`.
///
/// `T` has struct fields with ASCII names, and no `flatten`, `alias` or `untagged`, which hide the names
/// from the reader. A `default` of serde is not used: an absent field has Go's zero value. `Option` is
/// Go's pointer, and `None` also where the document has `null`.
///
/// The caller limits how long a document may be.
///
/// # Errors
/// If the bytes are not JSON, if a value does not fit its field, or if it nests too deep.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Document<T>, JsonError> {
    syntax::check(bytes)?;
    let met = ambiguity::Met::default();
    let value = reader::read(values::trim(bytes), &met)?;
    Ok(Document {
        value,
        ambiguities: met.into_vec(),
    })
}
