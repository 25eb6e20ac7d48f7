//! Predicts what a dynamic loader does: which libraries a file needs, directly and through others, and
//! where they are found inside the image.
//!
//! Two loaders are supported: glibc's (ld.so(8), `elf/dl-load.c`, `elf/dl-deps.c`) and musl's
//! (`ldso/dynlink.c`). Each loads breadth first: all libraries that the program needs, then all that
//! those need. A library that is already loaded, under that name or by that soname, is not searched
//! again.
//!
//! Everything that the files of an image share is looked up once: directories, names in them, and the
//! results for names without run paths.

mod bind;
mod cache;
mod closure;
pub(crate) mod direct;
mod fault;
mod find;
mod kind;
mod load;
mod preload;
mod process;
mod request;
mod search;
mod tokens;
mod versions;

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

pub(crate) use bind::Binding;
pub(crate) use closure::{Closure, Missing};
pub(crate) use kind::{Loader, LoaderKind, usual_path};
pub(crate) use process::LoaderProcess;
pub(crate) use request::LoadRequest;
pub use request::Loaded;
pub(crate) use request::{Failure, FailureKind, Lacking, Library};

use crate::inspect::{BinaryKind, Libc};
use crate::launch::environment::{Environment, Value};
use crate::launch::image::{File, Image, Machine, parent};
use crate::tree::{NodeId, components};
use search::{DirId, DirLookup, Dirs};
use tokens::{Tokens, expand};

/// Index of a name in [`Resolver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(u32);

/// Index of an object: a file as loaded from a particular directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ObjectId(u32);

/// Index of a loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LoaderId(u32);

/// A file as loaded from one directory. The directory determines `$ORIGIN`.
struct Object {
    /// The index of the file in the image.
    file: usize,
    soname: Option<Name>,
    needed: Vec<Name>,
    rpath: Vec<DirId>,
    runpath: Vec<DirId>,
    has_runpath: bool,
    /// DT_AUXILIARY. These libraries may be missing.
    optional: Vec<Name>,
    /// DF_1_NODEFLIB.
    no_default_lib: bool,
}

/// The maximum number of lookup steps for an image. Real images need a thousandth of it.
const BUDGET: u64 = 50_000_000;

/// Finds the libraries and symbols that files need.
pub(crate) struct Resolver<'a> {
    image: &'a Image<'a>,
    /// The remaining steps; `None` once the budget was exceeded.
    budget: Cell<Option<u64>>,
    names: Vec<Vec<u8>>,
    by_name: HashMap<Vec<u8>, Name>,
    objects: Vec<Object>,
    by_place: HashMap<(usize, DirId, LoaderId, process::Key), ObjectId>,
    dirs: Dirs,
    loaders: Vec<Loader>,
    by_interpreter: HashMap<(Vec<u8>, Machine), LoaderId>,
    /// For each loader, the process that the config starts.
    processes: HashMap<LoaderId, Rc<LoaderProcess>>,
    /// The default directories of each loader.
    last_dirs: Vec<Vec<DirId>>,
    symbols: bind::Tables,
    /// Results for names to which no run path applies.
    plain: HashMap<(LoaderId, Name), find::FoundLibrary>,
    /// Results of looking for a name in a directory.
    looked: HashMap<(LoaderId, DirId, Name), DirLookup>,
    marks: closure::Marks,
    /// Whether a search included an unknown directory.
    met_unknown: bool,
}

/// Returns a loader.
fn of(loaders: &[Loader], id: LoaderId) -> &Loader {
    // A `LoaderId` is only made in `Resolver::loader`, which also adds the loader.
    #[expect(clippy::indexing_slicing)]
    &loaders[id.0 as usize]
}

/// Returns the bytes of a name.
fn bytes_of(names: &[Vec<u8>], name: Name) -> &[u8] {
    names.get(name.0 as usize).map_or(b"", Vec::as_slice)
}

impl<'a> Resolver<'a> {
    /// Creates a resolver with empty caches.
    pub(crate) fn new(image: &'a Image<'a>) -> Self {
        Self {
            image,
            budget: Cell::new(Some(BUDGET)),
            names: Vec::new(),
            by_name: HashMap::new(),
            objects: Vec::new(),
            by_place: HashMap::new(),
            dirs: Dirs::default(),
            loaders: Vec::new(),
            by_interpreter: HashMap::new(),
            processes: HashMap::new(),
            last_dirs: Vec::new(),
            symbols: bind::Tables::default(),
            plain: HashMap::new(),
            looked: HashMap::new(),
            marks: closure::Marks::default(),
            met_unknown: false,
        }
    }

    /// Takes `steps` out of the budget. Returns false if the budget is exceeded.
    pub(crate) fn spend(&self, steps: usize) -> bool {
        let left = self.budget.get();
        let left = left.and_then(|left| left.checked_sub(steps as u64));
        self.budget.set(left);
        left.is_some()
    }

    /// Returns true if the budget was exceeded. The results are then incomplete.
    pub(crate) fn is_spent(&self) -> bool {
        self.budget.get().is_none()
    }

    /// Returns the bytes of a name.
    pub(crate) fn name(&self, name: Name) -> &[u8] {
        bytes_of(&self.names, name)
    }

    /// Returns the index of a name that is already interned.
    pub(crate) fn known_name(&self, name: &[u8]) -> Option<Name> {
        self.by_name.get(name).copied()
    }

    fn intern(&mut self, name: &[u8]) -> Name {
        if let Some(found) = self.by_name.get(name) {
            return *found;
        }
        let number = Name(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.to_vec());
        self.by_name.insert(name.to_vec(), number);
        number
    }

    /// Returns the loader that loads a file: the one that the file names if it exists, or else the
    /// usual loader for its machine and C library.
    ///
    /// # Errors
    /// Returns an error if the loader's file cannot be read.
    pub(crate) fn loader_of(&mut self, file: &File) -> io::Result<Option<LoaderId>> {
        let Some(machine) = file.machine() else {
            return Ok(None);
        };
        if let Some(path) = &file.binary.interpreter {
            let path = self.image.absolute(path);
            let own = self.loader(&path, &machine)?;
            if self.get(own).node.is_some() {
                return Ok(Some(own));
            }
        }
        let musl = usual_path(&machine, true);
        let glibc = usual_path(&machine, false);
        let wants_musl = file.binary.libc == Some(Libc::Musl);
        let order = if wants_musl {
            [musl, glibc]
        } else {
            [glibc, musl]
        };
        for path in &order {
            let usual = self.loader(path, &machine)?;
            if self.get(usual).node.is_some() {
                return Ok(Some(usual));
            }
        }
        // No loader exists. What the usual one would find is still useful.
        let [first, _] = order;
        self.loader(&first, &machine).map(Some)
    }

    /// Returns the kind of a file that is a loader. If execve(2) starts a loader directly, it loads the
    /// program in its arguments. `path` is the absolute path by which the file is executed.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub(crate) fn as_loader(
        &mut self,
        node: NodeId,
        path: &[u8],
    ) -> io::Result<Option<LoaderKind>> {
        let file = self.image.file(node);
        // A static glibc program contains the same strings.
        let file = file.filter(|file| {
            file.binary.interpreter.is_none() && file.binary.kind == BinaryKind::SharedLibrary
        });
        let Some(machine) = file.and_then(File::machine) else {
            return Ok(None);
        };
        let loader = self.loader(path, &machine)?;
        let kind = self.get(loader).kind;
        Ok(Some(kind).filter(|&kind| kind != LoaderKind::Other))
    }

    fn loader(&mut self, path: &[u8], machine: &Machine) -> io::Result<LoaderId> {
        let key = (path.to_vec(), machine.clone());
        if let Some(id) = self.by_interpreter.get(&key) {
            return Ok(*id);
        }
        let loader = Loader::at(self.image, path, machine)?;
        let mut dirs = Vec::new();
        for dir in &loader.dirs {
            dirs.push(self.dirs.get(self.image, dir, Some(b"")));
        }
        self.last_dirs.push(dirs);
        let id = LoaderId(u32::try_from(self.loaders.len()).unwrap_or(u32::MAX));
        self.loaders.push(loader);
        self.by_interpreter.insert(key, id);
        Ok(id)
    }

    /// Returns a loader.
    ///
    /// # Panics
    /// Never panics for an id from this resolver.
    pub(crate) fn get(&self, id: LoaderId) -> &Loader {
        of(&self.loaders, id)
    }

    /// Returns the default directories of a loader.
    fn default_dirs(&self, id: LoaderId) -> &[DirId] {
        self.last_dirs.get(id.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Returns the object for a file as a process loads it from a directory. `main` is true for the
    /// program itself.
    fn object(
        &mut self,
        number: usize,
        dir: DirId,
        process: &LoaderProcess,
        main: bool,
    ) -> Option<ObjectId> {
        let loader = process.loader;
        let key = (number, dir, loader, process.key(main));
        if let Some(id) = self.by_place.get(&key) {
            return Some(*id);
        }
        let binary = &self.image.files.get(number)?.binary;
        let has_runpath = !binary.runpath.is_empty();
        let soname = binary.soname.as_deref().map(|name| self.intern(name));
        let origin = self.dirs.path(dir).to_vec();
        let rpath = match has_runpath {
            // If a file has both, RPATH is ignored.
            true => Vec::new(),
            false => self.run_path(&binary.rpath, &origin, process, main),
        };
        let runpath = self.run_path(&binary.runpath, &origin, process, main);
        let glibc = self.get(loader).kind == LoaderKind::Glibc;
        // Only glibc supports filters, and expands tokens in names.
        let filters = binary.filter.iter().filter(|_| glibc);
        let optional = binary.auxiliary.iter().filter(|_| glibc);
        let mut name_of = |name: &Vec<u8>| {
            let tokens = self.tokens(&origin, loader);
            let expanded = if glibc { expand(name, tokens) } else { None };
            self.intern(expanded.as_deref().unwrap_or(name))
        };
        let needed = binary.needed.iter().chain(filters).map(&mut name_of);
        let needed = needed.collect();
        let optional = optional.map(&mut name_of).collect();
        let id = ObjectId(u32::try_from(self.objects.len()).ok()?);
        self.objects.push(Object {
            file: number,
            soname,
            needed,
            rpath,
            runpath,
            has_runpath,
            optional,
            no_default_lib: binary.no_default_lib,
        });
        self.by_place.insert(key, id);
        Some(id)
    }

    fn run_path(
        &mut self,
        elements: &[Vec<u8>],
        origin: &[u8],
        process: &LoaderProcess,
        main: bool,
    ) -> Vec<DirId> {
        let mut dirs = Vec::new();
        let loader = process.loader;
        let musl = self.get(loader).kind == LoaderKind::Musl;
        let guarded = main && process.secure;
        let has_token = |element: &Vec<u8>| memchr::memchr(b'$', element).is_some();
        // In a privileged process, musl ignores a run path of the program if it has tokens.
        if musl && guarded && elements.iter().any(has_token) {
            return dirs;
        }
        for element in elements {
            let expanded = expand(element, self.tokens(origin, loader));
            let Some(expanded) = expanded else {
                // musl drops the whole run path, glibc only the element.
                if musl {
                    return Vec::new();
                }
                continue;
            };
            if guarded && has_token(element) && !self.is_trusted(element, &expanded, loader) {
                continue;
            }
            dirs.extend(self.element(&expanded, process));
        }
        dirs
    }

    /// Returns the directory for an element of a search path. For glibc, an empty element is the
    /// working directory. musl ignores it.
    fn element(&mut self, element: &[u8], process: &LoaderProcess) -> Option<DirId> {
        let mut shown = element;
        if self.get(process.loader).kind == LoaderKind::Musl {
            if shown.is_empty() {
                return None;
            }
        } else if shown.is_empty() {
            shown = b".";
        } else {
            // glibc strips slashes at the end. The root becomes the empty path.
            let end = shown
                .iter()
                .rposition(|&b| b != b'/')
                .map_or(0, |at| at + 1);
            shown = shown.get(..end).unwrap_or_default();
        }
        Some(self.dirs.get(self.image, shown, process.cwd.as_deref()))
    }

    /// Returns true if glibc uses an element with `$ORIGIN` in a privileged process. The element has to
    /// begin with the token, and to lead into a default directory of the loader
    /// (`is_trusted_path_normalize` in `elf/dl-load.c`).
    fn is_trusted(&self, element: &[u8], expanded: &[u8], loader: LoaderId) -> bool {
        let rest = element
            .strip_prefix(b"$ORIGIN")
            .or_else(|| element.strip_prefix(b"${ORIGIN}"));
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")) {
            return false;
        }
        // This check is lexical, unlike the search.
        let mut names: Vec<&[u8]> = Vec::new();
        for name in components(expanded) {
            match name {
                b"." => {}
                b".." => drop(names.pop()),
                name => names.push(name),
            }
        }
        let trusted = &self.get(loader).dirs;
        trusted.iter().any(|dir| {
            let dir: Vec<&[u8]> = components(dir).collect();
            names.starts_with(&dir)
        })
    }

    fn tokens<'t>(&'t self, origin: &'t [u8], loader: LoaderId) -> Tokens<'t> {
        let loader = self.get(loader);
        let glibc = loader.kind == LoaderKind::Glibc;
        let platform = loader.platform.map(str::as_bytes);
        Tokens {
            origin,
            lib: glibc.then_some(&loader.lib),
            platform: platform.filter(|_| glibc),
        }
    }

    /// Returns the file of an object.
    pub(crate) fn file(&self, id: ObjectId) -> Option<&'a File> {
        let number = self.objects.get(id.0 as usize)?.file;
        self.image.files.get(number)
    }

    /// Returns the file at an index of the image as a program that the config starts, with its process.
    /// `None` if it has no loader.
    ///
    /// # Errors
    /// Returns an error if the loader's file cannot be read.
    pub(crate) fn main(
        &mut self,
        number: usize,
    ) -> io::Result<Option<(ObjectId, Rc<LoaderProcess>)>> {
        let Some(file) = self.image.files.get(number) else {
            return Ok(None);
        };
        let Some(loader) = self.loader_of(file)? else {
            return Ok(None);
        };
        let process = match self.processes.get(&loader) {
            Some(process) => Rc::clone(process),
            None => {
                let env = self.image.declared.start.env.iter().map(String::as_str);
                let env = Environment::from_lines(env);
                let dir = self.image.working_dir().as_bytes().to_vec();
                let mut process = LoaderProcess::new(loader, Some(&dir), false);
                if let Some(Value::Known(path)) = env.get("LD_LIBRARY_PATH") {
                    // `$ORIGIN` depends on the program and is treated as empty here; this variable
                    // rarely contains it.
                    process.library_path = self.library_path(path.as_bytes(), b"", &process);
                }
                let process = Rc::new(process);
                self.processes.insert(loader, Rc::clone(&process));
                process
            }
        };
        let dir = parent(&file.path).to_vec();
        let dir = self.dirs.get(self.image, &dir, None);
        let object = self.object(number, dir, &process, true);
        Ok(object.map(|object| (object, process)))
    }

    /// Returns the directories of LD_LIBRARY_PATH (glibc, `_dl_init_paths`; musl, `path_open`).
    fn library_path(&mut self, value: &[u8], origin: &[u8], process: &LoaderProcess) -> Vec<DirId> {
        let loader = process.loader;
        let (glibc, separators) = match self.get(loader).kind {
            LoaderKind::Glibc => (true, &b":;"[..]),
            _ => (false, &b":\n"[..]),
        };
        let mut dirs = Vec::new();
        if value.is_empty() {
            return dirs;
        }
        for element in value.split(|b| separators.contains(b)) {
            let expanded = match glibc {
                true => expand(element, self.tokens(origin, loader)),
                false => Some(element.to_vec()),
            };
            let dir = expanded.and_then(|element| self.element(&element, process));
            dirs.extend(dir);
        }
        dirs
    }

    /// Returns a file with that name and machine anywhere in the image. The file that needs it may load
    /// it by other means.
    pub(crate) fn exists_somewhere(&self, name: &[u8], machine: &Machine) -> Option<NodeId> {
        if !self.spend(self.image.files.len()) {
            return None;
        }
        let fits = |file: &&File| {
            let named = file.name() == name || file.binary.soname.as_deref() == Some(name);
            named && file.machine().as_ref() == Some(machine)
        };
        self.image.files.iter().find(fits).map(|file| file.node)
    }
}
