//! What an archive gets wrong. A problem never stops a mount and is never silently mended: it is
//! kept, with the path it concerns, for the log and the findings.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ambiguity::Ambiguity;

/// Something wrong with one entry of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Number of the layer, from 0, as in the manifest.
    pub layer: usize,
    /// Path as the archive has it; empty where the layer as a whole is meant.
    pub path: Box<[u8]>,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// The kinds of problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemKind {
    /// `.wh.` and nothing, `.` or `..` after it, or something below a whiteout.
    BadWhiteout,
    /// The same path twice in one layer; the later one counts.
    DuplicateEntry,
    /// A path that climbs out of the root; it was clamped there.
    EscapingPath,
    /// A media type that claims another compression than the bytes have.
    MediaType {
        /// What the media type says.
        claimed: String,
        /// What the bytes are.
        found: String,
    },
    /// A file whose first bytes are those of an executable that then ends too early.
    TruncatedBinary,
    /// A hard link whose target is not there; it was left out.
    DanglingHardLink(Box<[u8]>),
    /// Below something that is not a directory; that was replaced by one.
    ParentNotDirectory,
    /// Symbolic links in its parents go in circles; it was left out.
    SymlinkLoop,
    /// A tar type that makes nothing in a file system; it was left out.
    UnknownType(u8),
    /// A name over 255 bytes or a path over 4096, which no file system holds; it was left out.
    NameTooLong,
    /// A file at the place of the virtual `/.imgfs`, which hides it.
    ReservedName,
    /// Another reader of the layer sees something else.
    Ambiguous(Ambiguity),
}

impl ProblemKind {
    /// The stable word for it, as in `/.imgfs/findings.tsv`.
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

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: layer {}", self.kind.id(), self.layer)?;
        if !self.path.is_empty() {
            write!(f, ": {}", printable(&self.path))?;
        }
        write!(f, ": {}", self.kind)
    }
}

/// What is wrong, without where.
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

/// A path for people: control characters, backslashes and what is not UTF-8 as `\xNN`.
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
