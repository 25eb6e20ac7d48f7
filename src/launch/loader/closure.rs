//! The closure of a program: all objects that are loaded with it, breadth first, in the loader's order.

use super::fault::Fault;
use super::find::{FoundLibrary, How};
use super::search::DirId;
use super::{DirLookup, LoaderKind, LoaderProcess, Name, ObjectId, Resolver};
use crate::tree::NodeId;

/// The maximum number of objects that are loaded with one program.
const LIMIT: usize = 8192;

/// The maximum length of a chain of loading objects that is followed for run paths.
const CHAIN_LIMIT: usize = 64;

/// Libraries that musl provides itself, by their names after `lib` (`ldso/dynlink.c`, `load_library`).
const MUSL_OWN: [&[u8]; 7] = [
    b"c.",
    b"pthread.",
    b"rt.",
    b"m.",
    b"dl.",
    b"util.",
    b"xnet.",
];

/// The objects that are loaded with a program, and the libraries that are not found.
#[derive(Debug, Default)]
pub(crate) struct Closure {
    /// The loaded objects, the program first, each with the index of the object that needed it first.
    pub objects: Vec<(ObjectId, usize)>,
    /// For each entry of `objects`: the name by which it was needed, how it was found, its directory,
    /// and the name of the file in that directory.
    pub how: Vec<(Name, How, DirId, Name)>,
    /// Names that are not found, each once, in the order in which they were needed.
    pub missing: Vec<Missing>,
    /// Like `missing`, but with one entry for each object that needs the name. musl reports all of
    /// them.
    pub every_missing: Vec<Missing>,
    /// The names that were resolved, each with the index in `objects` of the object that it led to.
    pub known: Vec<(Name, usize)>,
    /// The index in `objects` of the loader itself.
    pub loader: Option<usize>,
    /// The number of `objects` that were preloaded. They follow the program and the loader.
    pub preloaded: usize,
    /// Libraries that could not be preloaded: the index in the list of preloads, and the reason.
    pub refused: Vec<(usize, FoundLibrary)>,
}

/// A library that is not found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missing {
    /// Its name.
    pub name: Name,
    /// The first object that needs it, as an index in [`Closure::objects`].
    pub by: usize,
    /// The file that exists but cannot be loaded: its node, directory and name, and the fault.
    pub broken: Option<(NodeId, DirId, Name, Fault)>,
    /// Whether there was a file of the other class (32 or 64 bits).
    pub other_class: bool,
    /// Whether any path was tried.
    pub tried: bool,
}

/// A library to load before those that a program needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preload {
    pub name: Name,
    /// Whether only setuid files from trusted directories are accepted, and the cache is not searched.
    pub guarded: bool,
}

impl Closure {
    /// Returns the index in `objects` of the object that was loaded under a name.
    pub(crate) fn provider(&self, name: Name) -> Option<usize> {
        let found = self.known.iter().find(|(known, _)| *known == name);
        found.map(|(_, index)| *index)
    }
}

/// The names and files that are loaded. Each mark holds the number of its closure, so nothing has to be
/// cleared between closures.
#[derive(Default)]
pub(super) struct Marks {
    round: u32,
    names: Vec<u32>,
    files: Vec<(u32, usize)>,
}

impl Marks {
    fn begin(&mut self, files: usize) {
        self.round = self.round.wrapping_add(1);
        self.files.resize(files, (0, 0));
    }

    /// Marks a name. Returns false if it was already marked.
    fn name(&mut self, name: Name) -> bool {
        let at = name.0 as usize;
        if self.names.len() <= at {
            self.names.resize(at + 1, 0);
        }
        match self.names.get_mut(at) {
            Some(mark) if *mark != self.round => {
                *mark = self.round;
                true
            }
            _ => false,
        }
    }

    fn forget(&mut self, name: Name) {
        if let Some(mark) = self.names.get_mut(name.0 as usize) {
            *mark = 0;
        }
    }

    /// Returns the index of a file that is already loaded.
    fn file(&self, number: usize) -> Option<usize> {
        let (round, index) = self.files.get(number)?;
        (*round == self.round).then_some(*index)
    }

    fn set_file(&mut self, number: usize, index: usize) {
        if let Some(mark) = self.files.get_mut(number) {
            *mark = (self.round, index);
        }
    }
}

impl Resolver<'_> {
    /// Returns all objects that are loaded with a program.
    pub(crate) fn closure(&mut self, program: ObjectId, process: &LoaderProcess) -> Closure {
        self.closure_with(program, process, &[])
    }

    /// Like [`closure`](Self::closure), but loads some libraries before those that the program needs.
    pub(super) fn closure_with(
        &mut self,
        program: ObjectId,
        process: &LoaderProcess,
        preloads: &[Preload],
    ) -> Closure {
        let loader = process.loader;
        let mut closure = Closure::default();
        self.marks.begin(self.image.files.len());
        let musl = self.get(loader).kind == LoaderKind::Musl;
        let own = self.get(loader).name.clone();
        let own = self.intern(&own);
        let none = self.intern(b"");
        let root = self.dirs.get(self.image, b"", None);
        self.load_object(
            &mut closure,
            program,
            0,
            !musl,
            (none, How::Path, root, none),
        );
        // The loader itself is loaded from the start.
        self.marks.name(own);
        if let Some(node) = self.get(loader).node
            && let Some(number) = self.image.number_of(node)
            && self.marks.file(number).is_none()
        {
            let file = self.image.files.get(number);
            let dir = file.map_or(&b""[..], |file| file.dir()).to_vec();
            let dir = self.dirs.get(self.image, &dir, None);
            if let Some(object) = self.object(number, dir, process, false) {
                // What the loader itself needs, as gcompat's does, is loaded with it.
                let how = (own, How::BuiltIn, dir, own);
                self.load_object(&mut closure, object, 0, !musl, how);
                if let Some(last) = closure.objects.len().checked_sub(1) {
                    closure.known.push((own, last));
                    closure.loader = Some(last);
                }
            }
        }
        let before = closure.objects.len();
        for (number, preload) in preloads.iter().enumerate() {
            self.preload(&mut closure, number, *preload, program, process);
        }
        closure.preloaded = closure.objects.len() - before;
        let mut at = 0;
        while at < closure.objects.len().min(LIMIT) {
            let Some(&(object, _)) = closure.objects.get(at) else {
                break;
            };
            let object = self.objects.get(object.0 as usize);
            let names = object.map(|object| {
                let needed = object.needed.iter().map(|&name| (name, true));
                let optional = object.optional.iter().map(|&name| (name, false));
                needed.chain(optional).collect::<Vec<_>>()
            });
            let mut chain = None;
            for (name, must) in names.into_iter().flatten() {
                if musl && is_musl_own(self.name(name)) {
                    closure.known.extend(closure.loader.map(|own| (name, own)));
                    continue;
                }
                if !self.marks.name(name) {
                    continue;
                }
                if !self.spend(closure.missing.len() + 1) {
                    return Closure::default();
                }
                let chain = chain.get_or_insert_with(|| chain_of(&closure, at));
                self.need(&mut closure, (name, must), at, chain, process);
            }
            at += 1;
        }
        closure
    }

    /// Preloads a library. A missing one is not a failure.
    fn preload(
        &mut self,
        closure: &mut Closure,
        number: usize,
        preload: Preload,
        program: ObjectId,
        process: &LoaderProcess,
    ) {
        let name = preload.name;
        let musl = self.get(process.loader).kind == LoaderKind::Musl;
        if (musl && is_musl_own(self.name(name))) || !self.marks.name(name) {
            return;
        }
        let mut found = self.find_with(name, &[program], process, !preload.guarded);
        if let DirLookup::Fits(node, _) = found.entry
            && preload.guarded
        {
            const S_ISUID: u16 = 0o4000;
            let mode = self.image.tree.node(node).map(|node| node.mode);
            if mode.is_none_or(|mode| mode & S_ISUID == 0) {
                found.entry = DirLookup::None;
            }
        }
        match found.entry {
            DirLookup::Fits(node, dir) => self.found(closure, name, 0, (node, dir, found), process),
            _ => {
                self.marks.forget(name);
                closure.refused.push((number, found));
            }
        }
    }

    fn need(
        &mut self,
        closure: &mut Closure,
        (name, must): (Name, bool),
        by: usize,
        chain: &[ObjectId],
        process: &LoaderProcess,
    ) {
        let found = self.find(name, chain, process);
        let broken = match found.entry {
            DirLookup::Fits(node, dir) => {
                self.found(closure, name, by, (node, dir, found), process);
                return;
            }
            DirLookup::Broken(node, dir, fault) => Some((node, dir, found.file, fault)),
            DirLookup::None | DirLookup::OtherClass => None,
        };
        // Another object that needs it may find it by its own run path.
        self.marks.forget(name);
        if !must {
            return;
        }
        let missing = Missing {
            name,
            by,
            broken,
            other_class: found.entry == DirLookup::OtherClass,
            tried: found.tried,
        };
        if closure.every_missing.len() < LIMIT {
            closure.every_missing.push(missing);
        }
        if !closure.missing.iter().any(|known| known.name == name) {
            closure.missing.push(missing);
        }
    }

    /// Loads a file that was found, unless it is already loaded under another name.
    fn found(
        &mut self,
        closure: &mut Closure,
        name: Name,
        by: usize,
        (node, dir, found): (NodeId, DirId, FoundLibrary),
        process: &LoaderProcess,
    ) {
        let Some(number) = self.image.number_of(node) else {
            return;
        };
        if let Some(index) = self.marks.file(number) {
            closure.known.push((name, index));
            return;
        }
        if let Some(object) = self.object(number, dir, process, false) {
            closure.known.push((name, closure.objects.len()));
            let musl = self.get(process.loader).kind == LoaderKind::Musl;
            self.load_object(
                closure,
                object,
                by,
                !musl,
                (name, found.how, dir, found.file),
            );
        }
    }

    /// Adds an object. With glibc, it is also known by its soname.
    fn load_object(
        &mut self,
        closure: &mut Closure,
        object: ObjectId,
        by: usize,
        by_soname: bool,
        how: (Name, How, DirId, Name),
    ) {
        let Some(found) = self.objects.get(object.0 as usize) else {
            return;
        };
        let index = closure.objects.len();
        self.marks.set_file(found.file, index);
        if let Some(soname) = found.soname.filter(|_| by_soname)
            && self.marks.name(soname)
        {
            closure.known.push((soname, index));
        }
        closure.objects.push((object, by));
        closure.how.push(how);
    }
}

/// Returns the objects from one up to the program, each loaded by the next.
fn chain_of(closure: &Closure, at: usize) -> Vec<ObjectId> {
    let mut chain = Vec::new();
    let mut at = at;
    while let Some(&(object, by)) = closure.objects.get(at) {
        chain.push(object);
        if at == by || chain.len() >= CHAIN_LIMIT {
            break;
        }
        at = by;
    }
    chain
}

fn is_musl_own(name: &[u8]) -> bool {
    let rest = name.strip_prefix(b"lib");
    rest.is_some_and(|rest| MUSL_OWN.iter().any(|own| rest.starts_with(own)))
}
