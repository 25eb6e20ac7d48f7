//! Parsing of JSON documents by the rules of Go's `encoding/json`, with error texts for messages.

use serde::de::DeserializeOwned;

use crate::document::{self, Document};

/// Parses a document, and finds the parts of it that other readers interpret differently.
///
/// # Errors
/// If it is not JSON, or does not have the form of a `T`. The error is a text for messages.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Document<T>, String> {
    document::read(bytes).map_err(|error| format!("cannot be parsed: {error}"))
}

/// Parses a document, like [`read()`], and adds descriptions of its ambiguous parts, which other readers
/// interpret differently, to `ambiguities`. They refer to the document as `name`.
///
/// # Errors
/// See [`read()`].
pub(crate) fn read_into<T: DeserializeOwned>(
    name: &str,
    bytes: &[u8],
    ambiguities: &mut Vec<String>,
) -> Result<T, String> {
    let document = read(bytes)?;
    let told = document.ambiguities.iter();
    ambiguities.extend(told.map(|ambiguity| format!("{name}: {ambiguity}")));
    Ok(document.value)
}

/// Parses a document, like [`read()`], without its ambiguities.
///
/// # Errors
/// See [`read()`].
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    Ok(read(bytes)?.value)
}
