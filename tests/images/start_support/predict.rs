//! imgfs's prediction for a case: how it starts, and the findings of `imgfs check`.

use std::path::Path;
use std::sync::OnceLock;

use imgfs::internals::cache::CacheDir;
use imgfs::internals::findings::Level;
use imgfs::internals::launch::{Cause, ChainStart, End, Outcome, RunMode, StepFailure, Word};
use imgfs::internals::open::{self, OpenOptions};
use tempfile::TempDir;

use super::case::Case;
use super::image::write_layout;

/// The predicted end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Starts,
    /// This step fails, and the container ends.
    Fails(usize),
    /// A script exits by itself with this status.
    Exits(u8),
    NoUser(String),
    NoCommand,
    Unknown(String),
}

/// One predicted execve.
#[derive(Clone, Debug)]
pub struct Step {
    /// The path of the program as it is executed; empty if it is not found.
    pub path: String,
    /// The arguments; `None` for an unknown one.
    pub argv: Vec<Option<String>>,
    /// Whether the runtime itself executes it.
    pub first: bool,
    pub certain: bool,
    /// Whether its place in the order is unknown, because it runs concurrently with others.
    pub beside: bool,
    /// The failure, if it fails.
    pub failure: Option<Failed>,
    /// Whether its outcome is unknown.
    pub unknown: bool,
}

/// A predicted failure.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The name of the errno of execve; `None` if the loader or a launcher fails.
    pub errno: Option<String>,
    pub status: i32,
    pub message: String,
    /// Whether no file with that name was found in PATH.
    pub not_in_path: bool,
}

/// The whole prediction.
#[derive(Clone, Debug)]
pub struct Prediction {
    pub verdict: Verdict,
    pub steps: Vec<Step>,
    /// The findings of `imgfs check`: level, id and detail.
    pub findings: Vec<(Level, &'static str, String)>,
}

impl Prediction {
    /// Returns the worst level of the findings.
    pub fn worst(&self) -> Option<Level> {
        self.findings.iter().map(|finding| finding.0).max()
    }
}

/// Returns a cache with the indexes of the bases, which all cases share.
fn cache() -> CacheDir {
    static DIR: OnceLock<TempDir> = OnceLock::new();
    let dir = DIR.get_or_init(|| tempfile::tempdir().unwrap());
    CacheDir::open(dir.path()).unwrap()
}

fn failed(failure: &StepFailure) -> Failed {
    Failed {
        errno: failure.errno.map(|errno| errno.name().to_owned()),
        status: i32::from(failure.status),
        message: failure.message.clone(),
        not_in_path: matches!(failure.cause, Cause::NotInPath(_)),
    }
}

/// Predicts the start of a case with imgfs; writes its layout to `dir`.
pub fn predict(case: &Case, dir: &Path) -> Prediction {
    write_layout(case, dir);
    let options = OpenOptions {
        cache: cache(),
        ..OpenOptions::default()
    };
    let reference = format!("oci:{}", dir.display());
    let image = open::open(&reference.parse().unwrap(), &options, &())
        .unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let origin = if case.health.is_empty() {
        ChainStart::Config
    } else {
        ChainStart::Healthcheck
    };
    let chains = image
        .explain(&[origin])
        .unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let chain = &chains[0];
    let verdict = match &chain.end {
        End::Starts => Verdict::Starts,
        End::Fails(step) => Verdict::Fails(step.0 as usize),
        End::Exits(status) => Verdict::Exits(*status),
        End::NoUser(message) | End::NoDirectory(message) => Verdict::NoUser(message.clone()),
        End::NoCommand => Verdict::NoCommand,
        End::Unknown(why) => Verdict::Unknown(why.clone()),
    };
    let steps = chain.steps.iter().map(|step| Step {
        path: step.program().map_or_else(String::new, |file| {
            String::from_utf8_lossy(&file.path).into_owned()
        }),
        argv: step
            .argv
            .iter()
            .map(|word| match word {
                Word::Known(word) => Some(word.clone()),
                _ => None,
            })
            .collect(),
        first: step.parent.is_none(),
        certain: step.certain,
        beside: matches!(step.place, RunMode::Background | RunMode::Pipe),
        failure: step.failure().map(failed),
        unknown: matches!(step.outcome, Outcome::Unknown(_)),
    });
    let findings = image
        .findings()
        .unwrap_or_else(|e| panic!("{}: {e}", case.name));
    Prediction {
        verdict,
        steps: steps.collect(),
        findings: findings
            .list()
            .iter()
            .map(|f| (f.level, f.id.name(), f.detail.clone()))
            .collect(),
    }
}
