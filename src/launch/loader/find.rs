//! Searches for one library in the order of its loader (glibc, `_dl_map_object` in `elf/dl-load.c`;
//! musl, `load_library` in `ldso/dynlink.c`).

use super::kind::LoaderKind;
use super::process::LoaderProcess;
use super::search::{self, DirId, DirLookup};
use super::{LoaderId, Name, ObjectId, Resolver, bytes_of, of};
use crate::launch::image::{base, parent};

/// The maximum length of a file name (NAME_MAX).
const NAME_MAX: usize = 255;

/// The rule by which a library was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// DT_RPATH of an object, or musl's run path.
    Rpath(ObjectId),
    /// DT_RUNPATH of an object.
    Runpath(ObjectId),
    /// LD_LIBRARY_PATH.
    LibraryPath,
    /// The cache, `ld.so.cache`.
    Cache,
    /// The loader's default directories.
    DefaultDir,
    /// A path, because the name contains a slash.
    Path,
    /// The library is the loader itself.
    BuiltIn,
}

/// The outcome of a search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoundLibrary {
    /// What was found.
    pub entry: DirLookup,
    /// How it was found.
    pub how: How,
    /// The name of the file in its directory.
    pub file: Name,
    /// Whether any path was tried. If not, glibc has no error number to report.
    pub tried: bool,
}

impl Resolver<'_> {
    /// Searches directories for a name, in order.
    fn look(&mut self, dirs: &[DirId], name: Name, loader: LoaderId) -> DirLookup {
        let mut found = DirLookup::None;
        if !self.spend(dirs.len()) {
            return found;
        }
        for &dir in dirs {
            if dir == DirId::UNKNOWN {
                self.met_unknown = true;
                continue;
            }
            let key = (loader, dir, name);
            let here = match self.looked.get(&key) {
                Some(found) => *found,
                None => {
                    let text = bytes_of(&self.names, name);
                    let by = of(&self.loaders, loader);
                    let found = self.dirs.look(self.image, dir, text, by);
                    self.looked.insert(key, found);
                    found
                }
            };
            found = found.or(here);
            if found.ends() {
                break;
            }
        }
        found
    }

    /// Looks up a path, which may be relative.
    pub(super) fn look_at(&mut self, path: &[u8], process: &LoaderProcess) -> (DirLookup, Name) {
        let file = self.intern(base(path));
        let dir = match path.contains(&b'/') {
            true => parent(path),
            false => b".",
        };
        let dir = self.dirs.get(self.image, dir, process.cwd.as_deref());
        if dir == DirId::UNKNOWN {
            self.met_unknown = true;
            return (DirLookup::None, file);
        }
        let by = of(&self.loaders, process.loader);
        let entry = self.dirs.look_here(self.image, dir, base(path), by);
        (entry, file)
    }

    /// Searches the places after the run paths: the cache, then the loader's default directories.
    fn look_last(
        &mut self,
        name: Name,
        process: &LoaderProcess,
        cache: bool,
        defaults: bool,
    ) -> FoundLibrary {
        let loader = process.loader;
        let usual = cache && defaults;
        if let Some(found) = self.plain.get(&(loader, name)).filter(|_| usual) {
            return *found;
        }
        let mut found = FoundLibrary {
            entry: DirLookup::None,
            how: How::Cache,
            file: name,
            tried: defaults,
        };
        let cached = self.get(loader).cache.as_ref().filter(|_| cache);
        let mut cached =
            cached.map_or_else(Vec::new, |cache| cache.paths(self.name(name)).to_vec());
        cached.sort_by_key(|path| search::rank(path));
        if !defaults {
            let dirs = &self.get(loader).dirs;
            cached.retain(|path| !dirs.iter().any(|dir| path.starts_with(dir)));
        }
        for path in cached {
            let (entry, file) = self.look_at(&path, process);
            found.entry = found.entry.or(entry);
            found.file = file;
            found.tried = true;
            if entry.ends() {
                break;
            }
        }
        if !found.entry.ends() && defaults {
            let dirs = self.default_dirs(loader).to_vec();
            found.entry = found.entry.or(self.look(&dirs, name, loader));
            found.file = name;
            found.how = How::DefaultDir;
        }
        if usual {
            self.plain.insert((loader, name), found);
        }
        found
    }

    /// Searches for a library that an object needs. `chain` is the object, the object that loaded it,
    /// and so on up to the program. It is empty for the program itself.
    pub(super) fn find(
        &mut self,
        name: Name,
        chain: &[ObjectId],
        process: &LoaderProcess,
    ) -> FoundLibrary {
        self.find_with(name, chain, process, true)
    }

    /// Like [`find`](Self::find), but `cache` selects whether the cache is searched.
    pub(super) fn find_with(
        &mut self,
        name: Name,
        chain: &[ObjectId],
        process: &LoaderProcess,
        cache: bool,
    ) -> FoundLibrary {
        let loader = process.loader;
        let mut found = FoundLibrary {
            entry: DirLookup::None,
            how: How::Path,
            file: name,
            tried: true,
        };
        let text = self.name(name).to_vec();
        if memchr::memchr(b'/', &text).is_some() {
            (found.entry, found.file) = self.look_at(&text, process);
            return found;
        }
        if text.is_empty() || text.len() > NAME_MAX {
            return found;
        }
        let musl = self.get(loader).kind == LoaderKind::Musl;
        let own = chain.first().copied();
        let object = own.and_then(|id| self.objects.get(id.0 as usize));
        let own_runpath = object.is_some_and(|object| object.has_runpath);
        let defaults = musl || !object.is_some_and(|object| object.no_default_lib);
        // glibc inherits RPATH only, and not into objects with a RUNPATH. musl inherits both, and
        // searches LD_LIBRARY_PATH first.
        let inherited = if musl || !own_runpath { chain } else { &[] };
        let mut steps: Vec<How> = inherited.iter().map(|&id| How::Rpath(id)).collect();
        match musl {
            true => steps.insert(0, How::LibraryPath),
            false => steps.push(How::LibraryPath),
        }
        steps.extend(own.filter(|_| !musl && own_runpath).map(How::Runpath));
        found.tried = false;
        for how in steps {
            let object = |id: ObjectId| self.objects.get(id.0 as usize);
            let dirs = match how {
                How::Rpath(id) => object(id).map(|object| match musl && object.has_runpath {
                    true => object.runpath.clone(),
                    false => object.rpath.clone(),
                }),
                How::Runpath(id) => object(id).map(|object| object.runpath.clone()),
                _ => Some(process.library_path.clone()),
            };
            let dirs = dirs.unwrap_or_default();
            found.tried |= !dirs.is_empty();
            let here = self.look(&dirs, name, loader);
            found.entry = found.entry.or(here);
            if found.entry.ends() {
                found.how = how;
                return found;
            }
        }
        let last = self.look_last(name, process, cache && !process.inhibit_cache, defaults);
        FoundLibrary {
            entry: found.entry.or(last.entry),
            tried: found.tried || last.tried,
            ..last
        }
    }
}
