//! Facts as JSON: one object, the keys of the sidecar, lists as arrays, all values as text with the
//! escapes of the sidecar, since JSON has no bytes.

use serde_json::{Map, Value as Json};

use super::facts::{Fact, Value};

/// The facts of one file as one object. Keys are in the order of the sidecar.
pub fn object(facts: &[Fact]) -> String {
    Json::Object(map(facts)).to_string()
}

/// The same, as part of another one.
pub fn map(facts: &[Fact]) -> Map<String, Json> {
    let mut object = Map::new();
    for fact in facts {
        object.insert(fact.key.to_owned(), value(&fact.value));
    }
    object
}

/// The value of a fact: a text, or an array of texts.
pub fn value(value: &Value) -> Json {
    match value {
        Value::One(_) => text(value),
        Value::List(values) => {
            let members = values.iter().map(|v| text(&Value::List(vec![v.clone()])));
            Json::Array(members.collect())
        }
    }
}

/// Bytes as text: a path, or the value of an extended attribute.
pub fn bytes(value: &[u8]) -> Json {
    text(&Value::One(value.to_vec()))
}

/// What is not UTF-8 is escaped like control characters.
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
