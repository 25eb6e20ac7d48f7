//! Go programs without the header of the build information.
//!
//! Such programs exist: esbuild 0.28 is one, on every platform. The linker still wrote the text of
//! modules between its two marks, and the version of the toolchain as a separate string, both among
//! the constants. So they can be searched for in a file that is known to be a Go program by other
//! evidence.

use memchr::memmem;

use super::header::{END, START};
use super::modinfo;
use crate::inspect::binary::GoBuild;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The limit in `header`, including the marks.
const MODINFO_LIMIT: u64 = 4 << 20;

/// Longer than any version and any mark.
const OVERLAP: u64 = 64;

/// The maximum number of strings that begin like a version but are not, such as names of files in
/// the standard library.
const ATTEMPTS: usize = 1 << 12;

/// The version that the linker uses if it is unknown.
const UNKNOWN: &str = "unknown";

/// Searches the file ranges `(offset, end)` of read-only data. If neither text nor version is
/// found, the result is a Go program of unknown version.
pub(super) fn find(source: &dyn Source, read_only: &[(u64, u64)]) -> GoBuild {
    let mark = memmem::Finder::new(&START);
    let prefix = memmem::Finder::new(b"go1.");
    let mut text_at = None;
    let mut version = None;
    let mut attempts = ATTEMPTS;
    for &(offset, end) in read_only {
        let len = end.saturating_sub(offset);
        read::scan(source, offset, len, OVERLAP, |base, window| {
            text_at = text_at.or_else(|| base.checked_add(mark.find(window)? as u64));
            if version.is_none() {
                let left = attempts;
                let hits = prefix.find_iter(window).take(left);
                let mut found = hits.inspect(|_| attempts -= 1);
                // A version follows a NUL or is aligned, because the constant before it may end
                // with any byte.
                version = found.find_map(|at| {
                    let after_nul = at.checked_sub(1).and_then(|at| window.get(at)) == Some(&0);
                    let aligned = base.checked_add(at as u64)? % 8 == 0;
                    version_at(window.get(at..)?).filter(|_| after_nul || aligned)
                });
            }
            (text_at.is_some() && version.is_some()).then_some(())
        });
    }
    let text = text_at.and_then(|at| text(source, at));
    let mut build = text.as_deref().map(modinfo::parse).unwrap_or_default();
    build.version = version.unwrap_or_else(|| UNKNOWN.into());
    build
}

/// Reads the text between the marks.
fn text(source: &dyn Source, at: u64) -> Option<Vec<u8>> {
    let at = at.checked_add(START.len() as u64)?;
    // The end is nearly always within the first step.
    for limit in [16 << 10, MODINFO_LIMIT] {
        let mut bytes = read::prefix(source, at, limit, limit)?;
        if let Some(end) = memmem::find(&bytes, &END) {
            bytes.truncate(end);
            return Some(bytes);
        }
    }
    None
}

/// Parses a version such as `go1.26.5` or `go1.27rc1`, which must end with a NUL.
fn version_at(bytes: &[u8]) -> Option<String> {
    let end = bytes
        .iter()
        .take(OVERLAP as usize)
        .position(|&byte| byte == 0)?;
    let version = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let number = version.strip_prefix("go1.")?;
    let fits = number.starts_with(|c: char| c.is_ascii_digit())
        && number
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-+_: ".contains(c));
    fits.then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_and_the_version_stand_alone() {
        let text = b"path\tgithub.com/evanw/esbuild/cmd/esbuild\nbuild\tGOOS=linux\n";
        let file = [
            b"(go1.2\0go1.go1.\0\0go1.26.5\0\0",
            &START[..],
            text,
            &END,
            b"junk",
        ]
        .concat();
        let build = find(&file, &[(0, file.len() as u64)]);
        assert_eq!(build.version, "go1.26.5");
        assert_eq!(
            build.path.as_deref(),
            Some("github.com/evanw/esbuild/cmd/esbuild")
        );
        assert_eq!(build.setting("GOOS"), Some("linux"));
    }

    #[test]
    fn either_may_be_missing() {
        let of = |bytes: &[u8]| find(&bytes.to_vec(), &[(0, bytes.len() as u64)]);
        let version = |bytes: &[u8]| of(bytes).version;
        assert_eq!(
            version(&[&START[..], b"path\tx\n", &END].concat()),
            "unknown"
        );
        assert_eq!(of(b"\0go1.27rc1\0").path, None);
        assert_eq!(version(b"\0go1.27rc1\0"), "go1.27rc1");
        assert_eq!(of(&[&START[..], b"path\tx\n"].concat()).path, None);
        assert_eq!(version(b"\0go1.org\0"), "unknown");
    }
}
