//! `missing-library`: libraries that a loader does not find, or finds and cannot load.

use std::io;

use super::attribution;
use super::draft::{Drafts, Text};
use super::finding::{Id, InterpreterStatus};
use super::role::Role;
use super::subject::Subject;
use crate::launch::image::base;
use crate::launch::loader::{FailureKind, Missing};
use crate::layer::printable;

/// Reports libraries that are missing in what is loaded with one file. Returns true if it added a
/// finding.
pub(super) fn check(
    subject: &Subject<'_, '_>,
    status: Option<InterpreterStatus>,
    drafts: &mut Drafts,
) -> io::Result<bool> {
    // Without a loader nothing is loaded. That has to be fixed first.
    let dead = matches!(
        status,
        Some(InterpreterStatus::Missing | InterpreterStatus::WrongArch)
    );
    if dead || !subject.is_native() || subject.role == Role::Data || subject.finds_all() {
        return Ok(false);
    }
    let program = subject.is_program();
    let machine = subject.file.machine();
    let told = subject.closure.missing.iter().filter(|missing| {
        // The dependencies of a library's libraries are reported for those libraries.
        program || missing.by == 0
    });
    let mut names = Vec::new();
    for missing in told {
        let name = subject.resolver.name(missing.name);
        let elsewhere = machine
            .as_ref()
            .and_then(|machine| subject.resolver.exists_somewhere(name, machine));
        if !program && elsewhere.is_some() {
            // A program that loads this library may find the dependency by its own run path.
            continue;
        }
        names.push(describe(subject, missing));
    }
    // In the start chain, the file may fail because of another library, or fail only there.
    let failure = subject.loaded.and_then(|loaded| loaded.failure.as_ref());
    let failure = failure
        .filter(|failure| matches!(failure.kind, FailureKind::Missing | FailureKind::Broken));
    let closed = subject.loaded.and_then(|loaded| loaded.closed.as_ref());
    let closed = closed.filter(|_| names.is_empty());
    let detail = match (failure, names.first()) {
        (Some(failure), None) => match closed {
            Some(path) => format!("its user may not read {path}: \"{}\"", failure.message),
            None => format!("it fails with \"{}\"", failure.message),
        },
        (_, Some(_)) => format!("the loader does not find {}", names.join(", ")),
        (None, None) => return Ok(false),
    };
    let Some(level) = subject.level() else {
        return Ok(false);
    };
    let first = names.first().cloned().unwrap_or_default();
    let missing = subject.closure.missing.first();
    let removed = match missing {
        Some(missing) => {
            let name = subject.resolver.name(missing.name);
            attribution::of_library(subject.image, level, base(name))?
        }
        None => String::new(),
    };
    let text = Text {
        detail: detail + &removed,
        hint: match closed {
            Some(path) => format!("chmod a+r {path}, and a+x for the directories above it"),
            None => hint(subject, missing),
        },
        group: format!("libraries that they need are not found: {first}"),
    };
    drafts.file(Id::MissingLibrary, level, subject.file, text);
    Ok(true)
}

fn describe(subject: &Subject<'_, '_>, missing: &Missing) -> String {
    let name = printable(subject.resolver.name(missing.name));
    let by = subject.closure.objects.get(missing.by);
    let by = by.and_then(|(object, _)| subject.resolver.file(*object));
    let mut text = name;
    if let Some(by) = by.filter(|by| by.node != subject.file.node) {
        text.push_str(&format!(" (needed by {})", printable(&by.path)));
    }
    if missing.broken.is_some() {
        text.push_str(" (a file of that name is not a library)");
    }
    text
}

/// Returns a hint for fixing the problem.
fn hint(subject: &Subject<'_, '_>, missing: Option<&Missing>) -> String {
    let name = missing.map(|missing| subject.resolver.name(missing.name));
    let machine = subject.file.machine();
    let elsewhere = name.zip(machine.as_ref()).and_then(|(name, machine)| {
        let node = subject.resolver.exists_somewhere(name, machine)?;
        subject.image.file(node)
    });
    match elsewhere {
        Some(found) => format!(
            "{} is there, where the loader does not look: run ldconfig as the last step after adding \
             its directory to /etc/ld.so.conf.d, or set a run path or LD_LIBRARY_PATH",
            printable(&found.path)
        ),
        None => {
            "install the package that has it, or copy the library into the image too".to_owned()
        }
    }
}
