//! Checks that imgfs reads layers like Go's `archive/tar`, which Docker, containerd, Podman and BuildKit
//! use. Four readers get the same unusual and damaged archives: Go's, GNU tar, libarchive and imgfs.
//! Each difference must be a known one (`tests/oracles/tar_support/known.rs`, `docs/archives.md`).
//!
//! `IMGFS_TAR_ROUNDS=50 IMGFS_TAR_SEED=7 cargo test --test oracles tar_readers -- --nocapture` compares more archives.

use std::collections::BTreeSet;
use std::path::Path;

use crate::tar_support;
use crate::tar_support::Readings;
use crate::tar_support::facts::{Reading, differences};
use crate::tar_support::generate::{Case, cases};
use crate::tar_support::known::{KNOWN, Known};

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Statistics of a set of archives.
#[derive(Clone, Copy, Default)]
struct Counts {
    archives: usize,
    /// The number of archives that each reader reads differently from Go: GNU tar, libarchive, imgfs.
    differ: [usize; 3],
    findings: usize,
}

impl Counts {
    fn add(&mut self, readings: &Readings) {
        self.archives += 1;
        for (count, (_, found)) in self.differ.iter_mut().zip(against_go(readings)) {
            *count += usize::from(!found.is_empty());
        }
        self.findings += usize::from(!readings.ambiguous.is_empty());
    }
}

/// Returns the differences between each of the other readers and Go's.
fn against_go(readings: &Readings) -> [(&'static str, BTreeSet<&'static str>); 3] {
    let other = |reading| differences(&readings.go, reading);
    [
        ("GNU tar", other(&readings.gnu)),
        ("libarchive", other(&readings.libarchive)),
        ("imgfs", other(&readings.imgfs)),
    ]
}

/// Returns the known differences to which the features of a case can lead.
fn known(case: &Case) -> Vec<&'static Known> {
    let is_about = |k: &&Known| k.features.iter().any(|f| case.features.contains(f));
    KNOWN.iter().filter(is_about).collect()
}

/// Returns whether a reader shows a different image than imgfs. Differences in the time or the
/// attributes of a file do not count, and neither does an archive that a reader other than Go's rejects.
fn shows_another_image(readings: &Readings) -> bool {
    let other = |reading: &Reading, is_go: bool| {
        let mut found = differences(&readings.imgfs, reading);
        found.remove("mtime");
        found.remove("xattrs");
        if !is_go {
            found.remove("refused");
        }
        !found.is_empty()
    };
    other(&readings.go, true) || other(&readings.gnu, false) || other(&readings.libarchive, false)
}

/// Returns the unexpected results for an archive.
fn complaints(case: &Case, readings: &Readings) -> Vec<String> {
    let mut complaints = Vec::new();
    let known = known(case);
    let found = against_go(readings);
    let [gnu, libarchive, ours] = &found;
    if gnu.1.is_empty() && libarchive.1.is_empty() && !ours.1.is_empty() {
        complaints.push(format!("three agree, imgfs differs: {:?}", ours.1));
    }
    for (reader, fields) in &found {
        let expected = known.iter().any(|k| k.readers.contains(reader));
        if !fields.is_empty() && !expected {
            complaints.push(format!("{reader} differs: {fields:?}"));
        }
    }
    let reads = matches!(readings.imgfs, Reading::Read(..));
    let reports = !readings.ambiguous.is_empty();
    let is_silent = known
        .iter()
        .any(|k| !k.finding && k.readers.contains(&"imgfs"));
    if reads && shows_another_image(readings) && !reports && !is_silent {
        complaints.push("readers show different images, and imgfs does not say so".to_owned());
    }
    if reports && !known.iter().any(|k| k.finding) {
        complaints.push(format!("imgfs says {:?}", readings.ambiguous));
    }
    complaints
}

#[test]
fn four_readers_agree_but_for_the_known_differences() {
    let rounds = variable("IMGFS_TAR_ROUNDS", 3) as usize;
    let cases = cases(variable("IMGFS_TAR_SEED", 1), rounds);
    let archives: Vec<Vec<u8>> = cases.iter().map(|c| c.archive.bytes.clone()).collect();
    let readings = tar_support::read_all(&archives);

    let mut total = Counts::default();
    let (mut agree, mut refuse) = (0, 0);
    let mut rows = vec![Counts::default(); KNOWN.len()];
    let mut failures = Vec::new();
    for (number, (case, readings)) in cases.iter().zip(&readings).enumerate() {
        total.add(readings);
        let all_agree = against_go(readings)
            .iter()
            .all(|(_, found)| found.is_empty());
        agree += usize::from(all_agree);
        refuse += usize::from(all_agree && matches!(readings.go, Reading::Refused(_)));
        for (known, row) in KNOWN.iter().zip(&mut rows) {
            if known.features.iter().any(|f| case.features.contains(f)) {
                row.add(readings);
            }
        }
        for complaint in complaints(case, readings) {
            failures.push(format!("#{number} {:?}: {complaint}", case.features));
        }
    }

    let headers: usize = cases.iter().map(|c| c.archive.headers).sum();
    println!("{} archives with {headers} headers", total.archives);
    println!("all four readers agree on {agree}, of which they refuse {refuse}");
    let [gnu, libarchive, imgfs] = total.differ;
    println!("differ from Go: GNU tar {gnu}, libarchive {libarchive}, imgfs {imgfs}");
    println!("{:55} archives GNU tar libarchive imgfs findings", "");
    for (known, row) in KNOWN.iter().zip(&rows) {
        let [gnu, libarchive, imgfs] = row.differ;
        let title = known.title;
        let (archives, findings) = (row.archives, row.findings);
        println!("{title:55} {archives:8} {gnu:7} {libarchive:10} {imgfs:5} {findings:8}");
    }
    if let Ok(number) = std::env::var("IMGFS_TAR_SHOW") {
        let r = &readings[number.parse::<usize>().unwrap()];
        println!(
            "{:#?}\n{:#?}\n{:#?}\n{:#?}",
            r.go, r.gnu, r.libarchive, r.imgfs
        );
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    for (known, row) in KNOWN.iter().zip(&rows) {
        let differs = row.differ.iter().any(|&n| n > 0) || row.findings > 0;
        assert!(differs, "no reader differs: {}", known.title);
    }
}

#[test]
fn every_known_difference_is_in_the_documentation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/archives.md");
    let text = std::fs::read_to_string(path).unwrap();
    for known in KNOWN {
        let row = format!("| {} | ", known.title);
        assert!(text.contains(&row), "{}", known.title);
    }
}
