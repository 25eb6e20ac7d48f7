//! Facts as JSON: one object with the keys of the sidecar. Lists are arrays. All values are strings with
//! the escapes of the sidecar, because JSON cannot represent arbitrary bytes.

use serde_json::{Map, Value as Json};

use super::facts::{Fact, Value};

/// Returns the facts of one file as one object. Keys are in the order of the sidecar.
pub(crate) fn object(facts: &[Fact]) -> String {
    Json::Object(map(facts)).to_string()
}

/// Like [`object()`], but returns a map that can become part of another object.
pub(crate) fn map(facts: &[Fact]) -> Map<String, Json> {
    let mut object = Map::new();
    for fact in facts {
        object.insert(fact.key.to_owned(), value(&fact.value));
    }
    object
}

/// Returns the value of a fact: a string, or an array of strings.
pub(crate) fn value(value: &Value) -> Json {
    match value {
        Value::One(_) => text(value),
        Value::List(values) => {
            let members = values.iter().map(|v| text(&Value::List(vec![v.clone()])));
            Json::Array(members.collect())
        }
    }
}

/// Returns bytes, such as a path or the value of an extended attribute, as a string.
pub(crate) fn bytes(value: &[u8]) -> Json {
    text(&Value::One(value.to_vec()))
}

/// Bytes that are not UTF-8 are escaped like control characters.
fn text(value: &Value) -> Json {
    let mut text = String::new();
    for chunk in value.escaped().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    Json::String(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_arrays_and_order_is_kept() {
        let fact = |key, value| Fact { key, value };
        let facts = [
            fact("PATH", Value::One(b"/a b\xff".to_vec())),
            fact("NEEDED", Value::List(vec![b"b".to_vec(), b"a".to_vec()])),
            fact("BITS", Value::One(b"64".to_vec())),
        ];
        assert_eq!(
            object(&facts),
            r#"{"PATH":"/a b\\xff","NEEDED":["b","a"],"BITS":"64"}"#
        );
    }
}
