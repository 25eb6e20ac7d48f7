//! Predicts what a loader does for one program execution: what it loads, and the first thing that it
//! refuses.

use std::io;

use super::closure::{Closure, Missing, Preload};
use super::fault::Fault;
use super::find::How;
use super::request::{Failure, FailureKind, Lacking, Library, LoadRequest, Loaded, Rule};
use super::search::{DirId, DirLookup};
use super::{Binding, LoaderId, LoaderKind, LoaderProcess, Name, ObjectId, Resolver, preload};
use crate::inspect::Linkage;
use crate::launch::environment::{Environment, Value};
use crate::launch::image::{File, base, parent};
use crate::layer::printable;
use crate::tree::{NodeId, Tree};

/// The exit status of glibc's and musl's loaders if they do not start a program, except for missing
/// versions.
const STATUS: u8 = 127;

/// The exit status of glibc's loader if a version is missing (`version_check_doit`).
const VERSION_STATUS: u8 = 1;

const NOT_FOUND: &str = "cannot open shared object file";
const NO_ENTRY: &str = "No such file or directory";

/// The program to load, and its name in messages.
struct Program {
    number: usize,
    node: NodeId,
    dir: DirId,
    /// The name in messages: with glibc the first argument, with musl the path.
    shown: String,
}

/// The settings from environment variables and options.
#[derive(Default)]
struct Variables {
    library_path: Option<Vec<u8>>,
    preload: Option<Vec<u8>>,
    bind_now: bool,
    unknown: bool,
}

impl Variables {
    /// Reads the variables. In a privileged process LD_LIBRARY_PATH is ignored, and musl also ignores
    /// LD_PRELOAD.
    fn read(env: &Environment, secure: bool, musl: bool) -> Self {
        let mut found = Self::default();
        let mut value = |name| match env.get(name) {
            Some(Value::Known(value)) => Some(value.as_bytes().to_vec()),
            Some(Value::Unknown) => {
                found.unknown = true;
                None
            }
            None => None,
        };
        let library_path = if secure {
            None
        } else {
            value("LD_LIBRARY_PATH")
        };
        let preload = if secure && musl {
            None
        } else {
            value("LD_PRELOAD")
        };
        let bind_now = env.known("LD_BIND_NOW").is_some_and(|v| !v.is_empty());
        Self {
            library_path,
            preload,
            bind_now,
            ..found
        }
    }
}

/// Returns the absolute path that is executed; `None` if it is relative and the working directory is
/// unknown.
fn absolute(request: &LoadRequest<'_>) -> Option<Vec<u8>> {
    let path = request.path.as_bytes();
    match (path.first(), request.cwd) {
        (Some(b'/'), _) => Some(path.to_vec()),
        (_, Some(cwd)) => Some([cwd.as_bytes(), b"/", path].concat()),
        _ => None,
    }
}

impl Resolver<'_> {
    /// Predicts what the loader does for one program execution.
    ///
    /// # Errors
    /// Returns an error if a file of the image cannot be read, or if the image exceeds the lookup
    /// budget.
    pub(crate) fn load(&mut self, request: &LoadRequest<'_>) -> io::Result<Loaded> {
        let mut loaded = Loaded::default();
        let Some(file) = self.image.file(request.program) else {
            loaded.unknown = true;
            return Ok(loaded);
        };
        let loader = match (request.direct, file.machine()) {
            (Some(_), Some(machine)) => {
                let path = absolute(request).unwrap_or_else(|| file.path.to_vec());
                Some(self.loader(&path, &machine)?)
            }
            (None, _) if file.binary.interpreter.is_some() => self.loader_of(file)?,
            // A static program has no loader.
            _ => None,
        };
        loaded.program = Some(request.program);
        let Some(loader) = loader else {
            return Ok(loaded);
        };
        loaded.loader = self.get(loader).node;
        let kind = self.get(loader).kind;
        if kind == LoaderKind::Other {
            loaded.unknown = true;
            return Ok(loaded);
        }
        self.met_unknown = false;
        if self.dirs.read_as(request.reader) {
            // The cached results are valid for one user only.
            self.looked.clear();
            self.plain.clear();
        }
        let musl = kind == LoaderKind::Musl;
        let mut variables = Variables::read(request.environment, request.secure, musl);
        loaded.unknown = variables.unknown;
        let cwd = request.cwd.map(str::as_bytes);
        let mut process = LoaderProcess::new(loader, cwd, request.secure);
        if let Some((direct, _)) = request.direct {
            process.inhibit_cache = direct.inhibit_cache;
            if let Some(path) = &direct.library_path {
                variables.library_path = Some(path.clone().into_bytes());
            }
        }
        let path = variables.library_path.take().unwrap_or_default();
        let program = match request.direct {
            None => {
                let dir = self.real_dir(request);
                let shown = if musl { request.path } else { request.argv0 };
                let number = self.image.number_of(request.program);
                number.map(|number| Program {
                    number,
                    node: request.program,
                    dir,
                    shown: shown.to_owned(),
                })
            }
            Some((direct, name)) => {
                process.library_path = self.library_path(&path, b"", &process);
                match self.direct_program(name, &process, musl, request.path) {
                    Ok(mut program) => {
                        if let Some(argv0) = direct.argv0.as_ref().filter(|_| !musl) {
                            program.shown.clone_from(argv0);
                        }
                        Some(program)
                    }
                    Err(failure) => {
                        loaded.program = None;
                        loaded.unknown |= self.met_unknown;
                        loaded.failure = Some(failure);
                        return Ok(loaded);
                    }
                }
            }
        };
        let Some(program) = program else {
            loaded.unknown = true;
            return Ok(loaded);
        };
        loaded.program = Some(program.node);
        let binary = self
            .image
            .files
            .get(program.number)
            .map(|file| &file.binary);
        if binary.is_none_or(|binary| {
            matches!(
                binary.linkage,
                Some(Linkage::Static | Linkage::StaticPie) | None
            )
        }) {
            // The loader was told to load a static program. That case is not supported.
            loaded.unknown = true;
            return Ok(loaded);
        }
        let origin = self.dirs.path(program.dir).to_vec();
        process.library_path = self.library_path(&path, &origin, &process);
        let Some(object) = self.object(program.number, program.dir, &process, true) else {
            loaded.unknown = true;
            return Ok(loaded);
        };
        let (preloads, sources) = self.preloads(request, &variables, musl)?;
        let closure = self.closure_with(object, &process, &preloads);
        if !musl {
            for (number, found) in &closure.refused {
                let name = preloads
                    .get(*number)
                    .map_or(&b""[..], |p| self.name(p.name));
                let from = sources.get(*number).copied().unwrap_or_default();
                let why = match found.entry {
                    DirLookup::Broken(_, _, fault) => fault.glibc().to_owned(),
                    DirLookup::OtherClass => self.other_class(loader),
                    _ => NOT_FOUND.to_owned(),
                };
                loaded.warnings.push(format!(
                    "ERROR: ld.so: object '{}' from {from} cannot be preloaded ({why}): ignored.",
                    printable(name)
                ));
            }
        }
        let shown = self.shown_paths(&closure, &program.shown);
        loaded.libraries = self.libraries(&closure, &shown);
        self.judge(
            &mut loaded,
            &closure,
            &process,
            &shown,
            (request.symbols, variables.bind_now),
        )?;
        loaded.unknown |= self.met_unknown;
        let missing = closure
            .missing
            .first()
            .map(|missing| self.name(missing.name));
        let closed = missing.and_then(|name| self.dirs.closed(base(name)));
        loaded.closed = closed.map(printable);
        match self.is_spent() {
            true => Err(crate::launch::limit_exceeded()),
            false => Ok(loaded),
        }
    }

    /// Returns the value of `$ORIGIN` in a program that the kernel starts: the directory of
    /// `/proc/self/exe`, with all links resolved.
    fn real_dir(&mut self, request: &LoadRequest<'_>) -> DirId {
        let tree = self.image.tree;
        let found = absolute(request).and_then(|path| tree.resolve(Tree::ROOT, &path));
        let name = found.filter(|(_, node)| *node == request.program);
        let name = name.and_then(|(name, _)| name);
        let path = match name {
            Some(name) => tree.path(name),
            None => {
                let file = self.image.file(request.program);
                file.map(|file| file.path.to_vec()).unwrap_or_default()
            }
        };
        self.dirs.get(self.image, parent(&path), None)
    }

    /// Finds the program that a loader is told to load.
    fn direct_program(
        &mut self,
        name: &str,
        process: &LoaderProcess,
        musl: bool,
        own: &str,
    ) -> Result<Program, Failure> {
        let as_path = musl || name.contains('/');
        let (entry, _) = if as_path {
            self.look_at(name.as_bytes(), process)
        } else {
            let name = self.intern(name.as_bytes());
            let found = self.find(name, &[], process);
            (found.entry, found.file)
        };
        let fail = |message: String, status| Failure {
            kind: FailureKind::Program,
            lines: vec![match musl {
                true => message.clone(),
                false => format!("{name}: {message}"),
            }],
            message,
            status: Some(status),
        };
        let error = |what: &str| {
            let message = format!("error while loading shared libraries: {name}: {what}");
            fail(message, STATUS)
        };
        let (node, dir) = match entry {
            DirLookup::Fits(node, dir) => (node, dir),
            // A loader that is executed directly accepts programs, not only libraries.
            DirLookup::Broken(node, dir, Fault::Executable | Fault::PieExecutable) => (node, dir),
            DirLookup::None if musl => {
                return Err(fail(format!("{own}: cannot load {name}: {NO_ENTRY}"), 1));
            }
            DirLookup::Broken(..) | DirLookup::OtherClass if musl => {
                return Err(fail(
                    format!("{own}: {name}: Not a valid dynamic program"),
                    1,
                ));
            }
            DirLookup::Broken(_, _, fault) => return Err(error(fault.glibc())),
            DirLookup::OtherClass => return Err(error(&self.other_class(process.loader))),
            DirLookup::None if as_path => return Err(error(&format!("{NOT_FOUND}: {NO_ENTRY}"))),
            // A name without a slash is searched like a library, which loses the error number.
            DirLookup::None => return Err(error(NOT_FOUND)),
        };
        match self.image.number_of(node) {
            Some(number) => Ok(Program {
                number,
                node,
                dir,
                shown: name.to_owned(),
            }),
            None => Err(error(Fault::Header.glibc())),
        }
    }

    /// Returns the libraries to preload, and the source of each.
    fn preloads(
        &mut self,
        request: &LoadRequest<'_>,
        variables: &Variables,
        musl: bool,
    ) -> io::Result<(Vec<Preload>, Vec<&'static str>)> {
        let mut names: Vec<(Vec<u8>, &'static str)> = Vec::new();
        let option = request
            .direct
            .and_then(|(direct, _)| direct.preload.as_deref());
        let option = option.map(str::as_bytes);
        let variable = variables.preload.as_deref();
        if musl {
            let list = option.or(variable).unwrap_or_default();
            names.extend(preload::musl(list).map(|name| (name.to_vec(), "LD_PRELOAD")));
        } else {
            for (list, from) in [(variable, "LD_PRELOAD"), (option, "--preload")] {
                let list = preload::glibc(list.unwrap_or_default(), request.secure);
                names.extend(list.map(|name| (name.to_vec(), from)));
            }
            let text = self.image.read_file(preload::FILE, preload::FILE_LIMIT)?;
            let list = preload::file(text.as_deref().unwrap_or_default());
            names.extend(list.map(|name| (name.to_vec(), "/etc/ld.so.preload")));
        }
        let guarded = request.secure && !musl;
        let mut preloads = Vec::new();
        let mut sources = Vec::new();
        for (name, from) in names {
            preloads.push(Preload {
                guarded: guarded && !name.contains(&b'/'),
                name: self.intern(&name),
            });
            sources.push(from);
        }
        Ok((preloads, sources))
    }

    /// Returns the path of each object of a closure as messages show it.
    fn shown_paths(&self, closure: &Closure, program: &str) -> Vec<String> {
        let mut shown = vec![program.to_owned()];
        for (_, _, dir, file) in closure.how.iter().skip(1) {
            shown.push(self.shown_path(*dir, *file));
        }
        if let Some(place) = closure.loader.and_then(|loader| shown.get_mut(loader)) {
            // The loader appears under the path that the program names.
            let file = closure
                .objects
                .first()
                .and_then(|(object, _)| self.file(*object));
            if let Some(path) = file.and_then(|file| file.binary.interpreter.as_deref()) {
                *place = printable(path);
            }
        }
        shown
    }

    fn shown_path(&self, dir: DirId, file: Name) -> String {
        let dir = self.dirs.shown(dir);
        printable(&[dir, b"/", self.name(file)].concat())
    }

    fn libraries(&self, closure: &Closure, shown: &[String]) -> Vec<Library> {
        let loader = closure.loader;
        let needs_loader = loader.filter(|&loader| {
            let objects = closure.objects.iter();
            let mut objects = objects.filter_map(|(id, _)| self.objects.get(id.0 as usize));
            let mut names = closure.known.iter().filter(|(_, index)| *index == loader);
            let names: Vec<Name> = names.by_ref().map(|(name, _)| *name).collect();
            objects.any(|object| object.needed.iter().any(|name| names.contains(name)))
        });
        let others = (1..closure.objects.len()).filter(|&index| Some(index) != loader);
        let order: Vec<usize> = others.chain(needs_loader).collect();
        let place_of = |index: usize| order.iter().position(|&other| other == index);
        let path_of = |object: ObjectId| {
            let index = closure
                .objects
                .iter()
                .position(|(other, _)| *other == object);
            index
                .and_then(|index| shown.get(index))
                .cloned()
                .unwrap_or_default()
        };
        let first = 1 + usize::from(loader.is_some());
        let preloaded = first..first + closure.preloaded;
        let mut libraries = Vec::new();
        for &index in &order {
            let (object, by) = match closure.objects.get(index) {
                Some(found) => *found,
                None => continue,
            };
            let (Some(file), Some((name, how, ..))) = (self.file(object), closure.how.get(index))
            else {
                continue;
            };
            libraries.push(Library {
                name: printable(self.name(*name)),
                path: shown.get(index).cloned().unwrap_or_default(),
                node: file.node,
                rule: match how {
                    How::Rpath(of) => Rule::Rpath(path_of(*of)),
                    How::Runpath(of) => Rule::Runpath(path_of(*of)),
                    How::LibraryPath => Rule::LibraryPath,
                    How::Cache => Rule::Cache,
                    How::DefaultDir => Rule::DefaultDir,
                    How::Path => Rule::Path,
                    How::BuiltIn => Rule::BuiltIn,
                },
                needed_by: Some(by).filter(|&by| by != 0).and_then(place_of),
                preloaded: preloaded.contains(&index),
            });
        }
        libraries
    }

    /// Returns true if every object of a closure requires versions from each library that it needs. The
    /// libraries then define these versions, and so the symbols with them.
    fn versions_vouch(&self, closure: &Closure) -> bool {
        let vouched = |file: &File| {
            file.binary.needed.iter().all(|needed| {
                let mut asked = file.binary.versions_needed.iter();
                asked.any(|library| library.library == *needed && !library.strong.is_empty())
            })
        };
        let mut objects = closure.objects.iter().map(|(object, _)| *object);
        objects.all(|object| self.file(object).is_some_and(vouched))
    }

    /// Determines the first thing that the loader refuses, in its order: libraries, versions, symbols.
    fn judge(
        &mut self,
        loaded: &mut Loaded,
        closure: &Closure,
        process: &LoaderProcess,
        shown: &[String],
        (symbols, now): (bool, bool),
    ) -> io::Result<()> {
        let musl = self.get(process.loader).kind == LoaderKind::Musl;
        let by = |index: usize| shown.get(index).map_or("", String::as_str);
        let program = by(0);
        if !musl {
            if let Some(missing) = closure.missing.first() {
                let kind = match missing.broken {
                    Some(_) => FailureKind::Broken,
                    None => FailureKind::Missing,
                };
                let message = self.glibc_message(missing, process.loader);
                loaded.failure = Some(Failure {
                    kind,
                    lines: vec![format!("{program}: {message}")],
                    message,
                    status: Some(STATUS),
                });
                return Ok(());
            }
            let versions = self.check_versions(closure, shown);
            let line = |line: &String| format!("{program}: {line}");
            loaded.warnings.extend(versions.told.iter().map(line));
            if let Some(first) = versions.missing.first() {
                loaded.failure = Some(Failure {
                    kind: FailureKind::Version,
                    message: first.clone(),
                    lines: versions.missing.iter().map(line).collect(),
                    status: Some(VERSION_STATUS),
                });
                return Ok(());
            }
        }
        let mut lines = Vec::new();
        let mut foreign = false;
        for missing in closure.every_missing.iter().filter(|_| musl) {
            let fault = missing.broken.map(|(.., fault)| fault);
            foreign |= fault == Some(Fault::Foreign);
            let name = printable(self.name(missing.name));
            let why = fault.map_or(NO_ENTRY, Fault::musl);
            let by = by(missing.by);
            let line = format!("Error loading shared library {name}: {why} (needed by {by})");
            lines.push(line);
        }
        // Symbol tables are large. They are not read if the versions, which were compared above, vouch
        // for them.
        let binding = match symbols && (musl || !self.versions_vouch(closure)) {
            true => self.bind(closure, process, now)?,
            false => Binding::default(),
        };
        loaded.unknown |= binding.unknown;
        for unbound in &binding.lacking {
            let Some(node) = closure.objects.get(unbound.by) else {
                continue;
            };
            let Some(file) = self.file(node.0) else {
                continue;
            };
            loaded.lacking.push(Lacking {
                by: by(unbound.by).to_owned(),
                node: file.node,
                symbol: printable(&unbound.symbol.name),
                version: unbound.symbol.version.as_deref().map(printable),
                at_call: unbound.at_call,
            });
        }
        let kind = match closure.missing.first().map(|missing| missing.broken) {
            Some(Some(_)) => FailureKind::Broken,
            Some(None) => FailureKind::Missing,
            None => FailureKind::Symbol,
        };
        if musl {
            for lacking in &loaded.lacking {
                let Lacking { by, symbol, .. } = lacking;
                lines.push(format!("Error relocating {by}: {symbol}: symbol not found"));
            }
        } else if let Some(lacking) = loaded.lacking.iter().find(|lacking| !lacking.at_call) {
            let Lacking { by, symbol, .. } = lacking;
            let version = lacking.version.as_ref();
            let version = version.map(|version| format!(", version {version}"));
            lines.push(format!(
                "symbol lookup error: {by}: undefined symbol: {symbol}{}",
                version.unwrap_or_default()
            ));
        }
        if let Some(message) = lines.first().cloned() {
            if !musl {
                for line in &mut lines {
                    *line = format!("{program}: {line}");
                }
            }
            loaded.failure = Some(Failure {
                kind,
                message,
                lines,
                // musl does not check machines, so the effect of a foreign library is unknown.
                status: Some(STATUS).filter(|_| !foreign),
            });
        }
        Ok(())
    }

    /// Returns glibc's message for a library that it does not load (`_dl_map_object`, `open_verify`).
    fn glibc_message(&self, missing: &Missing, loader: LoaderId) -> String {
        let name = printable(self.name(missing.name));
        let what = match missing.broken {
            Some((_, dir, file, fault)) if fault.names_path() => {
                format!("{}: {}", self.shown_path(dir, file), fault.glibc())
            }
            Some((.., fault)) => format!("{name}: {}", fault.glibc()),
            None if missing.other_class => format!("{name}: {}", self.other_class(loader)),
            None if !missing.tried => format!("{name}: {NOT_FOUND}"),
            None => format!("{name}: {NOT_FOUND}: {NO_ENTRY}"),
        };
        format!("error while loading shared libraries: {what}")
    }

    fn other_class(&self, loader: LoaderId) -> String {
        let other = if self.get(loader).machine.bits == 64 {
            32
        } else {
            64
        };
        format!("wrong ELF class: ELFCLASS{other}")
    }
}
