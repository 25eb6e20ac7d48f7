//! Findings in the images of the documented failures: for each image the finding on the right path, with
//! the right layer, and none on its healthy twin; and no failure in images of the usual kinds.
//! tests/images/run_failures.rs shows that the images really fail and run.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::failures;
use crate::failures::{
    BASES, CASES, Case, Expected, TRAPS, archive, base_archive, cases, open_archive, open_case,
};
use imgfs::internals::findings::{Finding, Id, Level};
use imgfs::internals::open::OpenImage;

/// Formats a finding as one line.
fn line(finding: &Finding) -> String {
    let path = String::from_utf8_lossy(&finding.path);
    let layer = finding.layer.map_or("-".to_owned(), |n| n.to_string());
    let (level, id, detail) = (finding.level, finding.id, &finding.detail);
    format!("{level} {id} {path} layer {layer}: {detail}")
}

fn lines<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let lines = findings.into_iter().map(|f| format!("\n    {}", line(f)));
    lines.collect()
}

fn found(image: &OpenImage) -> &[Finding] {
    image.findings().unwrap().list()
}

fn is(expected: &Expected, finding: &Finding) -> bool {
    finding.id.name() == expected.id
        && finding.level.name() == expected.level
        && expected.place.is(&finding.path)
        && (expected.layer.is_none() || expected.layer == finding.layer)
}

/// Returns the differences between the findings of a case and the expected ones.
fn complaints(case: &Case) -> Vec<String> {
    let mut complaints = Vec::new();
    let platforms: BTreeSet<_> = case.findings.iter().map(|f| f.platform).collect();
    let mut known: Vec<_> = case.findings.iter().map(|f| f.id).collect();
    for platform in platforms {
        let image = open_case(case.broken, platform);
        let list = found(&image);
        for expected in case.findings.iter().filter(|f| f.platform == platform) {
            // Findings about this host do not appear without `--host`.
            if list.iter().any(|f| is(expected, f)) == expected.on_host {
                let all = lines(list);
                complaints.push(format!("{}: {expected:?}, found{all}", case.broken));
            }
        }
        // One error is not reported in several ways.
        let known: Vec<_> = known.iter().chain(case.also).collect();
        let more = list.iter().filter(|f| f.level > Level::Info);
        let more: Vec<_> = more.filter(|f| !known.contains(&&f.id.name())).collect();
        if !more.is_empty() {
            complaints.push(format!(
                "{}: more than expected{}",
                case.broken,
                lines(more)
            ));
        }
        for finding in list {
            let layers = image.layers.len() as u32;
            assert!(finding.layer.is_none_or(|layer| layer < layers));
            assert!(!finding.detail.is_empty() && !finding.hint.is_empty());
        }
    }
    known.retain(|id| !case.also.contains(id));
    let image = open_case(case.healthy, case.platform);
    let wrong = found(&image).iter();
    let wrong: Vec<_> = wrong
        .filter(|f| f.level > Level::Info || known.contains(&f.id.name()))
        .collect();
    if !wrong.is_empty() {
        complaints.push(format!("{} is healthy{}", case.healthy, lines(wrong)));
    }
    complaints
}

fn check(number: u8) {
    let complaints: Vec<_> = cases(number).flat_map(complaints).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

failures::for_each_failure!(check);

#[test]
fn what_is_expected_has_names() {
    for expected in CASES.iter().flat_map(|case| case.findings) {
        assert!(Id::from_name(expected.id).is_some(), "{}", expected.id);
        assert!(Level::from_name(expected.level).is_some());
    }
}

/// If one manifest of an index has errors, the other has no findings.
#[test]
fn the_other_manifest_is_clean() {
    for case in cases(13) {
        for (name, platform) in [
            (case.broken, "linux/amd64"),
            (case.healthy, "linux/amd64"),
            (case.healthy, "linux/arm64"),
        ] {
            let image = open_case(name, Some(platform));
            assert!(found(&image).is_empty(), "{name}{}", lines(found(&image)));
        }
    }
}

/// An image without errors has no finding of level fail or warn.
fn healthy(images: impl Iterator<Item = (&'static str, PathBuf)>) {
    let mut complaints = String::new();
    for (name, archive) in images {
        let image = open_archive(&archive, None);
        let wrong = found(&image).iter().filter(|f| f.level > Level::Info);
        complaints += &wrong
            .map(|f| format!("\n{name}: {}", line(f)))
            .collect::<String>();
    }
    assert!(complaints.is_empty(), "{complaints}");
}

/// Images of the usual kinds.
#[test]
fn bases_are_healthy() {
    healthy(BASES.iter().map(|b| (b.name, base_archive(b.name))));
}

/// Images that look wrong.
#[test]
fn traps_are_healthy() {
    healthy(TRAPS.iter().map(|t| (t.name, archive(t.name))));
}
