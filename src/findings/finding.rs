//! What one finding is: its id, how much it weighs, where it is, why, and what mends it.

use std::fmt;

use crate::tree::NodeId;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something will go wrong if it is used.
    Warn,
    /// What the image is for will not run.
    Fail,
}

impl Level {
    /// The word for it, as in `/.imgfs/findings.tsv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Info, Self::Warn, Self::Fail];
        all.into_iter().find(|level| level.name() == name)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Declares the ids with their words, so that none can be forgotten in one of the lists.
macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident = $name:literal,)*) => {
        /// What was found. The words are stable: scripts and `--ignore` go by them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Id {
            $($(#[$doc])* $id,)*
        }

        impl Id {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$id),*];

            /// The stable word for it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }
        }
    };
}

ids! {
    /// An executable's machine is not that of the image: `exec format error`.
    ArchMismatch = "arch-mismatch",
    /// Index, config and the bulk of the executables disagree about the platform.
    ConfigMismatch = "config-mismatch",
    /// Layers bring executables of different machines.
    MixedArchitectures = "mixed-architectures",
    /// An executable's operating system is not that of the image.
    WrongOs = "wrong-os",
    /// An executable wants a newer processor than the image declares.
    VariantTooNew = "variant-too-new",
    /// The loader that an executable names is not in the image.
    MissingLoader = "missing-loader",
    /// A library that is needed is not where the loader looks.
    MissingLibrary = "missing-library",
    /// A symbol version is needed that the library does not define.
    GlibcTooOld = "glibc-too-old",
    /// Something built for one C library meets another.
    LibcMismatch = "libc-mismatch",
    /// A symbol is needed that nothing exports.
    MissingSymbol = "missing-symbol",
    /// The interpreter that a script names is not in the image.
    MissingInterpreter = "missing-interpreter",
    /// What the image starts is not in it.
    MissingEntrypoint = "missing-entrypoint",
    /// The config's user may not execute what the image starts: execute bits, search permission.
    PermissionDenied = "permission-denied",
    /// The kernel executes no such file: no `#!`, empty, a page of HTML.
    ExecFormatError = "exec-format-error",
    /// A script of the start ends with an error of its own.
    EarlyExit = "early-exit",
    /// What the HEALTHCHECK starts cannot be started.
    BrokenHealthcheck = "broken-healthcheck",
    /// A file's claims about its platform disagree with its header.
    IdentityMismatch = "identity-mismatch",
    /// Users are looked up by name, and what that needs is not there.
    UserLookup = "user-lookup",
    /// TLS is used, and there are no root certificates.
    NoCaCertificates = "no-ca-certificates",
    /// Time zones are used, and there is no zoneinfo.
    NoTimezoneData = "no-timezone-data",
    /// A Go toolchain that was built for another platform.
    ForeignToolchain = "foreign-toolchain",
    /// A Go build cache that holds archives of several platforms.
    MixedBuildCache = "mixed-build-cache",
    /// This host can run it only by emulation.
    NeedsEmulation = "needs-emulation",
    /// A whiteout that names nothing.
    BadWhiteout = "bad-whiteout",
    /// The same path more than once in a layer.
    DuplicateEntry = "duplicate-entry",
    /// A path that climbs out of the root.
    EscapingPath = "escaping-path",
    /// Bytes of a layer that another reader understands differently.
    AmbiguousArchive = "ambiguous-archive",
    /// Bytes that are not those of their digest.
    DigestMismatch = "digest-mismatch",
    /// A media type that claims another compression than the bytes have.
    MediaTypeMismatch = "media-type-mismatch",
    /// An executable that is shorter than its headers say.
    TruncatedBinary = "truncated-binary",
    /// The image ships a file where the sidecar of an executable would be.
    ShadowedSidecar = "shadowed-sidecar",
    /// The image ships attributes under `user.imgfs.`.
    ShadowedXattr = "shadowed-xattr",
    /// The headers of an ELF file tell one reader something else than another.
    ContradictoryHeaders = "contradictory-headers",
}

impl Id {
    /// The id of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.name() == name)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub id: Id,
    /// How much it weighs.
    pub level: Level,
    /// Path in the image, from `/`; empty where the finding is about the image as a whole.
    pub path: Box<[u8]>,
    /// The node it is about, if any: all names of a file share its findings.
    pub node: Option<NodeId>,
    /// The layer that brought it, from 0.
    pub layer: Option<u32>,
    /// Why, in one line: what was found and what was expected.
    pub detail: String,
    /// What mends it, in one line.
    pub hint: String,
}

/// What became of the interpreter that an executable names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterpreterStatus {
    /// It is there and can be started.
    Ok,
    /// It is not in the image, or is no executable.
    Missing,
    /// It is there, and made for another machine.
    WrongArch,
}

impl InterpreterStatus {
    /// The word for it, the value of `INTERPRETER_STATUS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::WrongArch => "wrong-arch",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back() {
        for &id in Id::ALL {
            assert_eq!(Id::from_name(id.name()), Some(id));
            assert!(
                id.name()
                    .bytes()
                    .all(|b| b == b'-' || b.is_ascii_lowercase())
            );
        }
        assert_eq!(Id::ALL.len(), 33);
        assert_eq!(Id::from_name("no-such"), None);
        assert_eq!(Level::from_name("fail"), Some(Level::Fail));
        assert!(Level::Info < Level::Warn && Level::Warn < Level::Fail);
    }
}
