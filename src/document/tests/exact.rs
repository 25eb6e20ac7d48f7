//! A reader that does not follow Go's rules: names must match exactly, and if a name occurs twice, the
//! last value is used. Python and jq read documents like this.

use serde_json::Value;

use super::generator::{DOCUMENTS, Shape};

/// Returns the document as such a reader sees it, without unknown members, or `None` if `serde_json`
/// rejects it.
pub(super) fn as_exact_reader(kind: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    let (_, shape) = DOCUMENTS.iter().find(|(name, _)| *name == kind)?;
    if kind != "any" {
        keep_known(&mut value, *shape);
    }
    Some(value.to_string().into_bytes())
}

fn keep_known(value: &mut Value, shape: Shape) {
    match (value, shape) {
        (Value::Array(elements), Shape::List(element)) => {
            elements
                .iter_mut()
                .for_each(|value| keep_known(value, *element));
        }
        (Value::Object(entries), Shape::Map(element)) => {
            entries
                .values_mut()
                .for_each(|value| keep_known(value, *element));
        }
        (Value::Object(members), Shape::Object(fields)) => {
            members.retain(|name, value| {
                let field = fields.iter().find(|(field, _)| field == name);
                field
                    .inspect(|(_, shape)| keep_known(value, *shape))
                    .is_some()
            });
        }
        // `serde_json` reads `-0`, which is an integer, as a float.
        (value @ Value::Number(_), Shape::Integer) if value.as_f64() == Some(0.0) => {
            *value = 0.into();
        }
        _ => {}
    }
}
