//! C libraries that do not belong together: a program built for glibc that meets musl, or the reverse.
//!
//! musl's loader takes `libc.so.6` and its kin for itself, and some glibc programs run so, by luck or with
//! gcompat. What they lack are symbols, so those are compared: what the program wants and nothing that
//! is loaded with it exports.

use std::io;

use super::draft::Drafts;
use super::draft::{Text, weigh};
use super::finding::{Id, InterpreterStatus, Level};
use super::linking::{Subject, libc_name};
use super::role::Role;
use crate::inspect::{Kind as BinaryKind, Libc};
use crate::launch::image::File;
use crate::launch::loader::Kind;
use crate::layer::printable;
use crate::tree::NodeId;

/// So many symbols are listed by name.
const SHOWN: usize = 12;

/// So many symbols of a program are looked for, in so many libraries.
const SYMBOLS: usize = 1 << 14;
const PROVIDERS: usize = 512;

/// What it takes of the budget to look into a file: as much as so many names.
const ASKING: usize = 1000;

/// What gcompat loads before all else.
const GCOMPAT: [&[u8]; 3] = [
    b"/lib/libgcompat.so.0",
    b"/usr/lib/libgcompat.so.0",
    b"/lib/libgcompat.so",
];

/// Looks for a mix in what is loaded with one file.
pub fn check(
    subject: &Subject<'_>,
    status: Option<InterpreterStatus>,
    drafts: &mut Drafts,
) -> io::Result<()> {
    let file = subject.file;
    let wants = match file.binary.libc {
        Some(libc @ (Libc::Glibc | Libc::Musl)) => libc,
        _ => return Ok(()),
    };
    if subject.role == Role::Data || !subject.is_program() || !subject.is_native() {
        return Ok(());
    }
    let loader = subject.resolver.get(subject.loader);
    let has = match (loader.kind, loader.node) {
        // No loader at all is told of already.
        (_, None) | (Kind::Other, _) => return Ok(()),
        (Kind::Glibc, _) => Libc::Glibc,
        (Kind::Musl, _) => Libc::Musl,
    };
    if has == wants {
        return library(subject, wants, drafts);
    }
    let missing = missing_symbols(subject, loader.node)?;
    let dead = status != Some(InterpreterStatus::Ok);
    let (wants, has) = (libc_name(Some(wants)), libc_name(Some(has)));
    let mut detail = format!("it is built for {wants}, and the image has {has}");
    if !missing.is_empty() {
        detail.push_str(&format!("; symbols that {has} lacks: {}", shown(&missing)));
    }
    // It starts, and all that it asks for is there: it may even work.
    let works = !dead && missing.is_empty();
    let level = match works {
        true => weigh(subject.role, Level::Warn, Level::Info),
        false => weigh(subject.role, Level::Fail, Level::Fail),
    };
    let hint = format!("build it for {has}, link it statically, or use a base image with {wants}");
    if let Some(level) = level {
        let text = Text {
            detail,
            hint: hint.clone(),
            group: format!("built for {wants}, in an image with {has}"),
        };
        drafts.file(Id::LibcMismatch, level, file, text);
    }
    if !missing.is_empty()
        && let Some(level) = weigh(subject.role, Level::Warn, Level::Warn)
    {
        let text = Text {
            detail: format!("nothing in the image exports {}", shown(&missing)),
            hint,
            group: "symbols that nothing exports".to_owned(),
        };
        drafts.file(Id::MissingSymbol, level, file, text);
    }
    Ok(())
}

/// A library for another C library in what is loaded.
fn library(subject: &Subject<'_>, wants: Libc, drafts: &mut Drafts) -> io::Result<()> {
    let objects = subject.closure.objects.iter().skip(1);
    let files = objects.filter_map(|(object, _)| subject.resolver.file(*object));
    let other = files
        .filter(|file| file.binary.kind == BinaryKind::SharedLibrary)
        .find(|file| {
            let libc = file.binary.libc;
            matches!(libc, Some(Libc::Glibc | Libc::Musl)) && libc != Some(wants)
        });
    let Some(other) = other else {
        return Ok(());
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
    }
    Ok(())
}

/// The strong symbols that a program wants and nothing that is loaded with it exports.
fn missing_symbols(subject: &Subject<'_>, loader: Option<NodeId>) -> io::Result<Vec<Vec<u8>>> {
    let image = subject.image;
    if !subject.resolver.spend(ASKING) {
        return Ok(Vec::new());
    }
    let wanted = image.evidence.undefined(subject.file.node)?;
    let mut wanted: Vec<Vec<u8>> = wanted
        .into_iter()
        .filter(|symbol| !symbol.weak)
        .map(|symbol| symbol.name)
        .take(SYMBOLS)
        .collect();
    let mut providers: Vec<NodeId> = loader.into_iter().collect();
    let loaded = subject.closure.objects.iter().skip(1);
    providers.extend(
        loaded
            .filter_map(|(object, _)| subject.resolver.file(*object))
            .map(|file: &File| file.node),
    );
    if subject.resolver.get(subject.loader).kind == Kind::Musl {
        // Only who is started by gcompat's loader has it.
        let own = subject.file.binary.interpreter.as_deref();
        let own = own.and_then(|path| image.regular(&image.absolute(path)));
        let gcompat = GCOMPAT.iter().find_map(|path| image.regular(path));
        if let (Some(_), Some(gcompat)) = (own, gcompat) {
            providers.push(gcompat);
            // gcompat's loader is not musl's, which does the work.
            let musl = image.file(subject.file.node).and_then(File::machine);
            let musl = musl.map(|machine| crate::launch::loader::usual_path(&machine, true));
            providers.extend(musl.and_then(|path| image.regular(&path)));
        }
    }
    for provider in providers.into_iter().take(PROVIDERS) {
        if wanted.is_empty() {
            break;
        }
        if !subject.resolver.spend(ASKING + wanted.len()) {
            return Ok(Vec::new());
        }
        let names: Vec<&[u8]> = wanted.iter().map(Vec::as_slice).collect();
        let exported = image.evidence.exports(provider, &names)?;
        let mut exported = exported.into_iter();
        wanted.retain(|_| exported.next() != Some(true));
    }
    Ok(wanted)
}

fn shown(names: &[Vec<u8>]) -> String {
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
