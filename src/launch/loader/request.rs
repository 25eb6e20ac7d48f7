//! The question about one program execution that the loader module answers, and its answer.

use crate::launch::environment::Environment;
use crate::launch::user::Credentials;
use crate::tree::NodeId;

/// One program execution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadRequest<'r> {
    /// The file that execve(2) maps: the program, or with `direct` the loader itself.
    pub program: NodeId,
    /// The path passed to execve(2) (AT_EXECFN).
    pub path: &'r str,
    /// The first argument, with which glibc's messages begin.
    pub argv0: &'r str,
    /// The environment variables.
    pub environment: &'r Environment,
    /// The working directory, absolute; `None` if it is unknown.
    pub cwd: Option<&'r str>,
    /// The user whose permissions apply when a library is opened.
    pub reader: &'r Credentials,
    /// Whether the process is privileged (AT_SECURE, getauxval(3)): setuid, setgid, or capabilities.
    pub secure: bool,
    /// If the loader is executed directly, its options and the program's name as given.
    pub direct: Option<(&'r Direct, &'r str)>,
    /// Whether symbols are looked up, which takes most of the time.
    pub symbols: bool,
}

/// The options in a loader's arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Direct {
    /// The index of the program in the loader's arguments. The program's own arguments follow it.
    pub program: usize,
    /// `--argv0`: the program's first argument, instead of its name.
    pub argv0: Option<String>,
    /// `--library-path`, which replaces LD_LIBRARY_PATH.
    pub library_path: Option<String>,
    /// `--preload`, in addition to LD_PRELOAD with glibc, and instead of it with musl.
    pub preload: Option<String>,
    /// `--inhibit-cache`: `ld.so.cache` is not searched.
    pub inhibit_cache: bool,
    /// `--list`, `--verify`: the program is examined but not started.
    pub only_looks: bool,
}

/// The rule by which a loader found a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// DT_RPATH of the object at this path, or either kind of run path with musl.
    Rpath(String),
    /// DT_RUNPATH of the object at this path.
    Runpath(String),
    /// LD_LIBRARY_PATH, or `--library-path`.
    LibraryPath,
    /// `ld.so.cache`.
    Cache,
    /// A default directory of the loader.
    DefaultDir,
    /// The name contains a slash, so it is a path.
    Path,
    /// The loader itself, which is loaded from the start. With musl, it is also the C library.
    BuiltIn,
}

impl Rule {
    /// Describes the rule in a few words, such as `RUNPATH of /app` or `ld.so.cache`.
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
    /// The name by which it was first needed.
    pub name: String,
    /// The path by which the loader opened it, as the loader composes it. It may contain `..` and
    /// links.
    pub path: String,
    /// The file.
    pub node: NodeId,
    /// How it was found.
    pub rule: Rule,
    /// The library that needed it first, as an index in [`Loaded::libraries`]. `None` if that is the
    /// program, or if the library was preloaded.
    pub needed_by: Option<usize>,
    /// Whether it comes from LD_PRELOAD, `--preload` or `/etc/ld.so.preload`.
    pub preloaded: bool,
}

/// The reason why a program is not started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureKind {
    /// A library is not found.
    #[default]
    Missing,
    /// A file with a library's name exists but cannot be loaded.
    Broken,
    /// A symbol version is not defined.
    Version,
    /// A symbol is not defined.
    Symbol,
    /// The program that the loader was told to load is not found or cannot be loaded.
    Program,
    /// The loader rejects its own arguments.
    Usage,
}

/// A loader's output when it does not start a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// The first message, without the program's name in front.
    pub message: String,
    /// All lines that the loader writes to standard error because of failures, verbatim.
    pub lines: Vec<String>,
    /// The exit status; `None` if it is unknown.
    pub status: Option<u8>,
}

/// A symbol that nothing in the closure defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The path of the object that needs it, as in [`Library::path`]. The program appears as in
    /// messages.
    pub by: String,
    /// The object's node.
    pub node: NodeId,
    /// The symbol.
    pub symbol: String,
    /// The required version of the symbol.
    pub version: Option<String>,
    /// Whether the failure occurs at the first call of the function, and not at start.
    pub at_call: bool,
}

/// The result of loading a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The program; `None` if the loader was told to load one that does not exist.
    pub program: Option<NodeId>,
    /// The loader; `None` if the program names none or it is not in the image.
    pub loader: Option<NodeId>,
    /// The libraries, in the order in which they are loaded.
    pub libraries: Vec<Library>,
    /// Why the program is not started; `None` if it is started.
    pub failure: Option<Failure>,
    /// A file with the name of the first missing library that the loader skipped because the process
    /// may not open it.
    pub closed: Option<String>,
    /// Lines that the loader writes to standard error before it continues.
    pub warnings: Vec<String>,
    /// Symbols that nothing defines, both those that are fatal at start and those needed by lazy calls.
    pub lacking: Vec<Lacking>,
    /// Whether something that determines the result is unknown: a variable, the working directory, a
    /// symbol table. The result then assumes that it is unset or empty.
    pub unknown: bool,
}
