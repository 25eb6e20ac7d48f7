//! Directories of a user's own, as the XDG Base Directory Specification places them. What stands in
//! them is believed, so nobody else may be able to put anything there.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// The directory `imgfs` in that of an environment variable, else in one below `$HOME`. A relative
/// path is ignored, as the specification wants it.
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

/// Makes directories that are not there, the outermost first, each checked before anything is put
/// into it.
///
/// # Errors
/// If one cannot be made, or is not this user's alone to write. The error names the path.
pub(crate) fn make(dirs: &[PathBuf]) -> io::Result<()> {
    if let Some(outermost) = dirs.first() {
        check_place(outermost)?;
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    for dir in dirs {
        match builder.create(dir) {
            // As on a disk that cannot be written: what is there can be read all the same, if it is a
            // directory.
            Err(_) if dir.exists() => {}
            made => made.map_err(about(dir))?,
        }
        check_dir(dir)?;
    }
    Ok(())
}

/// Whether root may make the directory here. In the home of a user (sudo keeps `$HOME` on some
/// systems) it would belong to root, and the user could never use it.
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

/// Whether a directory is this user's alone to write.
///
/// # Errors
/// If it is not, or is none. The error names the path.
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

/// Why others could have written something.
pub(crate) enum NotAlone {
    /// It is theirs.
    Owner,
    /// Its permissions let them.
    Mode,
}

/// Whether only this user can have written something.
pub(crate) fn check_owner(meta: &fs::Metadata) -> Result<(), NotAlone> {
    if meta.uid() != geteuid().as_raw() {
        return Err(NotAlone::Owner);
    }
    if meta.mode() & 0o022 != 0 {
        return Err(NotAlone::Mode);
    }
    Ok(())
}

/// An error that says which file or directory it is about.
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
