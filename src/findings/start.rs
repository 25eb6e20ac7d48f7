//! What the image starts, and which step of that fails.
//!
//! The chain of programs is followed by [`crate::launch`]. Here each failure becomes a finding:
//! **fail** if the container ends because of it, **warn** if the container goes on, or if the step may not
//! be reached at all. A failure that the script expects (`missing || true`) is none.

use std::io;

use super::attribution;
use super::draft::Drafts;
use super::finding::{Id, Level};
use super::linking::Overrides;
use crate::inspect::Format;
use crate::launch::image::{File, Image};
use crate::launch::{self, Cause, Chain, End, Origin, Part, Reason, Step, StepFailure, Why, Word};
use crate::layer::printable;
use crate::tree::NodeId;

/// What is started.
pub struct Start {
    /// The chain of Entrypoint and Cmd.
    pub chain: Chain,
    /// The chain of the Healthcheck.
    pub healthcheck: Chain,
    /// The files that are executed in every run, and without which the container does not start.
    pub nodes: Vec<NodeId>,
    /// The files that may be executed, or whose failure the container survives.
    pub possible: Vec<NodeId>,
}

/// Follows the config's command and its health check.
///
/// # Errors
/// If the image cannot be read.
pub fn resolve(image: &Image<'_>) -> io::Result<Start> {
    let chain = launch::chain(image, &Origin::Config)?;
    let healthcheck = launch::chain(image, &Origin::Healthcheck)?;
    let mut nodes = Vec::new();
    let mut possible = Vec::new();
    for (id, step) in chain.numbered() {
        let fatal = chain.end == End::Fails(id);
        let needed = step.certain && (fatal || step.failure().is_none());
        let files = step.files.iter().filter(|file| file.part != Part::Loader);
        let files = files.map(|file| file.node);
        // A loader that is executed itself loads a program that the kernel does not open.
        let program = step.loaded.as_ref().and_then(|loaded| loaded.program);
        match needed {
            true => nodes.extend(files.chain(program)),
            false => possible.extend(files.chain(program)),
        }
    }
    for step in &healthcheck.steps {
        let files = step.files.iter().filter(|file| file.part != Part::Loader);
        possible.extend(files.map(|file| file.node));
    }
    let unnamed = |step: &Step| !matches!(step.argv.first(), Some(Word::Known(_)));
    if chain.steps.iter().any(unnamed) {
        let snippets = image.files.iter().filter(|file| is_snippet(file));
        possible.extend(snippets.map(|file| file.node));
    }
    Ok(Start {
        chain,
        healthcheck,
        nodes,
        possible,
    })
}

/// Whether a file is one that an entrypoint script runs out of a directory, as those of nginx, postgres and
/// mysql do: `/docker-entrypoint.d`, `/docker-entrypoint-initdb.d`. Which of them it runs is only known
/// when it runs.
fn is_snippet(file: &File) -> bool {
    file.may_run && file.dir().starts_with(b"/docker-entrypoint")
}

impl Start {
    /// What the loader does for the programs of the chain, with the environment in which they are
    /// executed. If one is executed several times, the first that fails counts.
    pub fn loaded(&self) -> Overrides {
        let mut loaded = Overrides::new();
        let steps = self.chain.steps.iter().filter(|step| step.certain);
        for step in steps {
            if let Some(found) = &step.loaded
                && let Some(program) = found.program
            {
                let known = loaded.entry(program).or_insert_with(|| found.clone());
                if known.failure.is_none() && found.failure.is_some() {
                    *known = found.clone();
                }
            }
        }
        loaded
    }
}

/// Reports the steps that fail.
///
/// # Errors
/// If the layers cannot be read.
pub fn check(image: &Image<'_>, start: &Start, drafts: &mut Drafts) -> io::Result<()> {
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

/// Makes sure that an image which does not start has a finding that says so, should no rule know the
/// file.
pub fn assure(start: &Start, drafts: &mut Drafts) {
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
                // It is told of, with a lower level.
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

/// The first certain step of the health check that fails: it reports `unhealthy` for ever.
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

/// The id of a failure; `None` where another rule reports it with the file.
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
        // A volume may bring it.
        Id::MissingEntrypoint if is_in_volume(image, step) => level.min(Level::Warn),
        _ => level,
    };
    let mut text = (sentence(chain, step, failure), failure.hint.clone());
    if let Some(removed) = &failure.removed {
        text.0
            .push_str(&attribution::sentence(image, removed, &removed.path));
    }
    // The file that is executed; what it needs is named in the text.
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

/// What fails, as a sentence.
fn sentence(chain: &Chain, step: &Step, failure: &StepFailure) -> String {
    format!(
        "{} starts {}, and {}: \"{}\"",
        caller(chain, step),
        word(step),
        failure.clause,
        failure.message
    )
}

/// Whether the rule about scripts reports it: `env` does not find what the script's `#!` line gives it.
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

/// Whether a program is named by a path below a volume that the config declares.
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

/// Who executes a step: `the config`, `/entrypoint.sh line 12`, `tini`.
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

/// A command line, shortened.
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

/// The program as it is written.
fn word(step: &Step) -> String {
    printable(step.argv.first().map_or("?", text).as_bytes())
}
