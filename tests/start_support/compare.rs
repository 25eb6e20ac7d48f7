//! What imgfs predicts, held against what happened.

use imgfs::findings::Level;

use super::case::{Case, Expect};
use super::predict::{Failed, Prediction, Step, Verdict};
use super::real::{End, Real};
use super::trace::Executed;

/// What came of a case.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What does not agree.
    pub differs: Vec<String>,
    /// Why imgfs cannot tell how the image starts, if it says so.
    pub unknown: Option<String>,
}

/// Whether a program that was executed is the one of a step.
fn is_of(step: &Step, real: &Executed) -> bool {
    let name = step.argv.first().and_then(Option::as_deref);
    let path = !step.path.is_empty() && real.tried.iter().any(|tried| tried.0 == step.path);
    // A shell may write a relative path as an absolute one.
    let named = name.is_some() && real.argv.first().map(String::as_str) == name;
    if !(path || named) {
        return false;
    }
    let args = step.argv.iter().zip(&real.argv);
    let mut args = args.skip(1).take_while(|(word, _)| word.is_some());
    // Words that are unknown, and all after them, agree with everything.
    args.all(|(word, real)| word.as_ref() == Some(real))
}

/// Whether the log has a step, with the outcome that it should have.
fn happened(step: &Step, real: &Executed) -> bool {
    is_of(step, real)
        && match &step.failure {
            None => step.unknown || real.errno().is_empty(),
            Some(Failed { errno: None, .. }) => true,
            Some(Failed {
                errno: Some(errno), ..
            }) => real.errno() == errno,
        }
}

/// What of a message is the same whoever prints it: the message without the path of who does.
fn printed(failure: &Failed, real: &Real) -> bool {
    let out = [&real.stderr, &real.stdout];
    let lines = || {
        failure
            .message
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    lines().all(|line| out.iter().any(|text| text.contains(line)))
}

/// Whether the first step failed as the runtime says.
fn refused(failed: &Failed, stage: &str, errno: &str) -> bool {
    match stage {
        "path" if errno == "EXDEV" => failed.message.contains("current directory"),
        "path" => failed.not_in_path,
        "program" | "exec" => !failed.not_in_path && failed.errno.as_deref() == Some(errno),
        _ => false,
    }
}

/// Compares all.
pub fn compare(case: &Case, predicted: &Prediction, real: &Real) -> Outcome {
    let mut outcome = Outcome::default();
    if !real.is_as(&case.expect) {
        let (expect, end) = (&case.expect, &real.end);
        outcome.differs.push(format!(
            "its author expects {expect:?}, but {end:?}: {:?}",
            real.stderr
        ));
    }
    if let Verdict::Unknown(why) = &predicted.verdict {
        outcome.unknown = Some(why.clone());
    }
    outcome.differs.extend(verdict(predicted, real));
    outcome.differs.extend(steps(predicted, real));
    outcome.differs.extend(findings(predicted, real));
    outcome
}

/// The verdict.
fn verdict(predicted: &Prediction, real: &Real) -> Option<String> {
    let (end, stderr) = (&real.end, &real.stderr);
    match &predicted.verdict {
        Verdict::Unknown(_) => None,
        Verdict::Starts => match end {
            End::Exited(0) | End::Running => None,
            _ => Some(format!("it should start, but {end:?}: {stderr:?}")),
        },
        Verdict::NoCommand => match end {
            End::Refused(stage, _) if stage == "program" => None,
            _ => Some(format!("it should have no command, but {end:?}")),
        },
        Verdict::NoUser(message) => match end {
            End::Refused(stage, _) if stage == "user" || stage == "group" => None,
            _ => Some(format!(
                "its user should be unknown ({message}), but {end:?}"
            )),
        },
        Verdict::Exits(status) => match end {
            End::Exited(real) if *real == i32::from(*status) => None,
            _ => Some(format!(
                "it should exit with {status}, but {end:?}: {stderr:?}"
            )),
        },
        Verdict::Fails(number) => {
            let step = predicted.steps.get(*number)?;
            let failed = step.failure.as_ref()?;
            fails(step, failed, real)
        }
    }
}

/// The step that ends the container.
fn fails(step: &Step, failed: &Failed, real: &Real) -> Option<String> {
    let said = format!(
        "{:?} {:?} should fail with {failed:?}",
        step.path, step.argv
    );
    match &real.end {
        End::Refused(stage, errno) if step.first => {
            (!refused(failed, stage, errno)).then(|| format!("{said}, but {stage} {errno}"))
        }
        End::Exited(0) | End::Running => Some(format!("{said}, but it runs")),
        End::Exited(status) => {
            if !printed(failed, real) {
                return Some(format!("{said}, but it says {:?}", real.stderr));
            }
            (*status != failed.status).then(|| format!("{said}, but the status is {status}"))
        }
        end => Some(format!("{said}, but {end:?}")),
    }
}

/// Programs that utilities execute, which no chain has: `find -exec`.
const UTILITIES: &[&str] = &["chown"];

/// Every step.
fn steps(predicted: &Prediction, real: &Real) -> Vec<String> {
    let mut differs = Vec::new();
    let mut at = 0;
    for step in predicted
        .steps
        .iter()
        .filter(|step| step.certain && !step.unknown)
    {
        let from = if step.beside { 0 } else { at };
        let found = real.executed[from..]
            .iter()
            .position(|each| happened(step, each));
        match (found, &step.failure) {
            (Some(found), _) => {
                if !step.beside {
                    at = from + found + 1;
                }
            }
            // Go's and some shells' look-ups do not execute anything.
            (None, Some(failed)) if matches!(real.end, End::Refused(..)) && step.first => {
                let _ = failed;
            }
            (None, Some(failed)) if printed(failed, real) => {}
            // Programs that a shell's own redirections keep quiet.
            (None, Some(failed)) if failed.not_in_path && step.beside => {}
            (None, _) => {
                let argv: Vec<_> = step
                    .argv
                    .iter()
                    .map(|word| word.as_deref().unwrap_or("?"))
                    .collect();
                let how = step.failure.as_ref().map(|f| (&f.errno, &f.message));
                differs.push(format!("no {:?} {argv:?} {how:?} was executed", step.path));
            }
        }
    }
    if matches!(predicted.verdict, Verdict::Unknown(_)) {
        return differs;
    }
    for each in &real.executed {
        let utility = each
            .argv
            .first()
            .is_some_and(|word| UTILITIES.contains(&word.as_str()));
        if !utility && !predicted.steps.iter().any(|step| is_of(step, each)) {
            differs.push(format!(
                "{:?} {:?} {:?} was not foreseen",
                each.path(),
                each.argv,
                each.errno()
            ));
        }
    }
    differs
}

/// The findings.
fn findings(predicted: &Prediction, real: &Real) -> Vec<String> {
    let mut differs = Vec::new();
    if real.runs() {
        let fails = predicted
            .findings
            .iter()
            .filter(|finding| finding.0 == Level::Fail);
        differs.extend(
            fails.map(|(_, id, detail)| format!("check says fail {id} ({detail}), but it runs")),
        );
    } else if predicted.worst() < Some(Level::Warn)
        && !matches!(predicted.verdict, Verdict::Exits(_))
    {
        differs.push(format!(
            "check says ok, but {:?}: {:?}",
            real.end, real.stderr
        ));
    }
    differs
}

/// Whether a case is one whose real run the author left open.
pub fn is_open(case: &Case) -> bool {
    case.expect == Expect::Open
}
