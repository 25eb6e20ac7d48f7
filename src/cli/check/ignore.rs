//! The values of `--ignore`: `ID` or `ID:GLOB`.

use std::str::FromStr;

use imgfs::findings::{Finding, Id};

/// A rule for findings that do not count and are not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ignore {
    id: Id,
    /// Matched against the path. Without it, the rule applies to every path.
    glob: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IgnoreError {
    #[error("unknown finding {0:?}; choose one of: {all}", all = names())]
    NoSuchId(String),
    #[error("{0:?} has no pattern after the colon; write {1}:/usr/lib/**, or {1} for all of them")]
    NoGlob(String, Id),
}

/// Returns all ids, for messages.
fn names() -> String {
    let names: Vec<_> = Id::ALL.iter().map(|id| id.name()).collect();
    names.join(" ")
}

/// Returns the id with this name.
pub(crate) fn id(name: &str) -> Result<Id, IgnoreError> {
    Id::from_name(name).ok_or_else(|| IgnoreError::NoSuchId(name.to_owned()))
}

impl FromStr for Ignore {
    type Err = IgnoreError;

    fn from_str(text: &str) -> Result<Self, IgnoreError> {
        let (name, glob) = match text.split_once(':') {
            Some((name, glob)) => (name, Some(glob)),
            None => (text, None),
        };
        let id = id(name)?;
        let glob = match glob {
            Some("") => return Err(IgnoreError::NoGlob(text.to_owned(), id)),
            // Paths in an image are absolute, but users often write them without the leading slash.
            Some(glob) if !glob.starts_with(['/', '*']) => Some(format!("/{glob}")),
            other => other.map(str::to_owned),
        };
        Ok(Self { id, glob })
    }
}

impl Ignore {
    /// Whether the rule applies to this finding.
    pub(super) fn covers(&self, finding: &Finding) -> bool {
        let globbed = |glob: &String| matches(glob.as_bytes(), &finding.path);
        self.id == finding.id && self.glob.as_ref().is_none_or(globbed)
    }
}

/// Whether a path matches a pattern. `?` matches one byte except `/`, `*` any number of bytes except `/`,
/// and `**` any number of bytes. Every other byte matches itself.
fn matches(glob: &[u8], path: &[u8]) -> bool {
    // `starts[n]`: whether the pieces so far match the first n bytes of the path. The time is at most the
    // length of the pattern times the length of the path.
    let mut starts = vec![false; path.len() + 1];
    if let Some(first) = starts.first_mut() {
        *first = true;
    }
    let mut rest = glob;
    while let [first, tail @ ..] = rest {
        let (piece, tail) = match (first, tail) {
            (b'*', [b'*', tail @ ..]) => (Piece::Path, tail),
            (b'*', tail) => (Piece::Name, tail),
            (b'?', tail) => (Piece::Byte, tail),
            (byte, tail) => (Piece::Literal(*byte), tail),
        };
        rest = tail;
        let mut next = vec![false; path.len() + 1];
        let mut open = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let here = starts.get(at).copied().unwrap_or(false);
            let before = at.checked_sub(1);
            let byte = before.and_then(|b| path.get(b)).copied();
            let from = before.and_then(|b| starts.get(b)).copied().unwrap_or(false);
            *slot = match piece {
                Piece::Literal(wanted) => from && byte == Some(wanted),
                Piece::Byte => from && byte != Some(b'/'),
                Piece::Name | Piece::Path => {
                    // A match that began earlier extends over this byte.
                    open &= piece == Piece::Path || byte != Some(b'/');
                    open |= here;
                    open
                }
            };
        }
        starts = next;
    }
    starts.last().copied().unwrap_or(false)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Literal(u8),
    Byte,
    Name,
    Path,
}

#[cfg(test)]
mod tests {
    use super::super::report::sample::finding;
    use super::*;
    use imgfs::findings::Level;

    #[test]
    fn patterns() {
        for (glob, path, expected) in [
            ("/a", "/a", true),
            ("/a", "/a/b", false),
            ("/*", "/a", true),
            ("/*", "/a/b", false),
            ("/**", "/a/b", true),
            ("/usr/lib/**", "/usr/lib/x/y.so", true),
            ("/usr/lib/**", "/usr/lib", false),
            ("/usr/*/y", "/usr/lib/y", true),
            ("/usr/*/y", "/usr/lib/x/y", false),
            ("/usr/**/y", "/usr/lib/x/y", true),
            ("**.so", "/usr/lib/x.so", true),
            ("**.so", "/usr/lib/x.so.1", false),
            ("*.so", "/x.so", false),
            ("/?", "/a", true),
            ("/?", "//", false),
            ("/?", "/", false),
            ("/a*b*c", "/abbbc", true),
            ("/a*b*c", "/abbbd", false),
            ("/[a]", "/[a]", true),
            ("", "", true),
        ] {
            let is = matches(glob.as_bytes(), path.as_bytes());
            assert_eq!(is, expected, "{glob} {path}");
        }
        // The time is at most the length of the pattern times the length of the path.
        let glob = "*a".repeat(200);
        assert!(!matches(
            glob.as_bytes(),
            format!("{}b", "a".repeat(4000)).as_bytes()
        ));
    }

    #[test]
    fn an_id_and_a_pattern() {
        let found = finding(Id::WrongOs, Level::Fail, b"/opt/tool/app.exe");
        let covers = |text: &str| text.parse::<Ignore>().unwrap().covers(&found);
        assert!(covers("wrong-os"));
        assert!(covers("wrong-os:/opt/**"));
        assert!(covers("wrong-os:opt/tool/*.exe"));
        assert!(!covers("wrong-os:/srv/**"));
        assert!(!covers("arch-mismatch"));
        // The message lists them.
        let error = "wrong".parse::<Ignore>().unwrap_err().to_string();
        assert!(
            error.contains("\"wrong\"") && error.contains(" wrong-os "),
            "{error}"
        );
        assert!("wrong-os:".parse::<Ignore>().is_err());
    }
}
