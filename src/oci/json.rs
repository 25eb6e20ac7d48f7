//! Documents read as Go's `encoding/json` reads them, with errors for people.

use serde::de::DeserializeOwned;

use crate::document::{self, Document};

/// Reads a document, and where other readers see something else in it.
///
/// # Errors
/// If it is not JSON, or does not have the form of a `T`: why, for people.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<Document<T>, String> {
    document::read(bytes).map_err(|error| format!("cannot be parsed: {error}"))
}

/// Reads a document, see [`read()`]. `name` is that of the document in `ambiguities`, where the places are
/// added at which other readers see something else.
///
/// # Errors
/// As that.
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

/// Reads a document, see [`read()`].
///
/// # Errors
/// As that.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    Ok(read(bytes)?.value)
}
