//! How images start: each image is really started, as a container runtime does it, and the result is
//! compared with imgfs's prediction: the programs that are executed, the step at which it ends, and the
//! errno or message.

#![cfg(target_arch = "x86_64")]

use crate::start_support::case::Case;
use crate::start_support::{cases, run};

/// Returns the cases whose name or class contains START_CASES; all cases if it is not set.
fn chosen(cases: Vec<Case>) -> Vec<Case> {
    let wanted = std::env::var("START_CASES").unwrap_or_default();
    let wanted = |case: &Case| case.name.contains(&wanted) || case.class == wanted;
    cases.into_iter().filter(wanted).collect()
}

#[test]
fn images_made_by_hand_start_as_predicted() {
    let cases = chosen(cases::all());
    assert!(!cases.is_empty(), "no case matches START_CASES");
    let bad = run::all(&cases);
    assert!(
        bad.is_empty(),
        "{} of {} differ: {bad:?}",
        bad.len(),
        cases.len()
    );
}

#[test]
fn names_are_unique() {
    let cases = cases::all();
    let mut names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
