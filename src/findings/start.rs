//! What the image starts, and which of its steps fail.
//!
//! [`crate::launch`] follows the chain of programs. This module turns each failure into a finding:
//! **fail** if the container ends because of it, **warn** if the container continues or if the step may
//! not be reached at all. A failure that the script expects (`missing || true`) is not reported.

use std::io;

use super::attribution;
use super::draft::Drafts;
use super::finding::{Id, Level};
use super::start_chain::Start;
use crate::inspect::Format;
use crate::launch::image::Image;
use crate::launch::{Cause, Chain, End, Part, Reason, Step, StepFailure, Why, Word};
use crate::layer::printable;

/// Reports the steps that fail.
///
/// # Errors
/// Returns an error if the layers cannot be read.
pub(super) fn check(image: &Image<'_>, start: &Start, drafts: &mut Drafts) -> io::Result<()> {
    for (id, step) in start.chain.numbered() {
        let Some(failure) = step.failure() else {
            continue;
        };
        let level = match start.chain.end == End::Fails(id) {
            true if step.certain => Level::Fail,
            _ if step.tested => continue,
            _ => Level::Warn,
        };
        report(image, &start.chain, step, failure, level, drafts);
    }
    if let End::Exits(status) = start.chain.end
        && let Some(step) = start.chain.steps.first()
    {
        let text = (
            format!(
                "the config starts {}, which ends with exit status {status} by itself",
                command(step)
            ),
            "run imgfs explain, and correct the script or the config; if it needs arguments or variables \
             that docker run gives it, ignore this"
                .to_owned(),
        );
        let path = step.files.first().map_or(&[][..], |file| &file.real);
        drafts.image(Id::EarlyExit, Level::Warn, path, None, text);
    }
    if let End::NoDirectory(message) = &start.chain.end {
        let dir = image.working_dir();
        let text = (
            format!(
                "the container cannot start in its working directory: {}",
                printable(message.as_bytes())
            ),
            "correct WORKDIR, or make it a directory".to_owned(),
        );
        drafts.image(
            Id::MissingEntrypoint,
            Level::Fail,
            dir.as_bytes(),
            None,
            text,
        );
    }
    healthcheck(&start.healthcheck, drafts);
    Ok(())
}

/// Adds a finding for an image that does not start, if no other rule reported a failure.
pub(super) fn ensure_failure_reported(start: &Start, drafts: &mut Drafts) {
    if drafts.has_fail() {
        return;
    }
    let chain = &start.chain;
    match &chain.end {
        End::Fails(id) => {
            let step = chain.step(*id).filter(|step| step.certain);
            let Some((step, failure)) = step.and_then(|step| Some((step, step.failure()?))) else {
                return;
            };
            let id = match (self::id(failure), &failure.cause) {
                // Already reported, at a lower level.
                (Some(Id::MissingEntrypoint), _) => return,
                (Some(id), _) => id,
                (None, Cause::Loader) => Id::MissingLibrary,
                (None, Cause::Refused(refusal)) => match (&refusal.reason, refusal.part) {
                    (Reason::Missing(_), Part::Loader) => Id::MissingLoader,
                    (Reason::Missing(_), _) => Id::MissingInterpreter,
                    _ => Id::ArchMismatch,
                },
                (None, _) => Id::MissingEntrypoint,
            };
            let path = step.files.first().map_or(&[][..], |file| &file.real);
            let text = (sentence(chain, step, failure), failure.hint.clone());
            drafts.image(id, Level::Fail, path, None, text);
        }
        End::NoUser(message) => {
            let hint =
                "add the user (RUN adduser, or copy an /etc/passwd), or give USER as a number";
            let text = (printable(message.as_bytes()), hint.to_owned());
            drafts.image(Id::UserLookup, Level::Fail, b"/etc/passwd", None, text);
        }
        _ => {}
    }
}

/// Reports the first certain step of the health check that fails. Such a container always reports
/// `unhealthy`.
fn healthcheck(chain: &Chain, drafts: &mut Drafts) {
    let failed = chain.steps.iter().find_map(|step| {
        let failure = step.failure()?;
        step.certain.then_some((step, failure))
    });
    if let Some((step, failure)) = failed {
        let file = step.files.last();
        let text = (
            format!(
                "the HEALTHCHECK starts {}, and {}: \"{}\"",
                word(step),
                failure.clause,
                failure.message
            ),
            failure.hint.clone(),
        );
        let path = file.map_or_else(|| word(step).into_bytes(), |file| file.real.clone());
        drafts.image(Id::BrokenHealthcheck, Level::Warn, &path, None, text);
    }
}

/// Returns the id for a failure, or `None` if another rule reports it for the file.
fn id(failure: &StepFailure) -> Option<Id> {
    Some(match &failure.cause {
        Cause::NotInPath(_) => Id::MissingEntrypoint,
        Cause::Launcher => Id::UserLookup,
        Cause::Killed => Id::ExecFormatError,
        Cause::Loader => return None,
        Cause::Refused(refusal) => match (&refusal.reason, refusal.part) {
            (Reason::Missing(_), Part::Program) => Id::MissingEntrypoint,
            (Reason::Missing(_), _) => return None,
            (Reason::NotSearchable(_) | Reason::NotExecutable(..) | Reason::NotRegular(_), _) => {
                Id::PermissionDenied
            }
            (Reason::Format(Format::Pe | Format::MachO | Format::MachOUniversal), _) => {
                return None;
            }
            (Reason::Machine(_), _) => return None,
            (Reason::NotAnElf, _) => Id::MissingLoader,
            _ => Id::ExecFormatError,
        },
    })
}

fn report(
    image: &Image<'_>,
    chain: &Chain,
    step: &Step,
    failure: &StepFailure,
    level: Level,
    drafts: &mut Drafts,
) {
    let Some(id) = id(failure).filter(|&id| !is_told_of_script(chain, step, id)) else {
        return;
    };
    let level = match id {
        // A volume may provide it.
        Id::MissingEntrypoint if is_in_volume(image, step) => level.min(Level::Warn),
        _ => level,
    };
    let mut text = (sentence(chain, step, failure), failure.hint.clone());
    if let Some(removed) = &failure.removed {
        text.0
            .push_str(&attribution::sentence(image, removed, &removed.path));
    }
    // The file that is executed. The text names what it needs.
    let file = step.files.iter().rfind(|file| file.part != Part::Loader);
    match file {
        Some(file) => {
            let same = [Id::MissingInterpreter, Id::MissingLoader];
            drafts.cover(file.node, &same, Level::Fail);
            drafts.node(id, level, image, file.node, text);
        }
        None => drafts.image(id, level, word(step).as_bytes(), None, text),
    }
}

/// Returns a sentence about a failed step.
fn sentence(chain: &Chain, step: &Step, failure: &StepFailure) -> String {
    format!(
        "{} starts {}, and {}: \"{}\"",
        caller(chain, step),
        word(step),
        failure.clause,
        failure.message
    )
}

/// Returns true if the rule about scripts reports this failure: `env` does not find the program from
/// the script's `#!` line.
fn is_told_of_script(chain: &Chain, step: &Step, id: Id) -> bool {
    let parent = chain.parent(step);
    let is_interpreter = parent.is_some_and(|parent| {
        parent
            .files
            .iter()
            .any(|file| file.part == Part::Interpreter)
    });
    let env = matches!(&step.why, Why::Launcher(name) if name == "env");
    id == Id::MissingEntrypoint && env && is_interpreter
}

/// Returns true if the path of a program is below a volume that the config declares.
fn is_in_volume(image: &Image<'_>, step: &Step) -> bool {
    let Some(Word::Known(path)) = step.argv.first() else {
        return false;
    };
    let volumes = &image.declared.start.volumes;
    volumes.iter().any(|volume| {
        let rest = path.strip_prefix(volume.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Returns the name of the caller of a step: `the config`, `/entrypoint.sh line 12`, `tini`.
fn caller(chain: &Chain, step: &Step) -> String {
    let parent = chain.parent(step);
    match (&step.why, parent) {
        (Why::ShellCommand(line), Some(parent)) => {
            let script = parent.files.first().filter(|_| parent.files.len() > 1);
            match script.map(|file| &file.path) {
                Some(path) => format!("{} line {line}", printable(path)),
                None => format!("`{}`", command(parent)),
            }
        }
        (Why::Launcher(name), _) => name.clone(),
        _ => "the config".to_owned(),
    }
}

/// Returns a step's command line, truncated if it is long.
fn command(step: &Step) -> String {
    const SHOWN: usize = 60;
    let words: Vec<&str> = step.argv.iter().map(text).collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn text(word: &Word) -> &str {
    match word {
        Word::Known(word) => word,
        Word::Unknown => "?",
        Word::UnknownMany => "…",
    }
}

/// Returns the program's name as written.
fn word(step: &Step) -> String {
    printable(step.argv.first().map_or("?", text).as_bytes())
}
