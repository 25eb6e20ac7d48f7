//! Compares imgfs's prediction with the real run.

use imgfs::internals::findings::Level;

use super::case::{Base, Case, Expect};
use super::predict::{Failed, Prediction, Step, Verdict};
use super::real::{End, Real};
use super::trace::Executed;

/// The result of a case.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Differences.
    pub differs: Vec<String>,
    /// Messages that were not printed literally, although the errno agrees.
    pub messages: Vec<String>,
    /// The reason, if imgfs reports that it cannot predict the start.
    pub unknown: Option<String>,
}

/// Returns whether a program that was executed is the program of a step.
fn is_of(step: &Step, real: &Executed) -> bool {
    let name = step.argv.first().and_then(Option::as_deref);
    let path = !step.path.is_empty() && real.tried.iter().any(|tried| tried.0 == step.path);
    // A shell may convert a relative path to an absolute one.
    let named = name.is_some() && real.argv.first().map(String::as_str) == name;
    if !(path || named) {
        return false;
    }
    let args = step.argv.iter().zip(&real.argv);
    let mut args = args.skip(1).take_while(|(word, _)| word.is_some());
    // Unknown words, and all words after them, match everything.
    args.all(|(word, real)| word.as_ref() == Some(real))
}

/// Returns whether a step executes a program with an unknown name, which matches every program.
fn is_anything(step: &Step) -> bool {
    step.unknown && step.argv.first() == Some(&None)
}

/// Returns whether the log contains a step with the predicted outcome.
fn happened(step: &Step, real: &Executed) -> bool {
    is_of(step, real)
        && match &step.failure {
            // Shells and execvp(3) pass files in an unknown format to a shell.
            None => {
                step.unknown
                    || real.errno().is_empty()
                    || (!step.first && real.errno() == "ENOEXEC")
            }
            Some(Failed { errno: None, .. }) => true,
            Some(Failed {
                errno: Some(errno), ..
            }) => real.errno() == errno,
        }
}

/// Returns whether a program is a shell that was given a file in a format that the kernel does not know:
/// by execvp(3), or by ash, which executes itself.
fn is_fallback(real: &Executed) -> bool {
    let name = real.argv.first().map(String::as_str);
    match real.path() {
        "/bin/sh" => name == Some("/bin/sh") && real.argv.len() > 1,
        "/proc/self/exe" => name == Some("ash"),
        _ => false,
    }
}

/// Returns the text without carriage returns and without the process number that tini prints.
fn plain(text: &str) -> String {
    let text = text.replace('\r', "\\x0d");
    match text.split_once("[FATAL tini (") {
        Some((before, after)) => {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}[FATAL tini ({after}")
        }
        None => text,
    }
}

/// Returns whether a message was printed.
fn printed(failure: &Failed, real: &Real) -> bool {
    let out = [plain(&real.stderr), plain(&real.stdout)];
    let message = plain(&failure.message);
    let mut lines = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    lines.all(|line| out.iter().any(|text| text.contains(line)))
}

/// Returns whether the first step failed as the runtime reports.
fn refused(failed: &Failed, stage: &str, errno: &str) -> bool {
    match stage {
        "path" if errno == "EXDEV" => failed.message.contains("current directory"),
        "path" => failed.not_in_path,
        // The runtime checks the file first, and reports an error that execve would not.
        "program" if errno == "EISDIR" => failed.message.ends_with("is a directory"),
        "program" | "exec" => !failed.not_in_path && failed.errno.as_deref() == Some(errno),
        _ => false,
    }
}

/// Compares a prediction with a real run.
pub fn compare(case: &Case, predicted: &Prediction, real: &Real) -> Outcome {
    let mut outcome = Outcome::default();
    if !real.is_as(&case.expect) {
        let (expect, end) = (&case.expect, &real.end);
        outcome.differs.push(format!(
            "its author expects {expect:?}, but {end:?}: {:?}",
            real.stderr
        ));
    }
    outcome.unknown = open(predicted, real);
    if let Verdict::Fails(number) = predicted.verdict
        && let Some(failed) = predicted
            .steps
            .get(number)
            .and_then(|step| step.failure.as_ref())
        && matches!(real.end, End::Exited(_))
        && !printed(failed, real)
    {
        let text = format!("{:?}, but it is {:?}", failed.message, real.stderr);
        outcome.messages.push(text);
    }
    outcome.differs.extend(verdict(predicted, real));
    outcome.differs.extend(steps(case, predicted, real));
    outcome.differs.extend(findings(predicted, real));
    outcome
}

/// Returns whether a program that might have run forever was executed, and ended before the container
/// did.
fn served(real: &Real) -> bool {
    let ended = |each: &Executed| each.path().ends_with("/app") && each.status == Some(0);
    real.executed.iter().any(ended)
}

/// Returns why the prediction leaves the start open, if it does.
fn open(predicted: &Prediction, real: &Real) -> Option<String> {
    match &predicted.verdict {
        Verdict::Unknown(why) => Some(why.clone()),
        Verdict::Starts => {
            let may_fail = |step: &&Step| (!step.certain && step.failure.is_some()) || step.unknown;
            if let Some(step) = predicted.steps.iter().find(may_fail) {
                return Some(format!("{:?} may be executed, and may fail", step.argv));
            }
            // A function that is bound lazily is looked up at its first call: it is unknown whether it
            // is called, and check warns.
            let lacks = |finding: &(Level, &str, String)| finding.1 == "missing-symbol";
            if real.stderr.contains("symbol lookup error") && predicted.findings.iter().any(lacks) {
                return Some("a function is missing that may be called".to_owned());
            }
            // It is unknown whether the app ends by itself.
            (!real.runs() && served(real))
                .then(|| "the app ran, ended, and something failed after it".to_owned())
        }
        _ => None,
    }
}

/// Compares the verdict.
fn verdict(predicted: &Prediction, real: &Real) -> Option<String> {
    let (end, stderr) = (&real.end, &real.stderr);
    match &predicted.verdict {
        Verdict::Unknown(_) => None,
        Verdict::Starts if open(predicted, real).is_some() => None,
        Verdict::Starts => match end {
            End::Exited(0) | End::Running => None,
            _ => Some(format!("it should start, but {end:?}: {stderr:?}")),
        },
        Verdict::NoCommand => match end {
            End::Refused(stage, _) if stage == "program" => None,
            _ => Some(format!("it should have no command, but {end:?}")),
        },
        Verdict::NoUser(message) => match end {
            End::Refused(stage, _) if ["user", "group", "cwd"].contains(&stage.as_str()) => None,
            _ => Some(format!(
                "the runtime should refuse ({message}), but {end:?}"
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

/// Compares the step that ends the container.
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
            let logged = real.executed.iter().any(|each| happened(step, each));
            // If execve failed, its errno must agree; otherwise only the message can be compared.
            let agrees = match failed.errno {
                Some(_) => logged || unfound(step, real),
                None => printed(failed, real),
            };
            if !agrees {
                return Some(format!("{said}, but it says {:?}", real.stderr));
            }
            (*status != failed.status).then(|| format!("{said}, but the status is {status}"))
        }
        end => Some(format!("{said}, but {end:?}")),
    }
}

/// Returns whether a message says that the program of a step is missing or may not be executed: a
/// look-up before execve is not in the log.
fn unfound(step: &Step, real: &Real) -> bool {
    let Some(Some(name)) = step.argv.first() else {
        return false;
    };
    let errno = step
        .failure
        .as_ref()
        .and_then(|failed| failed.errno.as_deref());
    let texts: &[&str] = match errno {
        Some("EACCES") => &["ermission denied", "s a directory"],
        _ => &["not found", "o such file"],
    };
    let name = plain(name);
    let stderr = plain(&real.stderr);
    let mut lines = stderr.lines();
    lines.any(|line| line.contains(&name) && texts.iter().any(|text| line.contains(text)))
}

/// Programs that utilities execute and that are not in any chain: `find -exec`.
const UTILITIES: &[&str] = &["chown"];

/// Returns whether a step starts a busybox applet by its name.
fn is_applet(step: &Step) -> bool {
    !step.first && (step.path.starts_with("/bin/") || step.path.starts_with("/usr/bin/env"))
}

/// Compares every step.
fn steps(case: &Case, predicted: &Prediction, real: &Real) -> Vec<String> {
    let ash = matches!(case.base, Base::Busybox | Base::Musl);
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
            // The look-ups of Go and of some shells do not execute anything.
            (None, Some(failed)) if matches!(real.end, End::Refused(..)) && step.first => {
                let _ = failed;
            }
            (None, Some(failed)) if printed(failed, real) || unfound(step, real) => {}
            // The container may end before that step, and redirections may suppress the message.
            (None, Some(_)) if step.beside => {}
            // Debian's busybox runs its own applets without execve.
            (None, None) if ash && is_applet(step) => {}
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
    // A step with an unknown program may be any program.
    let any = predicted
        .steps
        .iter()
        .any(|step| matches!(step.argv.first(), None | Some(None)));
    if any || matches!(predicted.verdict, Verdict::Unknown(_)) {
        return differs;
    }
    for each in &real.executed {
        let utility = each
            .argv
            .first()
            .is_some_and(|word| UTILITIES.contains(&word.as_str()));
        if !utility
            && !is_fallback(each)
            && !predicted
                .steps
                .iter()
                .any(|step| is_of(step, each) || is_anything(step))
        {
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

/// Compares the findings.
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
        && !served(real)
    {
        differs.push(format!(
            "check says ok, but {:?}: {:?}",
            real.end, real.stderr
        ));
    }
    differs
}

/// Returns whether the author of a case left the result of its real run open.
pub fn is_open(case: &Case) -> bool {
    case.expect == Expect::Open
}
