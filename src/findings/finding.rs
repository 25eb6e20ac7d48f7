//! A finding: its id, severity, location, reason, and hint how to fix it.

use std::fmt;

use crate::tree::NodeId;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For information only.
    Info,
    /// Something fails if it is used.
    Warn,
    /// The main program of the image does not run.
    Fail,
}

impl Level {
    /// Returns the name of the level, as in `/.imgfs/findings.tsv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// Returns the level with this name.
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

/// Declares the ids with their names in one place, so that no list can miss one.
macro_rules! ids {
    ($($(#[$doc:meta])* $id:ident = $name:literal,)*) => {
        /// The kinds of findings. The names are stable: scripts and `--ignore` rely on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Id {
            $($(#[$doc])* $id,)*
        }

        impl Id {
            /// All ids.
            pub const ALL: &[Self] = &[$(Self::$id),*];

            /// Returns the stable name of the id.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }
        }
    };
}

ids! {
    /// The machine of an executable differs from that of the image: `exec format error`.
    ArchMismatch = "arch-mismatch",
    /// The index, the config and most of the executables disagree about the platform.
    ConfigMismatch = "config-mismatch",
    /// Layers contain executables for different machines.
    MixedArchitectures = "mixed-architectures",
    /// The operating system of an executable differs from that of the image.
    WrongOs = "wrong-os",
    /// An executable requires a newer processor than the image declares.
    VariantTooNew = "variant-too-new",
    /// The loader that an executable names is not in the image.
    MissingLoader = "missing-loader",
    /// A needed library is not in any place where the loader looks.
    MissingLibrary = "missing-library",
    /// An executable needs a symbol version that the library does not define.
    GlibcTooOld = "glibc-too-old",
    /// A file built for one C library meets another.
    LibcMismatch = "libc-mismatch",
    /// An executable needs a symbol that no library exports.
    MissingSymbol = "missing-symbol",
    /// The interpreter that a script names is not in the image.
    MissingInterpreter = "missing-interpreter",
    /// The program that the image starts is not in the image.
    MissingEntrypoint = "missing-entrypoint",
    /// The config's user may not execute the program that the image starts: execute bits, search
    /// permission.
    PermissionDenied = "permission-denied",
    /// The kernel cannot execute the file: no `#!`, empty, a page of HTML.
    ExecFormatError = "exec-format-error",
    /// A script that the image starts ends with an error of its own.
    EarlyExit = "early-exit",
    /// The program of the HEALTHCHECK cannot be started.
    BrokenHealthcheck = "broken-healthcheck",
    /// A file's claims about its platform contradict its header.
    IdentityMismatch = "identity-mismatch",
    /// Users are looked up by name, and the files needed for that are missing.
    UserLookup = "user-lookup",
    /// TLS is used, and there are no root certificates.
    NoCaCertificates = "no-ca-certificates",
    /// Time zones are used, and there is no zoneinfo.
    NoTimezoneData = "no-timezone-data",
    /// A Go toolchain built for another platform.
    ForeignToolchain = "foreign-toolchain",
    /// A Go build cache that holds archives of several platforms.
    MixedBuildCache = "mixed-build-cache",
    /// This host can run the image only with emulation.
    NeedsEmulation = "needs-emulation",
    /// A whiteout that names nothing.
    BadWhiteout = "bad-whiteout",
    /// The same path more than once in a layer.
    DuplicateEntry = "duplicate-entry",
    /// A path that leads out of the root.
    EscapingPath = "escaping-path",
    /// Part of an archive or a document that other readers interpret differently.
    AmbiguousArchive = "ambiguous-archive",
    /// Bytes that do not match their digest.
    DigestMismatch = "digest-mismatch",
    /// A media type whose compression differs from that of the bytes.
    MediaTypeMismatch = "media-type-mismatch",
    /// An executable that is shorter than its headers say.
    TruncatedBinary = "truncated-binary",
    /// The image ships a file with the path of an executable's sidecar.
    ShadowedSidecar = "shadowed-sidecar",
    /// The image ships attributes under `user.imgfs.`.
    ShadowedXattr = "shadowed-xattr",
    /// The headers of an ELF file mean different things to different readers.
    ContradictoryHeaders = "contradictory-headers",
}

impl Id {
    /// Returns the id with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.name() == name)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of finding.
    pub id: Id,
    /// The severity.
    pub level: Level,
    /// Path in the image, starting with `/`; empty if the finding concerns the whole image.
    pub path: Box<[u8]>,
    /// The node that it concerns, if any. All names of a file share its findings.
    pub node: Option<NodeId>,
    /// The layer that the file comes from, from 0.
    pub layer: Option<u32>,
    /// The reason, in one line: what was found and what was expected.
    pub detail: String,
    /// How to fix it, in one line.
    pub hint: String,
}

/// The state of the interpreter that an executable names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterpreterStatus {
    /// It is in the image and can be started.
    Ok,
    /// It is not in the image, or is not an executable.
    Missing,
    /// It is in the image but built for another machine.
    WrongArch,
}

impl InterpreterStatus {
    /// Returns the name of the status, the value of `INTERPRETER_STATUS`.
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
        assert_eq!(Id::from_name("no-such"), None);
        assert_eq!(Level::from_name("fail"), Some(Level::Fail));
        assert!(Level::Info < Level::Warn && Level::Warn < Level::Fail);
    }
}
