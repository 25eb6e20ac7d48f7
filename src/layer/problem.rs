//! Problems in an archive. A problem never stops a mount and is never corrected silently: it is
//! recorded, with the path that it concerns, for the log and the findings.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ambiguity::Ambiguity;

/// A problem with one entry of a layer, or with a layer as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerProblem {
    /// Number of the layer, from 0, as in the manifest.
    pub layer: usize,
    /// Path as written in the archive; empty if the problem concerns the whole layer.
    pub path: Box<[u8]>,
    /// The kind of problem.
    pub kind: ProblemKind,
}

/// The kinds of problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemKind {
    /// A whiteout with an empty name, `.` or `..` after `.wh.`, or an entry below a whiteout.
    BadWhiteout,
    /// The same path more than once in one layer. The last entry is used.
    DuplicateEntry,
    /// A path that leads out of the root. It is kept inside the root.
    EscapingPath,
    /// A media type whose compression differs from that of the bytes.
    MediaType {
        /// The compression by the media type.
        claimed: String,
        /// The compression that the bytes have.
        found: String,
    },
    /// A file that begins like an executable but ends inside its header.
    TruncatedBinary,
    /// A hard link whose target does not exist. It is left out.
    DanglingHardLink(Box<[u8]>),
    /// An entry below something that is not a directory, which is replaced by a directory.
    ParentNotDirectory,
    /// A path with a symbolic link loop in its parents. It is left out.
    SymlinkLoop,
    /// A tar type that creates nothing in a file system. The entry is left out.
    UnknownType(u8),
    /// A name over 255 bytes or a path over 4096 bytes, which no file system supports. It is left out.
    NameTooLong,
    /// An entry with the path of the virtual `/.imgfs`, which hides it.
    ReservedName,
    /// An entry, or the layer as a whole, that other readers interpret differently.
    Ambiguous(Ambiguity),
}

impl ProblemKind {
    /// Returns the stable name of the kind, as in `/.imgfs/findings.tsv`.
    pub fn id(&self) -> &'static str {
        match self {
            Self::BadWhiteout => "bad-whiteout",
            Self::DuplicateEntry => "duplicate-entry",
            Self::EscapingPath => "escaping-path",
            Self::MediaType { .. } => "media-type-mismatch",
            Self::TruncatedBinary => "truncated-binary",
            Self::DanglingHardLink(_) => "dangling-hard-link",
            Self::ParentNotDirectory => "parent-not-directory",
            Self::SymlinkLoop => "symlink-loop",
            Self::UnknownType(_) => "unknown-type",
            Self::NameTooLong => "name-too-long",
            Self::ReservedName => "reserved-name",
            Self::Ambiguous(_) => "ambiguous-archive",
        }
    }
}

impl fmt::Display for LayerProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: layer {}", self.kind.id(), self.layer)?;
        if !self.path.is_empty() {
            write!(f, ": {}", printable(&self.path))?;
        }
        write!(f, ": {}", self.kind)
    }
}

/// Describes the problem without its location.
impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProblemKind::BadWhiteout => f.write_str("a whiteout that names nothing; ignored"),
            ProblemKind::DuplicateEntry => {
                f.write_str("more than once in this layer; the last one counts")
            }
            ProblemKind::EscapingPath => f.write_str("climbs out of the root; kept inside it"),
            ProblemKind::MediaType { claimed, found } => {
                write!(f, "its media type says {claimed}, its bytes are {found}")
            }
            ProblemKind::TruncatedBinary => {
                f.write_str("an executable that is cut off in its header")
            }
            ProblemKind::DanglingHardLink(target) => {
                let target = printable(target);
                write!(f, "a hard link to {target}, which does not exist; left out")
            }
            ProblemKind::ParentNotDirectory => {
                f.write_str("its parent is not a directory; replaced by one")
            }
            ProblemKind::SymlinkLoop => {
                f.write_str("a symbolic link among its parents is dangling or in a loop; left out")
            }
            ProblemKind::UnknownType(flag) => {
                write!(f, "tar type {flag:#04x} is not a type of file; left out")
            }
            ProblemKind::NameTooLong => {
                f.write_str("its name is too long for any file system; left out")
            }
            ProblemKind::ReservedName => f.write_str("hidden by imgfs's own /.imgfs"),
            ProblemKind::Ambiguous(ambiguity) => ambiguity.fmt(f),
        }
    }
}

/// Returns a path in printable form, with control characters, backslashes and invalid UTF-8 as `\xNN`.
pub fn printable(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '\\' {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    text.push_str(&format!("\\x{byte:02x}"));
                }
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_cannot_paint_the_terminal() {
        assert_eq!(
            printable(b"a\x1b[31m\xff\\ \xc3\xa4"),
            r"a\x1b[31m\xff\x5c ä"
        );
    }
}
