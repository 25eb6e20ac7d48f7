//! The file that a rule checks, and what its loader loads with it.

use std::rc::Rc;

use super::draft::weigh;
use super::finding::Level;
use super::role::Role;
use crate::inspect::{BinaryKind, Libc};
use crate::launch::image::{File, Image};
use crate::launch::loader::{
    Closure, FailureKind, Loaded, LoaderId, LoaderProcess, ObjectId, Resolver,
};
use crate::launch::machine::can_run;

/// A file under check, and what is loaded with it.
pub(super) struct Subject<'s, 'a> {
    /// The image.
    pub image: &'a Image<'a>,
    /// The file.
    pub file: &'a File,
    /// The role of the file in the image.
    pub role: Role,
    /// The resolver for libraries and symbols.
    pub resolver: &'s mut Resolver<'a>,
    /// The loader of the file.
    pub loader: LoaderId,
    /// The process in which the config would start the file.
    pub process: Rc<LoaderProcess>,
    /// What is loaded with the file in that process.
    pub closure: &'s Closure,
    /// What is loaded with the file in the start chain, if the chain executes it.
    pub loaded: Option<&'s Loaded>,
}

impl Subject<'_, '_> {
    /// Returns true if the start chain executes the file and its loader finds all libraries there.
    pub(super) fn finds_all(&self) -> bool {
        self.loaded.is_some_and(|loaded| match &loaded.failure {
            _ if loaded.unknown => false,
            None => true,
            Some(failure) => !matches!(failure.kind, FailureKind::Missing | FailureKind::Broken),
        })
    }

    /// Returns true if the start chain executes the file in an environment that is not fully known.
    pub(super) fn is_uncertain(&self) -> bool {
        self.loaded.is_some_and(|loaded| loaded.unknown)
    }

    /// Returns the level of a finding that prevents the file from being loaded.
    pub(super) fn level(&self) -> Option<Level> {
        let on_start = match self.is_uncertain() {
            true => Level::Warn,
            false => Level::Fail,
        };
        match self.is_program() {
            true => weigh(self.role, on_start, Level::Fail),
            // A library that may never be loaded.
            false => Some(Level::Info),
        }
    }

    /// Returns true if the file is an executable program, and not a library.
    pub(super) fn is_program(&self) -> bool {
        self.file.binary.kind == BinaryKind::Executable && self.file.may_run
    }

    /// Returns true if the image's platform can run the file's machine. If it cannot, another rule
    /// reports the file.
    pub(super) fn is_native(&self) -> bool {
        let file = self.file;
        can_run(&self.image.declared.platform, file.os(), file.arch())
    }

    /// Returns the object that was loaded under a library name.
    pub(super) fn provider(&self, library: &[u8]) -> Option<ObjectId> {
        let name = self.resolver.known_name(library)?;
        if !self.resolver.spend(self.closure.known.len()) {
            return None;
        }
        let index = self.closure.provider(name)?;
        self.closure.objects.get(index).map(|(object, _)| *object)
    }
}

/// Returns the usual name of a C library.
pub(super) fn libc_name(libc: Option<Libc>) -> &'static str {
    match libc {
        Some(Libc::Glibc) => "glibc",
        Some(Libc::Musl) => "musl",
        Some(Libc::Bionic) => "Android's C library",
        Some(Libc::Uclibc) => "uClibc",
        _ => "that loader",
    }
}
