//! More than a thousand random images, really started and compared with imgfs's prediction.
//! PROPTEST_RNG_SEED selects other ones; START_CASES selects some by name or class.

#![cfg(target_arch = "x86_64")]

use crate::start_support::case::Case;
use crate::start_support::{generate, run};

#[test]
fn images_drawn_at_random_start_as_predicted() {
    let seed = generate::seed();
    let wanted = std::env::var("START_CASES").unwrap_or_default();
    let wanted = |case: &Case| case.name.contains(&wanted) || case.class == wanted;
    let cases: Vec<Case> = generate::all(seed).into_iter().filter(wanted).collect();
    assert!(!cases.is_empty(), "no case has that name");
    let bad = run::all(&cases);
    assert!(
        bad.is_empty(),
        "{} of {} differ with seed {seed}: {bad:?}",
        bad.len(),
        cases.len()
    );
}
