//! JUnit XML, as Jenkins and GitLab read it: a suite for each platform of each image, and a case for
//! each kind of finding. A case fails if it has findings that count. Other findings are its output.
//!
//! This does not use the quick-junit crate, because version 0.8 writes the attribute `skipped` on
//! `<testsuites>`, which Jenkins' schema does not allow.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::findings::Id;
use crate::layer::printable;

use super::report::{PlatformRow, Report, ReportedFinding};

/// The test case that has an error if an image cannot be checked.
const OPEN: &str = "open";

pub(super) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let suites: Vec<Suite> = report.rows.iter().map(|r| Suite::new(r, report)).collect();
    let sum = |of: fn(&Suite) -> usize| suites.iter().map(of).sum::<usize>();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuites name="imgfs check" tests="{}" failures="{}" errors="{}">"#,
        sum(|s| s.tests),
        sum(|s| s.failures),
        sum(|s| s.errors)
    )?;
    for suite in &suites {
        out.write_all(suite.xml.as_bytes())?;
    }
    writeln!(out, "</testsuites>")
}

struct Suite {
    tests: usize,
    failures: usize,
    errors: usize,
    xml: String,
}

impl Suite {
    fn new(row: &PlatformRow, report: &Report) -> Self {
        let name = escape(&format!("{} {}", row.image, row.platform()));
        let class = escape(&format!("imgfs.{}", row.platform()));
        let mut cases = String::new();
        let (mut tests, mut failures, mut errors) = (1, 0, 0);
        let _ = write!(cases, r#"    <testcase classname="{class}" name="{OPEN}">"#);
        if let Some(error) = &row.error {
            errors = 1;
            let _ = write!(
                cases,
                r#"<error type="{OPEN}" message="{}"/>"#,
                escape(error)
            );
        }
        cases.push_str("</testcase>\n");
        let ids: &[Id] = if row.error.is_some() { &[] } else { Id::ALL };
        for &id in ids {
            tests += 1;
            let (bad, other): (Vec<&ReportedFinding>, Vec<&ReportedFinding>) = row
                .found
                .iter()
                .filter(|found| found.finding.id == id)
                .partition(|found| found.finding.level >= report.fail_on);
            let _ = write!(cases, r#"    <testcase classname="{class}" name="{id}">"#);
            if let Some(first) = bad.first() {
                failures += 1;
                let message = match bad.len() {
                    1 => words(first),
                    n => format!("{} (and {} more)", words(first), n - 1),
                };
                let (message, all) = (escape(&message), escape(&lines(&bad)));
                let level = first.finding.level;
                let _ = write!(
                    cases,
                    r#"<failure type="{level}" message="{message}">{all}</failure>"#
                );
            }
            // This was not checked, so the case is skipped instead of passed.
            if id == Id::NeedsEmulation && !report.host {
                cases.push_str(r#"<skipped message="without --host"/>"#);
            }
            if !other.is_empty() {
                let _ = write!(cases, "<system-out>{}</system-out>", escape(&lines(&other)));
            }
            cases.push_str("</testcase>\n");
        }
        let mut xml = format!(
            r#"  <testsuite name="{name}" tests="{tests}" failures="{failures}" errors="{errors}">"#
        );
        xml.push('\n');
        xml += &cases;
        xml.push_str("  </testsuite>\n");
        Self {
            tests,
            failures,
            errors,
            xml,
        }
    }
}

fn words(found: &ReportedFinding) -> String {
    let finding = &found.finding;
    match finding.path.is_empty() {
        true => finding.detail.clone(),
        false => format!("{}: {}", printable(&finding.path), finding.detail),
    }
}

/// Returns each finding in full, one per line: level, path, reason, layer, and fix.
fn lines(found: &[&ReportedFinding]) -> String {
    let mut text = String::from("\n");
    for found in found {
        let finding = &found.finding;
        let _ = write!(text, "{} {}", finding.level, words(found));
        if let Some(layer) = finding.layer {
            let _ = write!(text, " [layer {layer}");
            let created_by = found.layer.as_ref().and_then(|l| l.created_by.as_deref());
            if let Some(created_by) = created_by {
                let _ = write!(text, ": {}", super::report::line(created_by));
            }
            text.push(']');
        }
        let _ = writeln!(text, "; {}", finding.hint);
    }
    text
}

/// Escapes a text for XML 1.0, for content and attributes. Characters that XML does not allow (see
/// "Char" in the specification) are replaced: control characters by `\xNN`, U+FFFE and U+FFFF by U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push_str(&super::report::line(&c.to_string())),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use crate::findings::Level;

    use super::super::report::sample;
    use super::*;

    fn xml(report: &Report) -> String {
        let mut out = Vec::new();
        write(&mut out, report).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Validates against the schema of Jenkins' xUnit plugin; see tests/data/schemas/README.md.
    #[test]
    fn it_is_junit() {
        if !crate::needs::programs(&["xmllint"]) {
            return;
        }
        let schema = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/schemas/junit-10.xsd"
        );
        let validates = |xml: &str| {
            let mut child = Command::new("xmllint")
                .args(["--noout", "--schema", schema, "-"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap_or_else(|e| panic!("xmllint: {e} (tests/run.sh installs it)"));
            child
                .stdin
                .take()
                .unwrap()
                .write_all(xml.as_bytes())
                .unwrap();
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            output.status.success().then_some(()).ok_or(said)
        };
        let xml = xml(&sample::report());
        assert_eq!(validates(&xml), Ok(()));
        // The validator does find errors.
        assert!(validates(&xml.replace("<failure ", "<failed ")).is_err());
    }

    #[test]
    fn what_counts_fails_and_the_rest_is_said() {
        let mut report = sample::report();
        let text = xml(&report);
        let suites = 3 * (Id::ALL.len() + 1) + 1;
        let head = format!(r#"tests="{suites}" failures="2" errors="1">"#);
        assert!(text.contains(&head), "{text}");
        assert!(
            text.contains(r#"name="no-timezone-data"><system-out>"#),
            "{text}"
        );
        assert!(
            text.contains("[layer 1: RUN echo\\x09'&lt;&amp;&gt;'\\x0a\\x1b[31m"),
            "{text}"
        );
        assert_eq!(text.matches("<skipped ").count(), 3, "{text}");
        report.fail_on = Level::Warn;
        report.host = true;
        let text = xml(&report);
        assert!(
            text.contains(r#"name="no-timezone-data"><failure type="warn""#),
            "{text}"
        );
    }
}
