//! `libc-mismatch`: a program built for glibc meets musl, or the reverse.
//!
//! musl's loader provides `libc.so.6` and similar names itself, so some programs for glibc run on musl,
//! by luck or with gcompat. Those that fail lack symbols, so this rule looks for undefined symbols.

use std::io;
use std::rc::Rc;

use super::draft::{Drafts, Text, weigh};
use super::finding::{Id, InterpreterStatus, Level};
use super::role::Role;
use super::subject::{Subject, libc_name};
use crate::inspect::{BinaryKind, Libc};
use crate::launch::loader::LoaderKind;
use crate::layer::printable;

/// The maximum number of symbols that are listed by name, and that are counted.
const SHOWN: usize = 12;
const SYMBOLS: usize = 1000;

/// Checks what is loaded with one file for a mix of C libraries. Returns true if it added a finding.
pub(super) fn check(
    subject: &mut Subject<'_, '_>,
    status: Option<InterpreterStatus>,
    drafts: &mut Drafts,
) -> io::Result<bool> {
    let file = subject.file;
    let wants = match file.binary.libc {
        Some(libc @ (Libc::Glibc | Libc::Musl)) => libc,
        _ => return Ok(false),
    };
    if subject.role == Role::Data || !subject.is_program() || !subject.is_native() {
        return Ok(false);
    }
    let loader = subject.resolver.get(subject.loader);
    let has = match (loader.kind, loader.node) {
        // A missing loader is already reported.
        (_, None) | (LoaderKind::Other, _) => return Ok(false),
        (LoaderKind::Glibc, _) => Libc::Glibc,
        (LoaderKind::Musl, _) => Libc::Musl,
    };
    if has == wants {
        return library(subject, wants, drafts);
    }
    let process = Rc::clone(&subject.process);
    let binding = subject.resolver.bind(subject.closure, &process, false)?;
    let mut missing: Vec<&[u8]> = Vec::new();
    for unbound in &binding.lacking {
        if !missing.contains(&&*unbound.symbol.name) && missing.len() < SYMBOLS {
            missing.push(&unbound.symbol.name);
        }
    }
    let dead = status != Some(InterpreterStatus::Ok);
    let (wants, has) = (libc_name(Some(wants)), libc_name(Some(has)));
    let mut detail = format!("it is built for {wants}, and the image has {has}");
    if !missing.is_empty() {
        detail.push_str(&format!("; symbols that {has} lacks: {}", shown(&missing)));
    }
    // The program starts and lacks no symbol, so it may work.
    let works = !dead && missing.is_empty();
    let level = match works {
        true => weigh(subject.role, Level::Warn, Level::Info),
        false => weigh(subject.role, Level::Fail, Level::Fail),
    };
    let hint = format!("build it for {has}, link it statically, or use a base image with {wants}");
    if let Some(level) = level {
        let text = Text {
            detail,
            hint,
            group: format!("built for {wants}, in an image with {has}"),
        };
        drafts.file(Id::LibcMismatch, level, file, text);
    }
    Ok(level.is_some())
}

/// Reports a loaded library that is built for another C library.
fn library(subject: &Subject<'_, '_>, wants: Libc, drafts: &mut Drafts) -> io::Result<bool> {
    let objects = subject.closure.objects.iter().skip(1);
    let files = objects.filter_map(|(object, _)| subject.resolver.file(*object));
    let other = files
        .filter(|file| file.binary.kind == BinaryKind::SharedLibrary)
        .find(|file| {
            let libc = file.binary.libc;
            matches!(libc, Some(Libc::Glibc | Libc::Musl)) && libc != Some(wants)
        });
    let Some(other) = other else {
        return Ok(false);
    };
    if let Some(level) = weigh(subject.role, Level::Fail, Level::Fail) {
        let (wants, has) = (libc_name(Some(wants)), libc_name(other.binary.libc));
        let path = printable(&other.path);
        let text = Text {
            detail: format!("it is built for {wants}, and loads {path}, which is built for {has}"),
            hint: format!("use a build of {path} for {wants}"),
            group: format!("they load {path}, which is built for {has}"),
        };
        drafts.file(Id::LibcMismatch, level, subject.file, text);
        return Ok(true);
    }
    Ok(false)
}

fn shown(names: &[&[u8]]) -> String {
    let mut text: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| printable(name))
        .collect();
    if names.len() > SHOWN {
        text.push(format!("and {} more", names.len() - SHOWN));
    }
    text.join(", ")
}
