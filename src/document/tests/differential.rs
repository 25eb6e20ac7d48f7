//! Compares Go's `encoding/json` and [`read`](crate::document::read) on random documents. Each
//! difference must be of a known kind, which `docs/documents.md` explains.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::exact::as_exact_reader;
use super::facts::facts;
use super::generator::Generator;
use crate::document::{Ambiguity, JsonError};

const DOCUMENTS: u64 = 30_000;

/// Why imgfs reads a document differently from Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// imgfs rejects a digest that is absent or malformed; for Go, it is an arbitrary string.
    Digest,
    /// imgfs rejects a negative number, and a schema version over 32 bits.
    NumberRange,
    /// In Go, bytes may be written as a list of numbers; for imgfs, `data` is a string.
    DataList,
    /// imgfs supports only 128 levels in a value of arbitrary type.
    TooDeep,
    /// Go decodes a member that imgfs does not read.
    UnreadMember,
    /// Go rejects a date that is not in RFC 3339 format.
    Date,
    /// Go rejects `data` that is not base64.
    Base64,
    /// Go decodes a value that is then replaced by a later one of the same name.
    ReplacedValue,
    /// `null` after a value of the same name, where Go has a pointer to a string, or a struct without a
    /// pointer.
    NullAfterValue,
}

const ALL: [Reason; 9] = [
    Reason::Digest,
    Reason::NumberRange,
    Reason::DataList,
    Reason::TooDeep,
    Reason::UnreadMember,
    Reason::Date,
    Reason::Base64,
    Reason::ReplacedValue,
    Reason::NullAfterValue,
];

#[test]
fn documents_are_read_as_go_reads_them() {
    if !crate::needs::programs(&["go"]) {
        return;
    }
    let mut cases = fixed_cases();
    cases.extend((0..DOCUMENTS).map(|seed| Generator::new(seed).document()));
    let answers = ask_go(&cases);
    assert_eq!(answers.len(), cases.len());
    let (mut accepted, mut refused, mut ambiguous, mut agreed) = (0, 0, 0, 0);
    let mut unexplained = Vec::new();
    let mut differences: BTreeMap<Reason, usize> = BTreeMap::new();
    for ((kind, bytes), answer) in cases.iter().zip(&answers) {
        let ours = facts(kind, bytes);
        if let Ok((read, met)) = &ours
            && met.is_empty()
            && let Some(text) = as_exact_reader(kind, bytes)
        {
            let exact = facts(kind, &text).map(|(facts, _)| facts);
            let equal = exact.as_ref().is_ok_and(|exact| same(exact, read));
            let text = String::from_utf8_lossy(bytes);
            assert!(equal, "{kind} {text} is ambiguous: {exact:?}");
            agreed += 1;
        }
        ambiguous += usize::from(ours.as_ref().is_ok_and(|(_, met)| !met.is_empty()));
        let go = match answer.split_once(' ') {
            Some(("ok", facts)) => {
                // Null if the facts are nested more deeply than `serde_json` supports.
                Ok(serde_json::from_str::<Value>(facts).unwrap_or_default())
            }
            Some(("error", problem)) => Err(problem),
            _ => panic!("{answer}"),
        };
        match (&go, &ours) {
            (Ok(go), Ok((ours, _))) if same(go, ours) => accepted += 1,
            (Err(_), Err(_)) => refused += 1,
            _ => {
                let Some(reason) = reason(&go, &ours) else {
                    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]);
                    unexplained.push(format!("{kind} {text}\nGo:   {go:?}\nours: {ours:?}"));
                    continue;
                };
                *differences.entry(reason).or_default() += 1;
            }
        }
    }
    println!(
        "{} documents: both accept {accepted} with equal values, both refuse {refused}; \
         {ambiguous} are ambiguous, {agreed} others are the same to an exact reader; \
         differences: {differences:?}",
        cases.len()
    );
    unexplained.sort_by_key(String::len);
    let shown = unexplained.iter().take(8).map(String::as_str);
    let shown = shown.collect::<Vec<_>>().join("\n\n");
    assert!(
        unexplained.is_empty(),
        "{} unexplained:\n{shown}",
        unexplained.len()
    );
    // Accepted, rejected, ambiguous and unambiguous documents are all frequent, and all listed
    // differences occur.
    assert!(accepted > 10_000 && refused > 5_000 && ambiguous > 1_000 && agreed > 10_000);
    for reason in ALL {
        assert!(differences.contains_key(&reason), "{reason:?}");
    }
}

/// Returns whether two values are equal. Numbers are compared as float64, which Go uses for values of
/// arbitrary type.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, a)| other.get(name).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}

/// Returns whether facts are equal, except for the effect of a last `null` on `created`, `data` and
/// `config`.
fn same_but_null(go: &Value, ours: &Value) -> bool {
    match (go, ours) {
        (Value::Array(go), Value::Array(ours)) => {
            go.len() == ours.len() && go.iter().zip(ours).all(|(a, b)| same_but_null(a, b))
        }
        (Value::Object(go), Value::Object(ours)) => go.iter().all(|(name, go)| {
            let ours = &ours[name];
            match name.as_str() {
                "created" | "data" if go == "" => true,
                "config" if is_empty(ours) => true,
                _ => same_but_null(go, ours),
            }
        }),
        _ => same(go, ours),
    }
}

/// Returns whether all parts of a value are empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(array) => array.is_empty(),
        Value::Object(object) => object.values().all(is_empty),
        other => other == "",
    }
}

type Ours = Result<(Value, Vec<Ambiguity>), JsonError>;

fn reason(go: &Result<Value, &str>, ours: &Ours) -> Option<Reason> {
    match (go, ours) {
        (Ok(_), Err(JsonError::TooDeep { .. })) => Some(Reason::TooDeep),
        (Ok(_), Err(JsonError::Value { path, problem })) => {
            let missing = ["missing field `digest`", "missing field `config`"];
            let range = ["expected u64", "expected u32"];
            if path.ends_with("digest") || missing.iter().any(|field| problem == field) {
                return Some(Reason::Digest);
            }
            if path.ends_with("data") && problem.starts_with("invalid type: sequence") {
                return Some(Reason::DataList);
            }
            let range = range.iter().any(|number| problem.ends_with(number));
            range.then_some(Reason::NumberRange)
        }
        (Err(problem), Ok((_, met))) => {
            let unread = [
                "platform.os.version",
                "platform.os.features",
                "config.ArgsEscaped",
                "Healthcheck.Interval",
                "Healthcheck.Retries",
            ];
            if unread.iter().any(|member| problem.contains(member)) {
                Some(Reason::UnreadMember)
            } else if problem.contains("parsing time") || problem.contains("Time.UnmarshalJSON") {
                Some(Reason::Date)
            } else if problem.contains("illegal base64") {
                Some(Reason::Base64)
            } else {
                (!met.is_empty()).then_some(Reason::ReplacedValue)
            }
        }
        (Ok(go), Ok((ours, met))) => {
            (!met.is_empty() && same_but_null(go, ours)).then_some(Reason::NullAfterValue)
        }
        _ => None,
    }
}

/// Returns documents that the generator does not produce.
fn fixed_cases() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    let unknown = |depth| [b"{\"unknown\":".as_slice(), &nested(depth), b"}"].concat();
    let mut cases = vec![
        ("marker", unknown(9_999)),
        ("marker", unknown(10_000)),
        ("any", nested(127)),
        ("any", nested(129)),
        ("any", nested(10_001)),
    ];
    let texts: &[(&str, &str)] = &[
        ("index", ""),
        ("index", " "),
        ("index", "null"),
        ("index", "[]"),
        ("index", "{}"),
        ("index", r#"{"manifests":null}"#),
        ("manifest", r#"{"config":{"digest":"a:b"},"layers":null}"#),
        ("manifest", r#"{"config":{"digest":"a:b"}}"#),
        (
            "manifest",
            r#"{"config":{"digest":"a:b"},"config":{"size":1},"LAYERS":[]}"#,
        ),
        (
            "image",
            r#"{"rootfs":{"type":"layers","diff_ids":null},"history":null}"#,
        ),
        ("image", r#"{"config":{"Env":["a"]},"config":null}"#),
        (
            "image",
            r#"{"config":{"Env":["a","b","c"],"Env":["d"],"Env":["e",null]}}"#,
        ),
        (
            "image",
            r#"{"history":[{"comment":"a"}],"history":[{"author":"b"},{}]}"#,
        ),
        (
            "image",
            r#"{"history":[{"comment":"a"}],"history":[],"history":[{"author":"b"}]}"#,
        ),
        (
            "image",
            r#"{"history":[{"comment":"a"}],"history":null,"history":[{"author":"b"}]}"#,
        ),
        (
            "image",
            r#"{"created":"2020-01-02T03:04:05Z","created":null}"#,
        ),
        ("image", r#"{"author":"a","author":null}"#),
        (
            "image",
            r#"{"config":{"Labels":{"a":"b"},"Labels":{"c":null,"A":"d"}}}"#,
        ),
        ("image", r#"{"history":[{"comment":1}],"history":[]}"#),
        (
            "index",
            r#"{"manifests":[{"digest":"a:b","data":[123,125]}]}"#,
        ),
        ("archive", "null"),
        (
            "archive",
            r#"[{"config":"a","layers":null,"Layers":["b"]}]"#,
        ),
        ("any", "1e400"),
        ("any", r#"{"a":1,"a":{"b":2},"a":{"c":3}}"#),
    ];
    cases.extend(
        texts
            .iter()
            .map(|(kind, text)| (*kind, text.as_bytes().to_vec())),
    );
    cases
}

/// Returns the answers of the Go program, one line for each document.
fn ask_go(cases: &[(&str, Vec<u8>)]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("main.go"), include_str!("oracle.go")).unwrap();
    fs::write(
        dir.path().join("go.mod"),
        "module example.com/oracle\n\ngo 1.19\n",
    )
    .unwrap();
    let cache = std::env::var_os("IMGFS_TEST_CACHE").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| {
        let home = std::env::var_os("HOME").expect("HOME is set");
        PathBuf::from(home).join(".cache/imgfs-tests")
    });
    let mut go = Command::new("go");
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.as_encoded_bytes().starts_with(b"GO")) {
        go.env_remove(name);
    }
    let built = go
        .current_dir(dir.path())
        .env("GOCACHE", cache.join("go-build"))
        .env("GOPATH", cache.join("go"))
        .env("GOPROXY", "off")
        .env("GOENV", "off")
        .args(["build", "-o", "oracle", "."])
        .output()
        .expect("go is installed");
    assert!(built.status.success(), "{built:?}");
    let path = dir.path().join("cases");
    let mut file = std::io::BufWriter::new(File::create(&path).unwrap());
    for (kind, bytes) in cases {
        writeln!(file, "{kind} {}", bytes.len()).unwrap();
        file.write_all(bytes).unwrap();
        file.write_all(b"\n").unwrap();
    }
    file.into_inner().unwrap();
    let read = Command::new(dir.path().join("oracle"))
        .stdin(File::open(&path).unwrap())
        .output()
        .unwrap();
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    let text = String::from_utf8(read.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}
