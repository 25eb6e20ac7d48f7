//! All that is loaded with a program, in the order of the loader: breadth first.

use super::search::DirId;
use super::{Entry, Kind, LoaderId, Name, ObjectId, Resolver};
use crate::tree::NodeId;

/// No more is loaded with one program than this.
const LIMIT: usize = 8192;

/// How long a chain of who loaded whom is followed for its run paths.
const CHAIN_LIMIT: usize = 64;

/// What musl answers for itself (`ldso/dynlink.c`, `load_library`): what is asked of these after `lib`.
const MUSL_OWN: [&[u8]; 7] = [
    b"c.",
    b"pthread.",
    b"rt.",
    b"m.",
    b"dl.",
    b"util.",
    b"xnet.",
];

/// What is loaded with a program, and what is not found.
#[derive(Debug, Default)]
pub struct Closure {
    /// What is loaded, the program first, and who was the first to need it.
    pub objects: Vec<(ObjectId, usize)>,
    /// Names that lead nowhere, each once, in the order in which they were needed.
    pub missing: Vec<Missing>,
    /// For each pair of an object and a name that it needs, what that led to: both as numbers in
    /// `objects`.
    pub known: Vec<(Name, usize)>,
}

/// A library that is not found.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    /// Its name.
    pub name: Name,
    /// Who needs it first, in [`Closure::objects`].
    pub by: usize,
    /// The file that is there and cannot be loaded.
    pub broken: Option<NodeId>,
}

impl Closure {
    /// What was loaded under a name.
    pub fn provider(&self, name: Name) -> Option<usize> {
        let found = self.known.iter().find(|(known, _)| *known == name);
        found.map(|(_, index)| *index)
    }
}

/// What is loaded by name and by file, marked with the number of the closure, so that nothing has to be
/// cleared between two of them.
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

    /// Marks a name; false if it was marked before.
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

    /// The place of a file that is loaded already.
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
    /// All that is loaded with a program.
    pub fn closure(&mut self, program: ObjectId, loader: LoaderId) -> Closure {
        let mut closure = Closure::default();
        self.marks.begin(self.image.files.len());
        let musl = self.get(loader).kind == Kind::Musl;
        self.load(&mut closure, program, 0, !musl);
        // The loader itself is there from the start.
        let own = self.get(loader).name.clone();
        let own = self.intern(&own);
        self.marks.name(own);
        if let Some(node) = self.get(loader).node
            && let Some(number) = self.image.number_of(node)
            && self.marks.file(number).is_none()
        {
            let file = self.image.files.get(number);
            let dir = file.map_or(&b""[..], |file| file.dir()).to_vec();
            let dir = self.dirs.get(self.image, &dir);
            if let Some(object) = self.object(number, dir, loader) {
                // What it needs itself, as gcompat does, is loaded with it.
                self.load(&mut closure, object, 0, !musl);
                if let Some(last) = closure.objects.len().checked_sub(1) {
                    closure.known.push((own, last));
                }
            }
        }
        let mut at = 0;
        while at < closure.objects.len().min(LIMIT) {
            let Some(&(object, _)) = closure.objects.get(at) else {
                break;
            };
            let needed = self
                .objects
                .get(object.0 as usize)
                .map(|object| object.needed.clone());
            let mut chain = None;
            for name in needed.into_iter().flatten() {
                if !self.marks.name(name) || (musl && is_musl_own(self.name(name))) {
                    continue;
                }
                if !self.spend(closure.missing.len() + 1) {
                    return Closure::default();
                }
                let chain = chain.get_or_insert_with(|| chain_of(&closure, at));
                self.need(&mut closure, name, at, chain, loader);
            }
            at += 1;
        }
        closure
    }

    fn need(
        &mut self,
        closure: &mut Closure,
        name: Name,
        by: usize,
        chain: &[ObjectId],
        loader: LoaderId,
    ) {
        let broken = match self.find(name, chain, loader) {
            Entry::Fits(node, dir) => {
                self.found(closure, name, by, (node, dir), loader);
                return;
            }
            Entry::None => None,
            Entry::Broken(node) => Some(node),
        };
        // Who needs it next may find it by a path of its own.
        self.marks.forget(name);
        if !closure.missing.iter().any(|known| known.name == name) {
            closure.missing.push(Missing { name, by, broken });
        }
    }

    /// Loads what was found, unless it is loaded already under another name.
    fn found(
        &mut self,
        closure: &mut Closure,
        name: Name,
        by: usize,
        (node, dir): (NodeId, DirId),
        loader: LoaderId,
    ) {
        let Some(number) = self.image.number_of(node) else {
            return;
        };
        if let Some(index) = self.marks.file(number) {
            closure.known.push((name, index));
            return;
        }
        if let Some(object) = self.object(number, dir, loader) {
            closure.known.push((name, closure.objects.len()));
            let musl = self.get(loader).kind == Kind::Musl;
            self.load(closure, object, by, !musl);
        }
    }

    /// Adds an object. By its soname it is known too, to glibc.
    fn load(&mut self, closure: &mut Closure, object: ObjectId, by: usize, by_soname: bool) {
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
    }
}

/// Who loaded whom, from an object to the program.
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
