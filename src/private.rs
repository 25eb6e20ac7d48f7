//! The user's own directories, as defined by the XDG Base Directory Specification. Their contents
//! are trusted, so no other user may be able to write to them.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// Returns the directory `imgfs` in the directory that an environment variable names, else in
/// `below_home` under `$HOME`. Relative paths are ignored, as the specification requires.
pub(crate) fn default_path(variable: &str, below_home: &str) -> Option<PathBuf> {
    let base = |name| absolute(std::env::var_os(name));
    choose(base(variable), base("HOME"), below_home)
}

fn choose(set: Option<PathBuf>, home: Option<PathBuf>, below_home: &str) -> Option<PathBuf> {
    let base = set.or_else(|| Some(home?.join(below_home)));
    Some(base?.join("imgfs"))
}

fn absolute(value: Option<OsString>) -> Option<PathBuf> {
    value.map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Creates the directories that do not exist, outermost first. Each is checked before anything is
/// created in it.
///
/// # Errors
/// If a directory cannot be created, or if other users can write to it. The error names the path.
pub(crate) fn make(dirs: &[PathBuf]) -> io::Result<()> {
    if let Some(outermost) = dirs.first() {
        check_place(outermost)?;
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    for dir in dirs {
        match builder.create(dir) {
            // For instance on a read-only disk. An existing directory can still be read.
            Err(_) if dir.exists() => {}
            made => made.map_err(about(dir))?,
        }
        check_dir(dir)?;
    }
    Ok(())
}

/// Refuses to let root create the directory in another user's directory. In a user's home (on some
/// systems sudo keeps `$HOME`) it would belong to root, and the user could never use it.
fn check_place(path: &Path) -> io::Result<()> {
    let user = geteuid();
    let mut above = path.ancestors().skip(1);
    if !user.is_root() || path.exists() {
        return Ok(());
    }
    let Some((dir, meta)) = above.find_map(|dir| Some((dir, fs::metadata(dir).ok()?))) else {
        return Ok(());
    };
    if meta.uid() == user.as_raw() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "{}: not made by root below {}, which belongs to uid {}",
            path.display(),
            dir.display(),
            meta.uid()
        ),
    ))
}

/// Checks that only this user can write to a directory.
///
/// # Errors
/// If other users can write to it, or if it is not a directory. The error names the path.
pub(crate) fn check_dir(path: &Path) -> io::Result<()> {
    let meta = fs::metadata(path).map_err(about(path))?;
    let fault = if meta.is_dir() {
        match check_owner(&meta) {
            Ok(()) => return Ok(()),
            Err(NotAlone::Owner) => format!("it belongs to another user (uid {})", meta.uid()),
            Err(NotAlone::Mode) => {
                let name = path.display();
                format!("other users may write to it (chmod go-w {name})")
            }
        }
    } else {
        "it is not a directory".to_owned()
    };
    Err(about(path)(io::Error::new(
        io::ErrorKind::PermissionDenied,
        fault,
    )))
}

/// Why another user could have written to a file or directory.
pub(crate) enum NotAlone {
    /// It belongs to another user.
    Owner,
    /// Its permissions allow it.
    Mode,
}

/// Checks that only this user can have written to a file or directory.
pub(crate) fn check_owner(meta: &fs::Metadata) -> Result<(), NotAlone> {
    if meta.uid() != geteuid().as_raw() {
        return Err(NotAlone::Owner);
    }
    if meta.mode() & 0o022 != 0 {
        return Err(NotAlone::Mode);
    }
    Ok(())
}

/// Returns a function that adds a path to an I/O error.
pub(crate) fn about(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_homes_are_ignored() {
        let path = |cache: Option<&str>, home: Option<&str>| {
            let env = |value: Option<&str>| absolute(value.map(OsString::from));
            choose(env(cache), env(home), ".cache")
        };
        let at = |path: &str| Some(PathBuf::from(path));
        assert_eq!(path(Some("/c"), Some("/h")), at("/c/imgfs"));
        assert_eq!(path(None, Some("/h")), at("/h/.cache/imgfs"));
        assert_eq!(path(Some("c"), Some("/h")), at("/h/.cache/imgfs"));
        assert_eq!(path(Some(""), Some("/h")), at("/h/.cache/imgfs"));
        assert_eq!(path(Some("c"), Some("h")), None);
        assert_eq!(path(None, None), None);
    }
}
