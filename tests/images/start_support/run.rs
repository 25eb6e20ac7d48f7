//! Runs many cases, a few at a time, and prints a table of the results.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use super::case::Case;
use super::compare::{self, Outcome, compare};
use super::known;
use super::predict::predict;
use super::real::{self, End};

/// The time limit for a container that does not end by itself.
const SECONDS: u32 = 2;

/// The results of a class of cases.
#[derive(Default)]
struct Class {
    images: usize,
    runs: usize,
    agree: usize,
    explained: usize,
    unknown: usize,
    messages: usize,
}

/// Predicts, starts and compares one case.
fn one(case: &Case) -> (Outcome, bool) {
    let dir = tempfile::tempdir().unwrap();
    let layout = dir.path().join("layout");
    std::fs::create_dir(&layout).unwrap();
    let predicted = catch_unwind(AssertUnwindSafe(|| predict(case, &layout)));
    let attempt = |seconds: u32| {
        let container = dir.path().join(format!("container-{seconds}"));
        std::fs::create_dir(&container).unwrap();
        let real = real::start(case, &container, seconds);
        let outcome = match &predicted {
            Ok(predicted) => compare(case, predicted, &real),
            Err(_) => Outcome {
                differs: vec!["imgfs panics".to_owned()],
                ..Outcome::default()
            },
        };
        (outcome, real)
    };
    let (mut outcome, mut real) = attempt(SECONDS);
    // On a busy machine a container may not reach its end within the time limit.
    let differs = !outcome.differs.is_empty() && known::explained(&case.name).is_none();
    if differs && real.end == End::Running {
        (outcome, real) = attempt(10 * SECONDS);
    }
    (outcome, real.runs())
}

/// Runs all cases, prints a table of the classes and all differences, and returns the names of the cases
/// with an unexplained difference.
pub fn all(cases: &[Case]) -> Vec<String> {
    let queue = Mutex::new(cases.iter());
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism()
            .map_or(2, usize::from)
            .min(4)
        {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().unwrap().next() else {
                        break;
                    };
                    let result = one(case);
                    results.lock().unwrap().push((case, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(case, _)| &case.name);
    let mut classes = BTreeMap::<&str, Class>::new();
    let mut bad = Vec::new();
    for (case, (outcome, runs)) in &results {
        let class = classes.entry(case.class).or_default();
        class.images += 1;
        class.runs += usize::from(*runs);
        for message in &outcome.messages {
            class.messages += 1;
            eprintln!("{}: message: {message}", case.name);
        }
        let explained = known::explained(&case.name);
        if let Some(why) = &outcome.unknown {
            class.unknown += 1;
            let listed = known::open(&case.name).is_some() || explained.is_some();
            if !listed && !compare::is_open(case) {
                eprintln!("{}: unknown: {why}", case.name);
                bad.push(case.name.clone());
                continue;
            }
        }
        if outcome.differs.is_empty() {
            class.agree += 1;
        } else if let Some(reason) = explained {
            class.explained += 1;
            eprintln!(
                "{}: {} (explained: {reason})",
                case.name,
                outcome.differs.join("; ")
            );
        } else {
            eprintln!("{}:\n    {}", case.name, outcome.differs.join("\n    "));
            bad.push(case.name.clone());
        }
    }
    table(&classes);
    bad
}

fn table(classes: &BTreeMap<&str, Class>) {
    let line = |name: &str, class: &Class| {
        let Class {
            images,
            runs,
            agree,
            explained,
            unknown,
            messages,
        } = class;
        let open = images - agree - explained;
        eprintln!(
            "{name:<22} {images:>6} {runs:>6} {agree:>6} {unknown:>8} {explained:>10} {open:>7} {messages:>8}"
        );
    };
    eprintln!(
        "{:<22} {:>6} {:>6} {:>6} {:>8} {:>10} {:>7} {:>8}",
        "class", "images", "run", "agree", "unknown", "explained", "differ", "messages"
    );
    let mut sum = Class::default();
    for (name, class) in classes {
        line(name, class);
        sum.images += class.images;
        sum.runs += class.runs;
        sum.agree += class.agree;
        sum.explained += class.explained;
        sum.unknown += class.unknown;
        sum.messages += class.messages;
    }
    line("all", &sum);
}
