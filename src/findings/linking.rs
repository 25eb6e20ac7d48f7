//! Loaders, libraries and symbol versions: what the loader would refuse to start.

use std::collections::HashMap;
use std::io;

use super::draft::{Drafts, Text, weigh};
use super::finding::{Id, InterpreterStatus, Level};
use super::mixed;
use super::report;
use super::role::Role;
use crate::inspect::{Format, Kind as BinaryKind, Libc, Linkage};
use crate::launch::image::{File, Image};
use crate::launch::loader::{Closure, Kind, LoaderId, Missing, ObjectId, Resolver};
use crate::launch::machine::can_run;
use crate::layer::printable;

/// Looks at every file that a loader loads.
pub fn check(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) -> io::Result<()> {
    let mut resolver = Resolver::new(image);
    let mut refused: HashMap<(ObjectId, ObjectId), Vec<Vec<u8>>> = HashMap::new();
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
        if let Some((object, loader)) = resolver.main(number)? {
            let closure = match resolver.get(loader).kind {
                // What another loader would find cannot be told.
                Kind::Other => Closure::default(),
                _ => resolver.closure(object, loader),
            };
            let names = closure
                .missing
                .iter()
                .map(|missing| resolver.name(missing.name).into());
            known.missing = names.collect();
            let subject = Subject {
                image,
                file,
                role,
                resolver: &resolver,
                loader,
                closure: &closure,
            };
            subject.loader(status, drafts);
            mixed::check(&subject, status, drafts)?;
            subject.missing(status, drafts);
            subject.versions(&mut refused, drafts);
        }
        drafts.learned(file.node, known);
    }
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
pub struct Subject<'a> {
    /// The image.
    pub image: &'a Image<'a>,
    /// The file.
    pub file: &'a File,
    /// What it is to the image.
    pub role: Role,
    /// Who found it out.
    pub resolver: &'a Resolver<'a>,
    /// Its loader.
    pub loader: LoaderId,
    /// What is loaded with it.
    pub closure: &'a Closure,
}

impl Subject<'_> {
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

    /// The libraries that are not found.
    fn missing(&self, status: Option<InterpreterStatus>, drafts: &mut Drafts) {
        // Without a loader nothing is loaded: the loader is what has to be mended first.
        let dead = matches!(
            status,
            Some(InterpreterStatus::Missing | InterpreterStatus::WrongArch)
        );
        if dead || !self.is_native() || self.role == Role::Data {
            return;
        }
        let program = self.is_program();
        let machine = self.file.machine();
        let told = self.closure.missing.iter().filter(|missing| {
            // What a library's libraries lack is told of those.
            program || missing.by == 0
        });
        let mut names = Vec::new();
        for missing in told {
            let name = self.resolver.name(missing.name);
            let elsewhere = machine
                .as_ref()
                .and_then(|machine| self.resolver.exists_somewhere(name, machine));
            if !program && elsewhere.is_some() {
                // Whoever loads it finds that one by a path of its own.
                continue;
            }
            names.push(self.describe(missing));
        }
        let Some(first) = names.first().cloned() else {
            return;
        };
        let level = match program {
            true => weigh(self.role, Level::Fail, Level::Fail),
            // A plugin that nothing may load.
            false => Some(Level::Info),
        };
        let Some(level) = level else {
            return;
        };
        let detail = format!("the loader does not find {}", names.join(", "));
        let hint = self.mend(self.closure.missing.first());
        let text = Text {
            detail,
            hint,
            group: format!("libraries that they need are not found: {first}"),
        };
        drafts.file(Id::MissingLibrary, level, self.file, text);
    }

    fn describe(&self, missing: &Missing) -> String {
        let name = printable(self.resolver.name(missing.name));
        let by = self.closure.objects.get(missing.by);
        let by = by.and_then(|(object, _)| self.resolver.file(*object));
        let mut text = name;
        if let Some(by) = by.filter(|by| by.node != self.file.node) {
            text.push_str(&format!(" (needed by {})", printable(&by.path)));
        }
        if missing.broken.is_some() {
            text.push_str(" (a file of that name is no library)");
        }
        text
    }

    fn mend(&self, missing: Option<&Missing>) -> String {
        let name = missing.map(|missing| self.resolver.name(missing.name));
        let machine = self.file.machine();
        let elsewhere = name.zip(machine.as_ref()).and_then(|(name, machine)| {
            let node = self.resolver.exists_somewhere(name, machine)?;
            self.image.file(node)
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

    /// Versions that are asked for and not defined (glibc, `elf/dl-version.c`).
    fn versions(
        &self,
        refused: &mut HashMap<(ObjectId, ObjectId), Vec<Vec<u8>>>,
        drafts: &mut Drafts,
    ) {
        if self.resolver.get(self.loader).kind != Kind::Glibc || self.role == Role::Data {
            return;
        }
        let program = self.is_program();
        let mut told: Vec<String> = Vec::new();
        let mut hint = String::new();
        for (index, &(object, _)) in self.closure.objects.iter().enumerate() {
            if !program && index > 0 {
                break;
            }
            let Some(wants) = self.resolver.file(object) else {
                continue;
            };
            for library in &wants.binary.versions_needed {
                let Some(provider) = self.provider(&library.library) else {
                    continue;
                };
                let key = (object, provider);
                let lacking = refused.entry(key).or_insert_with(|| {
                    let defined = self
                        .resolver
                        .file(provider)
                        .map(|f| &f.binary.versions_defined);
                    // A library without versions satisfies all: the loader only warns.
                    let defined = defined.filter(|defined| !defined.is_empty());
                    let lacks = |version: &&Vec<u8>| {
                        defined.is_some_and(|defined| !defined.contains(version))
                    };
                    library.strong.iter().filter(lacks).cloned().collect()
                });
                let Some(highest) = lacking.last() else {
                    continue;
                };
                let all: Vec<String> = lacking.iter().map(|version| printable(version)).collect();
                let by = match index {
                    0 => String::new(),
                    _ => format!(" (needed by {})", printable(&wants.path)),
                };
                let at = self
                    .resolver
                    .file(provider)
                    .map(|file| printable(&file.path));
                let at = at.unwrap_or_default();
                told.push(format!("{at} does not define {}{by}", all.join(", ")));
                if hint.is_empty() {
                    hint = mend_version(&printable(highest));
                }
            }
        }
        let Some(first) = told.first().cloned() else {
            return;
        };
        let level = match program {
            true => weigh(self.role, Level::Fail, Level::Fail),
            false => Some(Level::Info),
        };
        if let Some(level) = level.filter(|_| self.is_native()) {
            let text = Text {
                detail: told.join("; "),
                hint,
                group: format!("symbol versions are missing: {first}"),
            };
            drafts.file(Id::GlibcTooOld, level, self.file, text);
        }
    }

    /// The object that was loaded under a name.
    fn provider(&self, library: &[u8]) -> Option<ObjectId> {
        let name = self.resolver.known_name(library)?;
        if !self.resolver.spend(self.closure.known.len()) {
            return None;
        }
        let index = self.closure.provider(name)?;
        self.closure.objects.get(index).map(|(object, _)| *object)
    }
}

fn mend_version(version: &str) -> String {
    match version.strip_prefix("GLIBC_") {
        Some(number) => format!(
            "build it on a distribution that is no newer than the image, or use a base image with glibc \
             {number} or later"
        ),
        None => {
            format!("use a library that defines {version}, or build against the one in the image")
        }
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
