//! Checks what the loader of each dynamic file loads, and reports what it would refuse, and why.
//!
//! By default, each dynamic file is checked as if the config started it, with the config's environment.
//! For files that the start chain of the image executes, the caller passes the loader's result with the
//! real environment in [`ChainResults`].

use std::io;

use super::draft::{Drafts, Text, weigh};
use super::finding::{Id, InterpreterStatus, Level};
use super::report;
use super::role::Role;
use super::start_chain::ChainResults;
use super::subject::{Subject, libc_name};
use super::versions::Versions;
use super::{attribution, libraries, mixed, symbols};
use crate::inspect::{Format, Linkage};
use crate::launch::image::{File, Image};
use crate::launch::loader::{Closure, LoaderKind, Resolver};
use crate::launch::machine::can_run;
use crate::layer::printable;

/// Checks every file that a loader loads. An entry in `overrides` takes precedence over the result for
/// the config's environment.
///
/// # Errors
/// Returns an error if the image cannot be read, or if the lookups exceed the resolver's budget.
pub(super) fn check(
    image: &Image<'_>,
    roles: &[Role],
    overrides: &ChainResults,
    drafts: &mut Drafts,
) -> io::Result<()> {
    let mut resolver = Resolver::new(image);
    let mut versions = Versions::default();
    for (number, (file, &role)) in image.files.iter().zip(roles).enumerate() {
        let native = file.binary.format == Format::Elf;
        let dynamic = matches!(
            file.binary.linkage,
            Some(Linkage::Dynamic | Linkage::InterpOnly)
        );
        if !native || file.machine().is_none() || !(dynamic || file.binary.interpreter.is_some()) {
            continue;
        }
        let status = interpreter(image, file);
        let mut known = report::File {
            interpreter: status,
            missing: Box::default(),
        };
        // A static file has no loader to look for.
        if let Some((object, process)) = resolver.main(number)? {
            let loader = process.loader;
            let closure = match resolver.get(loader).kind {
                // The search rules of an unsupported loader are unknown.
                LoaderKind::Other => Closure::default(),
                _ => resolver.closure(object, &process),
            };
            let names = closure.missing.iter();
            let names = names.map(|missing| resolver.name(missing.name).into());
            let names = names.collect();
            let mut subject = Subject {
                image,
                file,
                role,
                resolver: &mut resolver,
                loader,
                process,
                closure: &closure,
                loaded: overrides.get(&file.node),
            };
            if !subject.finds_all() {
                known.missing = names;
            }
            subject.loader(status, drafts)?;
            let told = mixed::check(&mut subject, status, drafts)?;
            let told = libraries::check(&subject, status, drafts)? || told;
            let told = versions.check(&subject) || told;
            if !told && status == Some(InterpreterStatus::Ok) {
                symbols::check(&mut subject, drafts)?;
            }
        }
        drafts.learned(file.node, known);
    }
    versions.finish(image, drafts);
    // Once the budget is spent, the results are unreliable.
    match resolver.is_spent() {
        true => Err(crate::launch::limit_exceeded()),
        false => Ok(()),
    }
}

/// Returns the status of the interpreter that a file names, or `None` if it names none.
pub(super) fn interpreter(image: &Image<'_>, file: &File) -> Option<InterpreterStatus> {
    let path = file.binary.interpreter.as_deref()?;
    let Some(node) = image.regular(&image.absolute(path)) else {
        return Some(InterpreterStatus::Missing);
    };
    let Some(found) = image.file(node) else {
        return Some(InterpreterStatus::Missing);
    };
    if found.binary.format == Format::Script {
        // A script may be the interpreter of a script only.
        return Some(match file.binary.format {
            Format::Script => InterpreterStatus::Ok,
            _ => InterpreterStatus::Missing,
        });
    }
    let fits = match file.binary.format {
        Format::Script => can_run(&image.declared.platform, found.os(), found.arch()),
        _ => found.machine() == file.machine(),
    };
    Some(match fits {
        true => InterpreterStatus::Ok,
        false => InterpreterStatus::WrongArch,
    })
}

impl Subject<'_, '_> {
    /// Reports a loader that is missing or that is made for another machine.
    fn loader(&self, status: Option<InterpreterStatus>, drafts: &mut Drafts) -> io::Result<()> {
        let wrong = match status {
            Some(InterpreterStatus::Missing) => false,
            Some(InterpreterStatus::WrongArch) => true,
            _ => return Ok(()),
        };
        if !self.is_program() || !self.is_native() {
            return Ok(());
        }
        let Some(level) = weigh(self.role, Level::Fail, Level::Fail) else {
            return Ok(());
        };
        let path = self.file.binary.interpreter.as_deref().unwrap_or_default();
        let path = printable(path);
        let libc = libc_name(self.file.binary.libc);
        let what = match (wrong, self.file.binary.linkage) {
            (true, _) => format!("its loader {path} is made for another machine"),
            (false, Some(Linkage::InterpOnly)) => format!(
                "it needs no library, but names the loader {path}, which is not in the image: it fails \
                 with \"no such file or directory\""
            ),
            (false, _) => format!(
                "its loader {path} is not in the image: it fails with \"no such file or directory\""
            ),
        };
        let hint = match self.file.binary.linkage {
            Some(Linkage::InterpOnly) => {
                "link it statically: with Go, -buildmode=exe, or -ldflags=-linkmode=external with \
                 -extldflags=-static-pie"
                    .to_owned()
            }
            _ => format!(
                "use a base image that has {libc}, or link statically (Go: CGO_ENABLED=0; C: -static)"
            ),
        };
        let name = self.file.binary.interpreter.as_deref().unwrap_or_default();
        let removed = match wrong {
            true => String::new(),
            false => attribution::of_path(self.image, level, &self.image.absolute(name))?,
        };
        let text = Text {
            detail: what + &removed,
            hint,
            group: format!("their loader {path} is not in the image"),
        };
        drafts.file(Id::MissingLoader, level, self.file, text);
        Ok(())
    }
}
