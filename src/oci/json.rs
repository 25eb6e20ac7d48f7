//! Documents as Go's `encoding/json` reads them.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a document.
///
/// # Errors
/// If it is not JSON, or does not have the form of a `T`: why, for people.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let failed = |error: serde_json::Error| format!("cannot be understood: {error}");
    let mut document: Value = serde_json::from_slice(bytes).map_err(failed)?;
    drop_nulls(&mut document);
    serde_json::from_value(document).map_err(failed)
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for list in ["manifests", "layers"] {
                if members.get(list).is_some_and(Value::is_null) {
                    members.insert(list.to_owned(), Value::Array(Vec::new()));
                }
            }
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
