//! Finds out whether a layer removed a file that a step does not find.

use std::io;

use super::chain::{Cause, StepFailure};
use super::image::Image;
use super::refusal::Reason;
use crate::tree::Removed;

/// Returns the removal of the file whose absence caused a failure. `None` if no layer contained it, or
/// if nothing is missing.
///
/// # Errors
/// Returns an error if the layers cannot be read.
pub(super) fn find(image: &Image<'_>, failure: &StepFailure) -> io::Result<Option<Removed>> {
    match &failure.cause {
        Cause::NotInPath(name) => {
            for dir in image.search_path() {
                let path = [dir.as_bytes(), b"/", name.as_bytes()].concat();
                let removed = image.evidence.removed(&image.absolute(&path))?;
                if removed.is_some() {
                    return Ok(removed);
                }
            }
            Ok(None)
        }
        Cause::Refused(refusal) => match &refusal.reason {
            Reason::Missing(at) => image.evidence.removed(&image.absolute(at)),
            Reason::NotRegular(_) => image.evidence.removed(&image.absolute(&refusal.path)),
            _ => Ok(None),
        },
        Cause::Loader => match library(&failure.message) {
            Some(name) => {
                let removed = image.evidence.removed_named(name.as_bytes())?;
                Ok(removed.into_iter().next())
            }
            None => Ok(None),
        },
        Cause::Launcher | Cause::Killed => Ok(None),
    }
}

/// Returns the library that a loader's message is about (glibc, `elf/dl-load.c`; musl,
/// `ldso/dynlink.c`).
fn library(message: &str) -> Option<&str> {
    let glibc = message
        .split_once("error while loading shared libraries: ")
        .filter(|(_, rest)| rest.contains("cannot open shared object file"));
    let musl = message.split_once("Error loading shared library ");
    let (_, rest) = glibc.or(musl)?;
    rest.split_once(':').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_loaders_name_the_library() {
        let glibc = "/app: error while loading shared libraries: libx.so.1: cannot open shared object \
                     file: No such file or directory";
        assert_eq!(library(glibc), Some("libx.so.1"));
        let musl =
            "Error loading shared library libx.so.1: No such file or directory (needed by /app)";
        assert_eq!(library(musl), Some("libx.so.1"));
        let other = "/app: error while loading shared libraries: libx.so.1: file too short";
        assert_eq!(library(other), None);
    }
}
