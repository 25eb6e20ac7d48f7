//! What is asked about one program as it is executed, and the answer.

use super::direct::Direct;
use crate::launch::environment::Environment;
use crate::launch::user::Credentials;
use crate::tree::NodeId;

/// A program as it is executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadRequest<'r> {
    /// The file that execve(2) maps: the program, or the loader itself if `direct` says so.
    pub program: NodeId,
    /// The path that execve(2) was given (AT_EXECFN).
    pub path: &'r str,
    /// The first argument, which glibc's messages begin with.
    pub argv0: &'r str,
    /// The variables.
    pub environment: &'r Environment,
    /// The working directory, absolute; `None` if it is unknown.
    pub cwd: Option<&'r str>,
    /// Whose permissions count when a library is opened.
    pub reader: &'r Credentials,
    /// Whether the process is privileged (AT_SECURE, getauxval(3)): setuid, setgid, or capabilities.
    pub secure: bool,
    /// For a loader that is executed itself: its options, and the program's name as it was given.
    pub direct: Option<(&'r Direct, &'r str)>,
    /// Whether symbols are looked up. That takes most of the time.
    pub symbols: bool,
}

/// How a loader found a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// DT_RPATH of the object at this path, or musl's run path of either kind.
    Rpath(String),
    /// DT_RUNPATH of the object at this path.
    Runpath(String),
    /// LD_LIBRARY_PATH, or `--library-path`.
    LibraryPath,
    /// `ld.so.cache`.
    Cache,
    /// A directory that the loader looks into by itself.
    DefaultDir,
    /// The name has a slash, so it is a path.
    Path,
    /// The loader itself, which is in memory from the start. musl's is the C library, too.
    BuiltIn,
}

impl Rule {
    /// The rule in a few words: `RUNPATH of /app`, `ld.so.cache`.
    pub fn describe(&self) -> String {
        match self {
            Self::Rpath(of) => format!("RPATH of {of}"),
            Self::Runpath(of) => format!("RUNPATH of {of}"),
            Self::LibraryPath => "LD_LIBRARY_PATH".to_owned(),
            Self::Cache => "ld.so.cache".to_owned(),
            Self::DefaultDir => "default directory".to_owned(),
            Self::Path => "its path".to_owned(),
            Self::BuiltIn => "the loader itself".to_owned(),
        }
    }
}

/// A library that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// The name by which it was needed first.
    pub name: String,
    /// The path by which the loader opened it, as the loader composes it: `..` and links are in it.
    pub path: String,
    /// The file.
    pub node: NodeId,
    /// How it was found.
    pub rule: Rule,
    /// The library that needed it first, by its place in [`Loaded::libraries`]; `None` if that is the
    /// program, or if it was preloaded.
    pub needed_by: Option<usize>,
    /// Whether it comes from LD_PRELOAD, `--preload` or `/etc/ld.so.preload`.
    pub preloaded: bool,
}

/// Why a program is not started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureKind {
    /// A library is not found.
    #[default]
    Missing,
    /// A file of a library's name is there and cannot be loaded.
    Broken,
    /// A symbol version is not defined.
    Version,
    /// A symbol is not defined.
    Symbol,
    /// The program that the loader was told to load is not found or cannot be loaded.
    Program,
    /// The loader does not understand its own arguments.
    Usage,
}

/// What a loader says when it does not start a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Which kind it is.
    pub kind: FailureKind,
    /// What it says first, without the program's name before it.
    pub message: String,
    /// All lines that it writes to standard error because of failures, as they are.
    pub lines: Vec<String>,
    /// The exit status; `None` if it is unknown.
    pub status: Option<u8>,
}

/// A symbol that nothing in the closure defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The path of the object that wants it, as in [`Library::path`]; for the program as in messages.
    pub by: String,
    /// Its node.
    pub node: NodeId,
    /// The symbol.
    pub symbol: String,
    /// The version of it that is wanted.
    pub version: Option<String>,
    /// Whether it fails when the function is called first, and not at start.
    pub at_call: bool,
}

/// What a loader does for a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The program; `None` if the loader was told to load one that is not there.
    pub program: Option<NodeId>,
    /// The loader; `None` if the program names none or it is not in the image.
    pub loader: Option<NodeId>,
    /// The libraries, in the order in which they are loaded.
    pub libraries: Vec<Library>,
    /// Why the program is not started, if it is not.
    pub failure: Option<Failure>,
    /// A file of the name of the first missing library that the process may not open, so that the loader
    /// passed over it.
    pub closed: Option<String>,
    /// Lines that the loader writes to standard error and goes on.
    pub warnings: Vec<String>,
    /// Symbols that nothing defines, both those that are fatal at start and those of lazy calls.
    pub lacking: Vec<Lacking>,
    /// Whether something that decides the answer is unknown: a variable, the working directory, a
    /// symbol table. The answer then holds as if it were unset or empty.
    pub unknown: bool,
}
