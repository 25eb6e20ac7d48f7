//! What the loader would do: which libraries a file needs, itself and through others, and where they
//! are found, inside the image.
//!
//! Two loaders are followed, glibc's (ld.so(8), `elf/dl-load.c`, `elf/dl-deps.c`) and musl's
//! (`ldso/dynlink.c`). Each loads breadth first: all that the program needs, then all that those need.
//! A library that is loaded already, under that name or by that soname, is not looked for again.
//!
//! Everything that can be shared between the files of an image is looked up once: directories, names
//! in them, and what a name without run paths leads to.

mod cache;
mod closure;
mod kind;
mod search;
mod tokens;

use std::cell::Cell;
use std::collections::HashMap;
use std::io;

pub use closure::{Closure, Missing};
pub use kind::{Kind, Loader, usual_path};

use crate::inspect::Libc;
use crate::launch::image::{File, Image, Machine, parent};
use crate::tree::NodeId;
use search::{DirId, Dirs, Entry};
use tokens::{Tokens, expand};

/// Number of a name in [`Resolver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(u32);

/// Number of a file that was loaded from a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectId(u32);

/// Number of a loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoaderId(u32);

/// A file as it is loaded from one place: where it lies decides what `$ORIGIN` is.
struct Object {
    /// Number of the file in the image.
    file: usize,
    soname: Option<Name>,
    needed: Vec<Name>,
    rpath: Vec<DirId>,
    runpath: Vec<DirId>,
    has_runpath: bool,
}

/// How much is looked up in all. Real images need a thousandth of it.
const BUDGET: u64 = 50_000_000;

/// Finds what files need.
pub struct Resolver<'a> {
    image: &'a Image<'a>,
    /// `None` once somebody wanted more than there was.
    budget: Cell<Option<u64>>,
    names: Vec<Vec<u8>>,
    by_name: HashMap<Vec<u8>, Name>,
    objects: Vec<Object>,
    by_place: HashMap<(usize, DirId, LoaderId), ObjectId>,
    dirs: Dirs,
    loaders: Vec<Loader>,
    by_interpreter: HashMap<(Vec<u8>, Machine), LoaderId>,
    /// The directories that each loader looks into last, and those of LD_LIBRARY_PATH.
    last_dirs: Vec<Vec<DirId>>,
    /// What a name leads to where no run path says otherwise.
    plain: HashMap<(LoaderId, Name), Entry>,
    /// What is in a directory.
    looked: HashMap<(LoaderId, DirId, Name), Entry>,
    marks: closure::Marks,
}

/// A loader.
fn of(loaders: &[Loader], id: LoaderId) -> &Loader {
    // Numbers are only made in `Resolver::loader`, after the loader was added.
    #[expect(clippy::indexing_slicing)]
    &loaders[id.0 as usize]
}

/// The bytes of a name.
fn bytes_of(names: &[Vec<u8>], name: Name) -> &[u8] {
    names.get(name.0 as usize).map_or(b"", Vec::as_slice)
}

impl<'a> Resolver<'a> {
    /// Nothing is looked up yet.
    pub fn new(image: &'a Image<'a>) -> Self {
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
            last_dirs: Vec::new(),
            plain: HashMap::new(),
            looked: HashMap::new(),
            marks: closure::Marks::default(),
        }
    }

    /// Takes so much out of the budget; false once that is not there.
    pub fn spend(&self, steps: usize) -> bool {
        let left = self.budget.get();
        let left = left.and_then(|left| left.checked_sub(steps as u64));
        self.budget.set(left);
        left.is_some()
    }

    /// Whether somebody wanted more than the budget: then not all was found out.
    pub fn is_spent(&self) -> bool {
        self.budget.get().is_none()
    }

    /// The bytes of a name.
    pub fn name(&self, name: Name) -> &[u8] {
        bytes_of(&self.names, name)
    }

    /// The number of a name that was met already.
    pub fn known_name(&self, name: &[u8]) -> Option<Name> {
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

    /// The loader that loads a file: the one it names, or for a library the usual one of its machine
    /// and C library.
    ///
    /// # Errors
    /// If the loader's file cannot be read.
    pub fn loader_of(&mut self, file: &File) -> io::Result<Option<LoaderId>> {
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
        // There is none at all: what it would find is still worth to know.
        let [first, _] = order;
        self.loader(&first, &machine).map(Some)
    }

    fn loader(&mut self, path: &[u8], machine: &Machine) -> io::Result<LoaderId> {
        let key = (path.to_vec(), machine.clone());
        if let Some(id) = self.by_interpreter.get(&key) {
            return Ok(*id);
        }
        let loader = Loader::at(self.image, path, machine)?;
        let env = self.image.env("LD_LIBRARY_PATH").unwrap_or_default();
        let tokens = Tokens {
            // That of the program, which differs; hardly anybody writes it there.
            origin: b"",
            lib: Some(&loader.lib),
            platform: loader.platform.map(str::as_bytes),
        };
        let separators: &[u8] = match loader.kind {
            Kind::Glibc => b":;",
            _ => b":\n",
        };
        let env = env.as_bytes().split(|b| separators.contains(b));
        let skips_empty = loader.kind == Kind::Musl || env_is_empty(self.image);
        let env = env.filter(|dir| !(skips_empty && dir.is_empty()));
        let mut dirs = Vec::new();
        for dir in env.filter_map(|dir| expand(dir, tokens)) {
            let dir = self.image.absolute(&dir);
            dirs.push(self.dirs.get(self.image, &dir));
        }
        self.last_dirs.push(dirs);
        let mut dirs = Vec::new();
        for dir in &loader.dirs {
            let dir = self.image.absolute(dir);
            dirs.push(self.dirs.get(self.image, &dir));
        }
        self.last_dirs.push(dirs);
        let id = LoaderId(u32::try_from(self.loaders.len()).unwrap_or(u32::MAX));
        self.loaders.push(loader);
        self.by_interpreter.insert(key, id);
        Ok(id)
    }

    /// A loader.
    ///
    /// # Panics
    /// Never for a number that this resolver gave.
    pub fn get(&self, id: LoaderId) -> &Loader {
        of(&self.loaders, id)
    }

    /// The directories of LD_LIBRARY_PATH, and the loader's own.
    fn dirs_of(&self, id: LoaderId) -> (&[DirId], &[DirId]) {
        let at = 2 * id.0 as usize;
        let of = |at| self.last_dirs.get(at).map_or(&[][..], Vec::as_slice);
        (of(at), of(at + 1))
    }

    /// A file as it is loaded from a directory.
    fn object(&mut self, number: usize, dir: DirId, loader: LoaderId) -> Option<ObjectId> {
        if let Some(id) = self.by_place.get(&(number, dir, loader)) {
            return Some(*id);
        }
        let binary = &self.image.files.get(number)?.binary;
        let has_runpath = !binary.runpath.is_empty();
        let soname = binary.soname.as_deref().map(|name| self.intern(name));
        let origin = self.dirs.path(dir).to_vec();
        let rpath = match has_runpath {
            // Both in one file: the old one is ignored.
            true => Vec::new(),
            false => self.run_path(&binary.rpath, &origin, loader),
        };
        let runpath = self.run_path(&binary.runpath, &origin, loader);
        let needed = binary.needed.iter().map(|name| {
            let tokens = self.tokens(&origin, loader);
            let expanded = expand(name, tokens);
            self.intern(expanded.as_deref().unwrap_or(name))
        });
        let needed = needed.collect();
        let id = ObjectId(u32::try_from(self.objects.len()).ok()?);
        self.objects.push(Object {
            file: number,
            soname,
            needed,
            rpath,
            runpath,
            has_runpath,
        });
        self.by_place.insert((number, dir, loader), id);
        Some(id)
    }

    fn run_path(&mut self, elements: &[Vec<u8>], origin: &[u8], loader: LoaderId) -> Vec<DirId> {
        let mut dirs = Vec::new();
        let musl = self.get(loader).kind == Kind::Musl;
        // To glibc an empty element is the working directory, to musl nothing.
        for element in elements.iter().filter(|e| !(musl && e.is_empty())) {
            let expanded = expand(element, self.tokens(origin, loader));
            let Some(expanded) = expanded else {
                // musl drops the whole path, glibc the element.
                if musl {
                    return Vec::new();
                }
                continue;
            };
            let dir = self.image.absolute(&expanded);
            dirs.push(self.dirs.get(self.image, &dir));
        }
        dirs
    }

    fn tokens<'t>(&'t self, origin: &'t [u8], loader: LoaderId) -> Tokens<'t> {
        let loader = self.get(loader);
        let glibc = loader.kind == Kind::Glibc;
        let platform = loader.platform.map(str::as_bytes);
        Tokens {
            origin,
            lib: glibc.then_some(&loader.lib),
            platform: platform.filter(|_| glibc),
        }
    }

    /// Looks for a name in directories, in order.
    fn look(&mut self, dirs: &[DirId], name: Name, loader: LoaderId) -> Entry {
        if !self.spend(dirs.len()) {
            return Entry::None;
        }
        for &dir in dirs {
            let key = (loader, dir, name);
            let found = match self.looked.get(&key) {
                Some(found) => *found,
                None => {
                    let text = bytes_of(&self.names, name);
                    let by = of(&self.loaders, loader);
                    let found = self.dirs.look(self.image, dir, text, by);
                    self.looked.insert(key, found);
                    found
                }
            };
            if found != Entry::None {
                return found;
            }
        }
        Entry::None
    }

    /// What a name leads to after run paths: the cache, then the loader's own directories.
    fn look_last(&mut self, name: Name, loader: LoaderId) -> Entry {
        if let Some(found) = self.plain.get(&(loader, name)) {
            return *found;
        }
        let cached = self.get(loader).cache.as_ref();
        let mut cached =
            cached.map_or_else(Vec::new, |cache| cache.paths(self.name(name)).to_vec());
        cached.sort_by_key(|path| search::rank(path));
        let mut found = Entry::None;
        for path in cached {
            let by = of(&self.loaders, loader);
            found = self.dirs.look_at(self.image, &path, by);
            if found != Entry::None {
                break;
            }
        }
        if found == Entry::None {
            let dirs = self.dirs_of(loader).1.to_vec();
            found = self.look(&dirs, name, loader);
        }
        self.plain.insert((loader, name), found);
        found
    }

    /// What a name leads to for an object, which was loaded by others: itself first, the program last.
    fn find(&mut self, name: Name, chain: &[ObjectId], loader: LoaderId) -> Entry {
        let text = self.name(name);
        if memchr::memchr(b'/', text).is_some() {
            let path = self.image.absolute(text);
            let by = of(&self.loaders, loader);
            return self.dirs.look_at(self.image, &path, by);
        }
        if text.len() > 255 {
            return Entry::None;
        }
        let musl = self.get(loader).kind == Kind::Musl;
        let env = self.dirs_of(loader).0.to_vec();
        let mut found = Entry::None;
        if musl {
            found = self.look(&env, name, loader);
        }
        let own = chain.first().and_then(|id| self.objects.get(id.0 as usize));
        let own_runpath = own.is_some_and(|object| object.has_runpath);
        // glibc inherits RPATH alone, and not into objects that have a RUNPATH; musl inherits both.
        if found == Entry::None && (musl || !own_runpath) {
            for &id in chain {
                let Some(object) = self.objects.get(id.0 as usize) else {
                    continue;
                };
                let mut dirs = object.rpath.clone();
                if musl {
                    dirs.extend_from_slice(&object.runpath);
                }
                found = self.look(&dirs, name, loader);
                if found != Entry::None {
                    break;
                }
            }
        }
        if found == Entry::None && !musl {
            found = self.look(&env, name, loader);
        }
        if found == Entry::None && !musl && own_runpath {
            let own = chain.first().and_then(|id| self.objects.get(id.0 as usize));
            let dirs = own.map(|object| object.runpath.clone()).unwrap_or_default();
            found = self.look(&dirs, name, loader);
        }
        if found == Entry::None {
            found = self.look_last(name, loader);
        }
        found
    }

    /// The file that an object is.
    pub fn file(&self, id: ObjectId) -> Option<&'a File> {
        let number = self.objects.get(id.0 as usize)?.file;
        self.image.files.get(number)
    }

    /// The file of that number as the program that is started, and its loader.
    ///
    /// # Errors
    /// If the loader's file cannot be read.
    pub fn main(&mut self, number: usize) -> io::Result<Option<(ObjectId, LoaderId)>> {
        let Some(file) = self.image.files.get(number) else {
            return Ok(None);
        };
        let Some(loader) = self.loader_of(file)? else {
            return Ok(None);
        };
        let dir = parent(&file.path).to_vec();
        let dir = self.dirs.get(self.image, &dir);
        let object = self.object(number, dir, loader);
        Ok(object.map(|object| (object, loader)))
    }

    /// Whether a file of that name and machine is anywhere in the image: then whoever needs it may
    /// load it by other means.
    pub fn exists_somewhere(&self, name: &[u8], machine: &Machine) -> Option<NodeId> {
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

fn env_is_empty(image: &Image<'_>) -> bool {
    image.env("LD_LIBRARY_PATH").is_none_or(str::is_empty)
}
