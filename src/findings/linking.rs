//! Loaders and what they load: the files of an image that a loader would refuse, and why.
//!
//! Every dynamic file is looked at as if the config started it, with the config's environment. For files
//! that the chain of the image starts, the caller passes what the loader does there, with the
//! environment that they really get.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use super::draft::{Drafts, Text, weigh};
use super::finding::{Id, InterpreterStatus, Level};
use super::report;
use super::role::Role;
use super::versions::Versions;
use super::{libraries, mixed, symbols};
use crate::inspect::{Format, Kind as BinaryKind, Libc, Linkage};
use crate::launch::image::{File, Image};
use crate::launch::loader::{
    Closure, FailureKind, Kind, Loaded, LoaderId, ObjectId, Process, Resolver,
};
use crate::launch::machine::can_run;
use crate::layer::printable;
use crate::tree::NodeId;

/// What the loader does for files that the chain starts.
pub type Overrides = HashMap<NodeId, Loaded>;

/// Looks at every file that a loader loads. What `overrides` says of a file counts instead of what the
/// config's environment leads to.
pub fn check(
    image: &Image<'_>,
    roles: &[Role],
    overrides: &Overrides,
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
        // A loader that needs nothing has nothing to be looked for.
        if let Some((object, process)) = resolver.main(number)? {
            let loader = process.loader;
            let closure = match resolver.get(loader).kind {
                // What another loader would find cannot be told.
                Kind::Other => Closure::default(),
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
            subject.loader(status, drafts);
            let told = mixed::check(&mut subject, status, drafts)?;
            let told = libraries::check(&subject, status, drafts) || told;
            let told = versions.check(&subject) || told;
            if !told && status == Some(InterpreterStatus::Ok) {
                symbols::check(&mut subject, drafts)?;
            }
        }
        drafts.learned(file.node, known);
    }
    versions.finish(image, drafts);
    // Beyond the budget everything seems to be missing or nothing.
    match resolver.is_spent() {
        true => Err(crate::launch::too_much()),
        false => Ok(()),
    }
}

/// What became of the interpreter that a file names.
pub fn interpreter(image: &Image<'_>, file: &File) -> Option<InterpreterStatus> {
    let path = file.binary.interpreter.as_deref()?;
    let Some(node) = image.regular(&image.absolute(path)) else {
        return Some(InterpreterStatus::Missing);
    };
    let Some(found) = image.file(node) else {
        return Some(InterpreterStatus::Missing);
    };
    if found.binary.format == Format::Script {
        // A script may be interpreted by a script, nothing else may.
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

/// A file, and what is loaded with it.
pub struct Subject<'s, 'a> {
    /// The image.
    pub image: &'a Image<'a>,
    /// The file.
    pub file: &'a File,
    /// What it is to the image.
    pub role: Role,
    /// Finds libraries and symbols.
    pub resolver: &'s mut Resolver<'a>,
    /// Its loader.
    pub loader: LoaderId,
    /// The process that the config would start it in.
    pub process: Rc<Process>,
    /// What is loaded with it in that process.
    pub closure: &'s Closure,
    /// What is loaded with it in the chain, if that starts it.
    pub loaded: Option<&'s Loaded>,
}

impl Subject<'_, '_> {
    /// Whether the chain starts it and its loader finds all libraries there.
    pub fn finds_all(&self) -> bool {
        self.loaded.is_some_and(|loaded| match &loaded.failure {
            _ if loaded.unknown => false,
            None => true,
            Some(failure) => !matches!(failure.kind, FailureKind::Missing | FailureKind::Broken),
        })
    }

    /// Whether the chain starts it with an environment that is not known altogether.
    pub fn is_uncertain(&self) -> bool {
        self.loaded.is_some_and(|loaded| loaded.unknown)
    }

    /// The level of something that keeps a program from being started.
    pub fn level(&self) -> Option<Level> {
        let on_start = match self.is_uncertain() {
            true => Level::Warn,
            false => Level::Fail,
        };
        match self.is_program() {
            true => weigh(self.role, on_start, Level::Fail),
            // A plugin that nothing may load.
            false => Some(Level::Info),
        }
    }

    /// Whether it is a program, and not only loaded by some.
    pub fn is_program(&self) -> bool {
        self.file.binary.kind == BinaryKind::Executable && self.file.may_run
    }

    /// Whether its machine is one that the image can run at all; if not, that says enough.
    pub fn is_native(&self) -> bool {
        let file = self.file;
        can_run(&self.image.declared.platform, file.os(), file.arch())
    }

    fn loader(&self, status: Option<InterpreterStatus>, drafts: &mut Drafts) {
        let wrong = match status {
            Some(InterpreterStatus::Missing) => false,
            Some(InterpreterStatus::WrongArch) => true,
            _ => return,
        };
        if !self.is_program() || !self.is_native() {
            return;
        }
        let Some(level) = weigh(self.role, Level::Fail, Level::Fail) else {
            return;
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
        let text = Text {
            detail: what,
            hint,
            group: format!("the loader {path} is not there for them"),
        };
        drafts.file(Id::MissingLoader, level, self.file, text);
    }

    /// The object that was loaded under a name.
    pub fn provider(&self, library: &[u8]) -> Option<ObjectId> {
        let name = self.resolver.known_name(library)?;
        if !self.resolver.spend(self.closure.known.len()) {
            return None;
        }
        let index = self.closure.provider(name)?;
        self.closure.objects.get(index).map(|(object, _)| *object)
    }
}

/// What people call a C library.
pub fn libc_name(libc: Option<Libc>) -> &'static str {
    match libc {
        Some(Libc::Glibc) => "glibc",
        Some(Libc::Musl) => "musl",
        Some(Libc::Bionic) => "Android's C library",
        Some(Libc::Uclibc) => "uClibc",
        _ => "that loader",
    }
}
