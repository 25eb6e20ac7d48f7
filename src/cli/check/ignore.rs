//! The values of `--ignore`: `ID` or `ID:GLOB`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use crate::findings::{Finding, Id};

/// A rule for findings that do not count and are not shown.
#[derive(Clone, Debug)]
pub(crate) struct Ignore {
    id: Id,
    /// Matched against the path. Without it, the rule applies to every path.
    glob: Option<GlobMatcher>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IgnoreError {
    #[error("unknown finding {0:?}; choose one of: {all}", all = names())]
    NoSuchId(String),
    #[error("{0:?} has no pattern after the colon; write {1}:/usr/lib/**, or {1} for all of them")]
    NoGlob(String, Id),
    #[error("{0:?}: the pattern cannot be used: {1}")]
    BadGlob(String, globset::ErrorKind),
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
        let glob = glob.map(|glob| compile(&glob)).transpose();
        let glob = glob.map_err(|e| IgnoreError::BadGlob(text.to_owned(), e.kind().clone()))?;
        Ok(Self { id, glob })
    }
}

impl Ignore {
    /// Whether the rule applies to this finding.
    pub(super) fn covers(&self, finding: &Finding) -> bool {
        let path = OsStr::from_bytes(&finding.path);
        self.id == finding.id && self.glob.as_ref().is_none_or(|glob| glob.is_match(path))
    }
}

/// Any bytes, including slashes, at any place in a pattern. globset gives `**` this meaning only between
/// slashes, so this lists the cases: without a slash, and with at least one.
const ANY_BYTES: &str = "{*,*/**/*}";

/// Compiles a pattern for whole paths. `?` matches one byte except `/`, `*` any number of bytes except
/// `/`, and `**` any number of bytes. Every other byte matches itself.
///
/// # Errors
/// Returns an error if the pattern is too long to be compiled.
fn compile(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    let mut glob = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => glob.push_str(ANY_BYTES),
            // The other special characters of globset are ordinary here.
            '[' | ']' | '{' | '}' | '\\' => glob.extend(['\\', c]),
            c => glob.push(c),
        }
    }
    let mut builder = GlobBuilder::new(&glob);
    let glob = builder.literal_separator(true).backslash_escape(true);
    Ok(glob.build()?.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::super::report::sample::finding;
    use super::*;
    use crate::findings::Level;
    use proptest::prelude::*;

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
            ("/{a,b}", "/a", false),
            ("/{a,b}", "/{a,b}", true),
            ("/\\*", "/\\a", true),
            ("", "", true),
        ] {
            let is = compile(glob).unwrap().is_match(path);
            assert_eq!(is, expected, "{glob} {path}");
        }
        // Many stars do not make it slow.
        let glob = compile(&"*a".repeat(200)).unwrap();
        assert!(!glob.is_match(format!("{}b", "a".repeat(4000))));
    }

    /// The definition of docs/check.md, word by word.
    fn is_match(glob: &[u8], path: &[u8]) -> bool {
        match (glob, path) {
            ([b'*', b'*', glob @ ..], path) => {
                (0..=path.len()).any(|taken| is_match(glob, &path[taken..]))
            }
            ([b'*', glob @ ..], path) => {
                let name = path.iter().take_while(|byte| **byte != b'/').count();
                (0..=name).any(|taken| is_match(glob, &path[taken..]))
            }
            ([b'?', glob @ ..], [byte, path @ ..]) => *byte != b'/' && is_match(glob, path),
            ([wanted, glob @ ..], [byte, path @ ..]) => wanted == byte && is_match(glob, path),
            (glob, path) => glob.is_empty() && path.is_empty(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn random_patterns(
            glob in r"([ab/?\[\]{},!\\é]|\*\*?){0,7}",
            path in prop::collection::vec(prop::sample::select(b"ab/[]{},!\\*\n\xc3\xa9\xff".as_slice()), 0..8),
        ) {
            let ours = compile(&glob).unwrap().is_match(OsStr::from_bytes(&path));
            prop_assert_eq!(ours, is_match(glob.as_bytes(), &path));
        }
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
