//! `missing-symbol`: symbols that a program or its libraries need and that no loaded object defines.
//!
//! musl has no symbol versions, so only missing symbols reveal a musl older than the one that a program
//! was built with. Only what the image starts is checked, because reading symbol tables takes long.

use std::io;
use std::rc::Rc;

use super::draft::{Drafts, Text};
use super::finding::{Id, Level};
use super::role::Role;
use super::subject::Subject;
use crate::launch::loader::{FailureKind, Lacking, LoaderKind};
use crate::layer::printable;
use crate::tree::NodeId;

/// The maximum number of symbols that are listed by name.
const SHOWN: usize = 6;

/// Reports symbols that are missing in what is loaded with a program that the image starts.
pub(super) fn check(subject: &mut Subject<'_, '_>, drafts: &mut Drafts) -> io::Result<()> {
    if subject.role != Role::Start || !subject.is_program() || !subject.is_native() {
        return Ok(());
    }
    let musl = match subject.resolver.get(subject.loader).kind {
        LoaderKind::Glibc => false,
        LoaderKind::Musl => true,
        LoaderKind::Other => return Ok(()),
    };
    let lacking = match subject.loaded {
        Some(loaded) => {
            let failure = loaded.failure.as_ref();
            if failure.is_some_and(|failure| failure.kind != FailureKind::Symbol) {
                // The start chain reports another failure.
                return Ok(());
            }
            loaded.lacking.clone()
        }
        None => unbound(subject)?,
    };
    let uncertain = subject.is_uncertain();
    let (at_call, at_start): (Vec<Lacking>, Vec<Lacking>) =
        lacking.into_iter().partition(|lacking| lacking.at_call);
    let own = subject.file.node;
    if !at_start.is_empty() {
        let level = if uncertain { Level::Warn } else { Level::Fail };
        let says = match musl {
            true => "symbol not found",
            false => "undefined symbol",
        };
        let text = Text {
            detail: format!(
                "nothing that is loaded with it defines {}: it fails at start with \"{says}\"",
                list(&at_start, own)
            ),
            hint: hint(musl),
            group: "symbols that nothing defines".to_owned(),
        };
        drafts.file(Id::MissingSymbol, level, subject.file, text);
    } else if !at_call.is_empty() {
        let text = Text {
            detail: format!(
                "nothing that is loaded with it defines {}: it fails with \"undefined symbol\" when that \
                 is called first",
                list(&at_call, own)
            ),
            hint: hint(musl),
            group: "symbols that nothing defines".to_owned(),
        };
        drafts.file(Id::MissingSymbol, Level::Warn, subject.file, text);
    }
    Ok(())
}

/// Returns the symbols that nothing defines when the config starts the program.
fn unbound(subject: &mut Subject<'_, '_>) -> io::Result<Vec<Lacking>> {
    let process = Rc::clone(&subject.process);
    let now = subject
        .image
        .env("LD_BIND_NOW")
        .is_some_and(|v| !v.is_empty());
    let binding = subject.resolver.bind(subject.closure, &process, now)?;
    let mut lacking = Vec::new();
    for unbound in binding.lacking {
        let object = subject.closure.objects.get(unbound.by);
        let Some(file) = object.and_then(|(object, _)| subject.resolver.file(*object)) else {
            continue;
        };
        lacking.push(Lacking {
            by: printable(&file.path),
            node: file.node,
            symbol: printable(&unbound.symbol.name),
            version: unbound.symbol.version.as_deref().map(printable),
            at_call: unbound.at_call,
        });
    }
    Ok(lacking)
}

/// Lists the symbols. Each is followed by the file that needs it, unless that is the program itself.
fn list(lacking: &[Lacking], own: NodeId) -> String {
    let mut names = Vec::new();
    for lacking in lacking.iter().take(SHOWN) {
        let mut name = lacking.symbol.clone();
        if let Some(version) = &lacking.version {
            name.push_str(&format!(" ({version})"));
        }
        if lacking.node != own {
            name.push_str(&format!(" (needed by {})", lacking.by));
        }
        names.push(name);
    }
    if lacking.len() > SHOWN {
        names.push(format!("and {} more", lacking.len() - SHOWN));
    }
    names.join(", ")
}

fn hint(musl: bool) -> String {
    match musl {
        true => {
            "build it with the musl and the libraries of the image, or use a base image that is as \
                 new as the one that it was built on"
                .to_owned()
        }
        false => {
            "use the version of the library that it was built with, or build it against the one in \
                  the image"
                .to_owned()
        }
    }
}
