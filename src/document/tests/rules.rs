//! Tests of single rules of Go. The expected values follow from the documentation of `encoding/json`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use oci_spec::image::{ImageConfiguration, ImageIndex, ImageManifest};
use serde::Deserialize;

use crate::document::ambiguity::AmbiguityKind;
use crate::document::{JsonError, read};

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Sample {
    tasks: Vec<String>,
    labels: BTreeMap<String, String>,
    part: Option<Part>,
    size: i64,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
struct Part {
    left: String,
    right: String,
}

fn sample(text: &str) -> Sample {
    read(text.as_bytes()).unwrap().value
}

fn ambiguities(text: impl AsRef<[u8]>) -> Vec<(String, AmbiguityKind)> {
    let document = read::<Sample>(text.as_ref()).unwrap();
    let met = document.ambiguities.into_iter();
    met.map(|met| (met.path, met.kind)).collect()
}

fn error<T: for<'de> Deserialize<'de> + std::fmt::Debug>(text: &str) -> String {
    read::<T>(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn null_lists_are_empty_lists() {
    let index = read::<ImageIndex>(br#"{"schemaVersion":2,"manifests":null}"#).unwrap();
    assert!(index.value.manifests().is_empty());
    let text = r#"{"config":{"mediaType":"a/b","digest":"a:b","size":2},"layers":null}"#;
    let manifest = read::<ImageManifest>(text.as_bytes()).unwrap();
    assert!(manifest.value.layers().is_empty());
    let text = r#"{"architecture":"arm","os":"linux","config":null,
        "rootfs":{"type":"layers","diff_ids":null},"history":null}"#;
    let config = read::<ImageConfiguration>(text.as_bytes()).unwrap();
    assert!(config.value.rootfs().diff_ids().is_empty());
    assert_eq!(config.value.history(), &None);
    let met = [index.ambiguities, manifest.ambiguities, config.ambiguities];
    assert!(met.iter().all(Vec::is_empty));
}

#[test]
fn absent_and_null_fields_have_the_zero_value() {
    for text in [
        "{}",
        "null",
        r#"{"tasks":null,"labels":null,"part":null,"size":null}"#,
    ] {
        assert_eq!(sample(text), Sample::default(), "{text}");
        assert!(ambiguities(text).is_empty(), "{text}");
    }
    let part = sample(r#"{"part":{"left":null}}"#).part;
    assert_eq!(part, Some(Part::default()));
}

#[test]
fn names_match_in_any_case_but_keys_do_not() {
    for name in ["tasks", "TASKS", "ta\u{17f}\u{212a}s", r"\u0074asks"] {
        let text = format!(r#"{{"{name}":["a"]}}"#);
        assert_eq!(sample(&text).tasks, ["a"], "{name}");
    }
    assert!(sample(r#"{"task":["a"]," tasks":["a"]}"#).tasks.is_empty());
    assert_eq!(sample(r#"{"labels":{"A":"1","a":"2"}}"#).labels.len(), 2);
}

#[test]
fn duplicates_are_merged_or_replaced() {
    let merged = sample(r#"{"part":{"left":"a","right":"b"},"part":{"left":"c"}}"#);
    let part = merged.part.unwrap();
    assert_eq!((part.left.as_str(), part.right.as_str()), ("c", "b"));
    let emptied = sample(r#"{"part":{"right":"b"},"part":null,"part":{"left":"c"}}"#);
    assert_eq!(emptied.part.unwrap().right, "");
    let labels = sample(r#"{"labels":{"a":"1","b":"2"},"labels":{"a":"3"}}"#).labels;
    assert_eq!(
        labels.into_iter().map(|(a, b)| a + &b).collect::<String>(),
        "a3b2"
    );
    let list = sample(r#"{"tasks":["a","b","c"],"tasks":["d",null]}"#);
    assert_eq!(list.tasks, ["d", "b"]);
    assert_eq!(sample(r#"{"size":1,"size":2,"size":null}"#).size, 2);
}

#[test]
fn what_readers_see_differently_is_named() {
    use AmbiguityKind::{DuplicateName, NameCase, ReplacedText, SpellingsDiffer};
    let written = || "SIZE".to_owned();
    let cases: [(&[u8], &str, AmbiguityKind); 8] = [
        (br#"{"size":1,"size":2}"#, "size", DuplicateName),
        (br#"{"tasks":["a"],"tasks":null}"#, "tasks", DuplicateName),
        (
            br#"{"labels":{"a.b":"1","a.b":"2"}}"#,
            r#"labels["a.b"]"#,
            DuplicateName,
        ),
        (
            br#"{"part":{"left":"","left":"b"}}"#,
            "part.left",
            DuplicateName,
        ),
        (br#"{"SIZE":1}"#, "size", NameCase { written: written() }),
        (
            br#"{"size":1,"SIZE":2}"#,
            "size",
            SpellingsDiffer { written: written() },
        ),
        (b"{\"tasks\":[\"\",\"a\xff\"]}", "tasks[1]", ReplacedText),
        (
            br#"{"labels":{"\ud800":""}}"#,
            "labels[\"\u{fffd}\"]",
            ReplacedText,
        ),
    ];
    for (text, path, kind) in cases {
        let met = ambiguities(text);
        assert_eq!(
            met,
            [(path.to_owned(), kind)],
            "{}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn what_all_readers_see_the_same_is_not_ambiguous() {
    for text in [
        r#"{"size":1,"size":1}"#,
        r#"{"size":1,"Size":1}"#,
        r#"{"Size":null}"#,
        r#"{"tasks":["a", "b"],"tasks":[ "a","b" ]}"#,
        r#"{"part":{"left":"\u0061"},"labels":{"a":"\u0061","a":"a"}}"#,
        r#"{"unknown":1,"unknown":{"a":1,"a":2}}"#,
    ] {
        assert!(ambiguities(text).is_empty(), "{text}");
    }
    assert!(ambiguities(b"{\"unknown\":\"\xff\"}").is_empty());
}

#[test]
fn merged_objects_are_one_ambiguity() {
    let text = r#"{"part":{"left":"a"},"part":{"left":"b"}}"#;
    let met = ambiguities(text);
    assert_eq!(met, [("part".to_owned(), AmbiguityKind::DuplicateName)]);
}

#[test]
fn errors_say_where() {
    let not_integer = error::<Sample>(r#"{"part":{},"size":1.0}"#);
    assert_eq!(not_integer, "size: invalid type: 1.0, expected i64");
    let deep =
        error::<ImageManifest>(r#"{"config":{"digest":"a:b"},"layers":[{"digest":"a:b"},{}]}"#);
    assert_eq!(deep, "layers[1]: missing field `digest`");
    let key = error::<Sample>(r#"{"labels":{"org.example":1}}"#);
    assert_eq!(
        key,
        "labels[\"org.example\"]: invalid type: 1, expected a string"
    );
    assert_eq!(
        error::<Sample>(r#"{"size":1}x"#),
        "it is not JSON: the byte at offset 10 follows the document's value"
    );
    assert_eq!(
        error::<Sample>(r#"{"size":"#),
        "it is not JSON: the byte at offset 8 is the end of a document that is cut off"
    );
    assert_eq!(
        error::<Sample>("5"),
        "invalid type: 5, expected struct Sample"
    );
}

#[test]
fn depth_is_limited_where_values_are_taken_as_they_come() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read::<serde_json::Value>(nested(128).as_bytes()).is_ok());
    let deeper = read::<serde_json::Value>(nested(129).as_bytes()).unwrap_err();
    assert!(matches!(deeper, JsonError::TooDeep { .. }));
    let unknown = format!(r#"{{"unknown":{},"size":3}}"#, nested(9_999));
    assert_eq!(sample(&unknown).size, 3);
}

#[test]
fn hostile_documents_cost_time_in_proportion_to_their_length() {
    const LEN: usize = 1 << 20;
    let repeated = |start: &str, part: &str, end: &str| {
        let count = LEN / part.len();
        let mut text = String::with_capacity(LEN + 64);
        text.push_str(start);
        (0..count).for_each(|_| text.push_str(part));
        text.push_str(end);
        text
    };
    let documents = [
        repeated("{", r#""size":1,"size":2,"#, r#""size":3}"#),
        repeated("{", r#""tasks":["a"],"#, r#""tasks":["a","b","c"]}"#),
        repeated(r#"{"tasks":["", "#, r#""b","#, r#"""],"tasks":["a"]}"#),
        repeated(r#"{"labels":{"#, r#""a":"1","#, r#""b":""}}"#),
        repeated("{", r#""part":{"left":"a"},"#, r#""part":{}}"#),
        repeated("{", r#""part":{"left":{"#, ""),
        repeated("{", r#""unknown":[[{}]],"#, r#""size":0}"#),
        repeated(r#"{"tasks":[""#, r"\ud800", r#""]}"#),
        repeated("[", "[", ""),
    ];
    let start = Instant::now();
    for document in documents {
        if let Ok(document) = read::<Sample>(document.as_bytes()) {
            assert!(document.ambiguities.len() <= 32);
        }
    }
    // This takes a second or two without optimization. A quadratic algorithm would take minutes to
    // hours.
    assert!(start.elapsed() < Duration::from_secs(60));
}
