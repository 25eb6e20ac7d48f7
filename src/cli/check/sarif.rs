//! SARIF 2.1.0 (OASIS standard), for code scanning: a rule for each id, and a result for each finding.

use serde_json::{Value, json};

use crate::blob::Hasher;
use crate::findings::{Id, Level};
use crate::layer::printable;

use super::explain;
use super::report::{PlatformRow, Report, ReportedFinding, line};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn document(report: &Report) -> Value {
    let rules: Vec<Value> = Id::ALL.iter().map(|&id| rule(id)).collect();
    let rows = report.rows.iter();
    let results: Vec<Value> = rows
        .flat_map(|row| row.found.iter().map(move |found| result(row, found)))
        .collect();
    let unseen = report.rows.iter().filter_map(|row| row.error.as_deref());
    let notifications: Vec<Value> = unseen
        .map(|error| json!({"level": "error", "message": {"text": line(error)}}))
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "imgfs",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": notifications.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(id: Id) -> Value {
    let help = explain::section(id);
    json!({
        "id": id.name(),
        "shortDescription": {"text": explain::summary(id)},
        "help": {"text": help, "markdown": help},
    })
}

/// Returns the SARIF level (SARIF 2.1.0, section 3.27.10).
fn level(level: Level) -> &'static str {
    match level {
        Level::Fail => "error",
        Level::Warn => "warning",
        Level::Info => "note",
    }
}

fn result(row: &PlatformRow, found: &ReportedFinding) -> Value {
    let finding = &found.finding;
    let index = Id::ALL.iter().position(|&id| id == finding.id);
    let (detail, hint) = (line(&finding.detail), line(&finding.hint));
    let platform = row.platform();
    let layer = found.layer.as_ref();
    // The location of a finding about the whole image is the image itself.
    let (uri, name) = match finding.path.is_empty() {
        true => (uri(row.image.as_bytes()), row.image.clone()),
        false => (uri(&finding.path), printable(&finding.path)),
    };
    json!({
        "ruleId": finding.id.name(),
        "ruleIndex": index,
        "level": level(finding.level),
        "message": {"text": format!("{platform}: {detail}. {hint}")},
        "locations": [{
            // Code scanning does not show a result without a line, so report line 1.
            "physicalLocation": {
                "artifactLocation": {"uri": uri},
                "region": {"startLine": 1},
            },
            "logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}],
        }],
        // The same finding in the next build is then the same alert.
        "partialFingerprints": {"imgfsFinding/v1": fingerprint(row, found)},
        "properties": {
            "image": row.image,
            "platform": platform,
            "layer": finding.layer,
            "layerDigest": layer.and_then(|l| l.digest.as_deref()),
            "createdBy": layer.and_then(|l| l.created_by.as_deref()),
            "hint": hint,
        },
    })
}

/// Returns a hash that identifies a finding across builds, made of its id, platform and path. The name
/// of the image is not part of it, since it differs between builds.
fn fingerprint(row: &PlatformRow, found: &ReportedFinding) -> String {
    let mut hasher = Hasher::sha256();
    hasher.update(found.finding.id.name().as_bytes());
    hasher.update(b"\0");
    hasher.update(row.platform().as_bytes());
    hasher.update(b"\0");
    hasher.update(&found.finding.path);
    hasher.finish().hex().to_owned()
}

/// Returns a path as a relative reference (RFC 3986). Every byte that is neither unreserved nor a slash
/// is written as `%NN`.
fn uri(path: &[u8]) -> String {
    let mut uri = String::with_capacity(path.len());
    let relative = match path.strip_prefix(b"/").unwrap_or(path) {
        b"" => b".",
        relative => relative,
    };
    for &byte in relative {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    /// Validates against the published schema of SARIF 2.1.0; see tests/data/schemas/README.md.
    #[test]
    fn it_is_sarif() {
        let schema = include_str!("../../../tests/data/schemas/sarif-2.1.0-rtm.5.json");
        // The pattern for languages ends in an unescaped bracket, which only lenient engines accept.
        let schema = schema.replace("{2}]?$", r"{2}\\]?$");
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let validator = jsonschema::draft4::new(&schema).unwrap();
        let mut document = document(&sample::report());
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        // The validator does find errors.
        document["runs"][0]["results"][0]["level"] = "fail".into();
        assert!(!validator.is_valid(&document));
    }

    #[test]
    fn paths_are_relative_references() {
        assert_eq!(uri(b"/usr/lib/a:b c"), "usr/lib/a%3Ab%20c");
        assert_eq!(uri(b"/"), ".");
    }

    #[test]
    fn where_and_how_bad() {
        let document = document(&sample::report());
        let run = &document["runs"][0];
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 4);
        let place = |n: usize| &results[n]["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(
            place(0)["uri"],
            "usr/bin/%FF%1B%5B31m%3C%26%22%27%23%25%3F.so"
        );
        assert_eq!(place(2)["uri"], "dir%20with%20space/image.tar");
        let levels: Vec<_> = results
            .iter()
            .map(|r| r["level"].as_str().unwrap())
            .collect();
        assert_eq!(levels, ["error", "warning", "note", "error"]);
        for result in results {
            let index = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(
                run["tool"]["driver"]["rules"][index]["id"],
                result["ruleId"]
            );
        }
        let prints: Vec<_> = results.iter().map(|r| &r["partialFingerprints"]).collect();
        assert_ne!(prints[0], prints[1]);
    }
}
