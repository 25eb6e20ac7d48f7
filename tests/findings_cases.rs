//! What is found in the images of the documented failures: for each the finding on the right path,
//! with the right layer, and nothing on its healthy twin; and nothing that fails in images as most
//! begin. That they fail, and run, is for tests/run_failures.rs to show.

mod common;
mod failures;

use std::collections::BTreeSet;
use std::path::PathBuf;

use failures::{
    BASES, CASES, Case, Expected, TRAPS, archive, base_archive, cases, open_archive, open_case,
};
use imgfs::findings::{Finding, Id, Level};
use imgfs::open::OpenImage;

/// A finding in one line.
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

/// What is wrong about what is found in a case.
fn complaints(case: &Case) -> Vec<String> {
    let mut complaints = Vec::new();
    let platforms: BTreeSet<_> = case.findings.iter().map(|f| f.platform).collect();
    let mut known: Vec<_> = case.findings.iter().map(|f| f.id).collect();
    for platform in platforms {
        let image = open_case(case.broken, platform);
        let list = found(&image);
        for expected in case.findings.iter().filter(|f| f.platform == platform) {
            // What is asked about this host is not found in an image.
            if list.iter().any(|f| is(expected, f)) == expected.on_host {
                let all = lines(list);
                complaints.push(format!("{}: {expected:?}, found{all}", case.broken));
            }
        }
        // One thing that is wrong is not reported in all ways that there are.
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

/// Of an index in which one manifest is wrong, the other is right.
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

/// Nothing fails in an image in which nothing is wrong, and nothing is warned of.
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

/// Images as most begin.
#[test]
fn bases_are_healthy() {
    healthy(BASES.iter().map(|b| (b.name, base_archive(b.name))));
}

/// Images that look wrong.
#[test]
fn traps_are_healthy() {
    healthy(TRAPS.iter().map(|t| (t.name, archive(t.name))));
}
